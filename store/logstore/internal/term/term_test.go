package term

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// These numbers are on people's disks.
func TestTermsAreTheNumbersOfTheFormat(t *testing.T) {
	for _, c := range []struct {
		kind daybook.NameKind
		name string
		want uint64
	}{
		{Stream, "order-42", 0xcd25798eccbc162c},
		{Category, "order", 0x4a130de577e01aee},
		{Category, "", 0xee22b7ecb7b0f050},
		{Type, "OrderPlaced", 0x8ab80c44eb6e3043},
		{Tag, "customer:7", 0xb4d6da9534781837},
	} {
		if got := Hash(c.kind, c.name); got != c.want {
			t.Errorf("{%d, %q, %#x},", c.kind, c.name, got)
		}
	}
}

func TestANameAsStringAndAsBytesIsOneTerm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 100 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if Hash(Tag, b) != Hash(Tag, string(b)) {
			t.Errorf("%x has two terms", b)
		}
	}
	if OfCategory([]byte("order-42-b")) != Hash(Category, "order") || OfCategory([]byte("order")) != Hash(Category, "order") {
		t.Error("the category of a stream is not what stands before the first dash")
	}
}

func TestTermsOfSimilarNamesSpread(t *testing.T) {
	seen := map[uint64]bool{}
	var low [64]int
	const names = 1 << 16
	for i := range names {
		name := []byte{byte(i), byte(i >> 8), 0, 0, 0, 0, 0, 0, 0, 0, 0}
		h := Hash(Stream, name)
		seen[h] = true
		low[h%64]++
	}
	if len(seen) != names {
		t.Errorf("%d similar names have %d terms", names, len(seen))
	}
	for bucket, n := range low {
		if n < names/64*8/10 || n > names/64*12/10 {
			t.Errorf("%d of %d terms end in %d, want about %d", n, names, bucket, names/64)
		}
	}
}

func TestOnlyAnIDOfVersion7SaysWhenItWasMade(t *testing.T) {
	id := uuid.MustParse("019aa5c0-1234-7000-8000-000000000000")
	if made, ok := Made(id); !ok || made != 0x019aa5c01234 {
		t.Errorf("a version 7 was made at %x (%v)", made, ok)
	}
	id[6] = 0x80
	if _, ok := Made(id); ok {
		t.Error("an id of version 8 says when it was made")
	}
}
