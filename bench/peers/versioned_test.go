package peers

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Those that are measured on one server record an event under the version that its stream
// is at, and under no other.
func TestSharedPeersMindTheVersion(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		if _, err := postgresBinaries(); err != nil {
			t.Skip(err)
		}
		dir := t.TempDir()
		openDirs(t, dir)
		server, err := OpenPostgres(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		for _, c := range []struct {
			name string
			open func(url string) (Versioned, error)
		}{
			{"ours", func(url string) (Versioned, error) { return OpenPgstore(t.Context(), url) }},
			{"plain", func(url string) (Versioned, error) { return OpenPlain(t.Context(), url, false) }},
			{"locked", func(url string) (Versioned, error) { return OpenPlain(t.Context(), url, true) }},
		} {
			url, err := server.(*Postgres).Database(t.Context(), c.name)
			if err != nil {
				t.Fatal(err)
			}
			minds(t, c.name, func() (Versioned, error) { return c.open(url) })
		}
	})
	t.Run("JetStream", func(t *testing.T) {
		dir := t.TempDir()
		cluster, err := StartCluster(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		minds(t, "ours", func() (Versioned, error) { return OpenNatsstore(t.Context(), cluster, dir, "one", 1) })
		minds(t, "forwarded", func() (Versioned, error) { return OpenNatsstore(t.Context(), cluster, dir, "two", 2) })
		minds(t, "published", func() (Versioned, error) { return OpenPublisher(t.Context(), cluster, "three") })
	})
}

func minds(t *testing.T, name string, open func() (Versioned, error)) {
	t.Helper()
	p, err := open()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}()
	appendAt := func(at daybook.Version) error {
		event := daybook.Event{ID: uuid.New(), Stream: "order-1", Type: "Placed", Tags: []string{"a"}, Data: []byte(`{}`)}
		return p.AppendAt(context.Background(), event, at)
	}
	for at := range daybook.Version(3) {
		if err := appendAt(at); err != nil {
			t.Fatalf("%s, version %d: %v", name, at, err)
		}
	}
	if err := appendAt(0); err == nil {
		t.Errorf("%s recorded under a version that has passed", name)
	}
	if err := appendAt(3); err != nil {
		t.Errorf("%s, after a refusal: %v", name, err)
	}
}
