package daybook

import (
	"testing"

	"github.com/google/uuid"
)

func TestDerivedIDs(t *testing.T) {
	// What was derived once must be derived again for ever: these are known answers.
	v7, v4 := uuid.MustParse("018f1234-5678-7abc-8def-0123456789ab"), uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")
	for _, c := range []struct {
		got  uuid.UUID
		want string
	}{
		{DeriveID(v7, "order"), "018f1234-5678-8b20-87b9-39db0101e2df"},
		{DeriveID(v4, "order"), "925437be-987e-83a9-8638-370acf1c2404"},
		{EventID(v7, 0), "018f1234-5678-8e23-aad2-324de586fd57"},
		{EventID(v4, 258), "c8b33a64-7bc9-88fa-aafb-6abdea30e1ac"},
	} {
		if c.got.String() != c.want {
			t.Errorf("derived %s, want %s", c.got, c.want)
		}
		if c.got.Version() != 8 || c.got.Variant() != uuid.RFC4122 {
			t.Errorf("%s is of version %d, want 8", c.got, c.got.Version())
		}
	}
	seen := make(map[uuid.UUID]bool)
	for n := range 1000 {
		seen[EventID(v7, n)] = true
		seen[EventID(v4, n)] = true
	}
	if len(seen) != 2000 {
		t.Errorf("2000 events have %d ids", len(seen))
	}
}
