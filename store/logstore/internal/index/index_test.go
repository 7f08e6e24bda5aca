package index

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

var identity = Identity{Number: 7, End: 1 << 20, Checksum: 0xdecade}

// random returns a table of so many events, and what should be found in it.
func random(seed uint64, events int) (*Table, map[uint64][]uint32) {
	r := rand.New(rand.NewPCG(seed, 1))
	table, want := new(Table), map[uint64][]uint32{}
	common := []uint64{r.Uint64() | 1, r.Uint64() | 1, 1, ^uint64(0)}
	for i := range uint32(events) {
		terms := []uint64{r.Uint64() | 1, common[r.IntN(len(common))]}
		table.Add(8+i*3, terms)
		for _, term := range terms {
			want[term] = append(want[term], 8+i*3)
		}
		table.AddMade(1000 + uint64(i))
	}
	return table, want
}

func fileOf(t *testing.T, b []byte) *File {
	t.Helper()
	f, err := Open(readerOf(b), identity)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func readerOf(b []byte) func([]byte, int64) error {
	return func(p []byte, offset int64) error {
		if offset < 0 || offset+int64(len(p)) > int64(len(b)) {
			return io.ErrUnexpectedEOF
		}
		copy(p, b[offset:])
		return nil
	}
}

func descending(t *testing.T, ix Index, term uint64) []uint32 {
	t.Helper()
	var found []uint32
	for below := ^uint32(0); ; {
		some, err := ix.Newest(term, below, make([]uint32, 0, 3))
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		found = append(found, some...)
		below = some[len(some)-1]
	}
	slices.Reverse(found)
	return found
}

// Two names of one event may have the same number. Whoever asks for either finds the event
// once.
func TestATermTwiceInAnEventIsOne(t *testing.T) {
	table := new(Table)
	table.Add(8, []uint64{5, 7, 7})
	table.Add(16, []uint64{7, 5, 7})
	for name, ix := range map[string]Index{"table": table, "file": fileOf(t, Encode(table, identity)), "what is left of the table": table.Before(24)} {
		postings, err := ix.Postings(7, 0, ^uint32(0), nil)
		n, counting := ix.Count(7)
		if err != nil || counting != nil || n != 2 || !slices.Equal(postings, []uint32{8, 16}) || !slices.Equal(descending(t, ix, 7), postings) {
			t.Errorf("%s: %d, %v, %v, %v; want 8 and 16", name, n, postings, err, counting)
		}
	}
}

func TestTableAndFileFindWhatWasAdded(t *testing.T) {
	for _, events := range []int{0, 1, 2, 100, 5000, 40_000} {
		table, want := random(uint64(events), events)
		for name, ix := range map[string]Index{"table": table, "file": fileOf(t, Encode(table, identity))} {
			for term, postings := range want {
				found, err := ix.Postings(term, 0, ^uint32(0), nil)
				if err != nil || !slices.Equal(found, postings) {
					t.Fatalf("%s of %d events: term %x has postings %v (%v), want %v", name, events, term, found, err, postings)
				}
				if n, err := ix.Count(term); n != len(postings) || err != nil {
					t.Fatalf("%s of %d events: term %x has %d postings (%v), want %d", name, events, term, n, err, len(postings))
				}
				if found := descending(t, ix, term); !slices.Equal(found, postings) {
					t.Fatalf("%s of %d events: term %x descends %v, want %v", name, events, term, found, postings)
				}
			}
			for term, postings := range want {
				if len(postings) < 5 {
					continue
				}
				n := len(postings)
				for _, part := range [][2]int{{0, n - 1}, {1, n}, {n / 3, n/3 + 1}, {n / 2, n/2 + 2}} {
					from, to := postings[part[0]], postings[part[1]-1]+1
					if found, err := ix.Postings(term, from, to, nil); err != nil || !slices.Equal(found, postings[part[0]:part[1]]) {
						t.Fatalf("%s of %d events: term %x has postings %v (%v) from %d to %d, want %v", name, events, term, found, err, from, to, postings[part[0]:part[1]])
					}
				}
			}
			for term := range uint64(1000) {
				if n, err := ix.Count((term + 2) << 40); n != 0 || err != nil {
					t.Fatalf("%s of %d events has %d postings (%v) of a term that was not added", name, events, n, err)
				}
			}
			if has := ix.MayHaveID(1000); has != (events > 0) {
				t.Errorf("%s of %d events may have the first id: %v", name, events, has)
			}
			if ix.MayHaveID(999) || ix.MayHaveID(1000+uint64(events)) {
				t.Errorf("%s of %d events may have an id from before or after all of its own", name, events)
			}
		}
	}
}

func TestATableCutBackHasNothingFromThereOn(t *testing.T) {
	table, want := random(3, 1000)
	cut := table.Before(1500)
	for term, postings := range want {
		n, _ := slices.BinarySearch(postings, 1500)
		if found, _ := cut.Postings(term, 0, ^uint32(0), nil); !slices.Equal(found, postings[:n]) {
			t.Fatalf("term %x has postings %v, want %v", term, found, postings[:n])
		}
	}
}

func TestABloomFilterIsRarelyWrong(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := make(bloom, bloomWords(10_000))
	for range 10_000 {
		b.add(r.Uint64())
	}
	wrong := 0
	for range 10_000 {
		if b.mayHave(r.Uint64()) {
			wrong++
		}
	}
	if wrong > 400 {
		t.Errorf("of 10,000 terms that were not added the filter may have %d, want about 200", wrong)
	}
}

// Goal: whatever happens to an index file, a term's postings are right or there is an
// error. Method: each byte of a small file is changed in turn, and each page is cut off
// or takes the place of each other.
func TestNoDamageToAFileGivesWrongPostings(t *testing.T) {
	table, want := random(5, 700)
	good := Encode(table, identity)
	check := func(what string, b []byte) {
		t.Helper()
		f, err := Open(readerOf(b), identity)
		if err != nil {
			return
		}
		noticed := false
		for term, postings := range want {
			found, err := f.Postings(term, 0, ^uint32(0), nil)
			if err != nil {
				noticed = true
			} else if !slices.Equal(found, postings) {
				t.Fatalf("%s: term %x has postings %v, want %v or an error", what, term, found, postings)
			}
		}
		if !noticed {
			t.Errorf("%s: nobody noticed", what)
		}
	}
	for at := 0; at < len(good); at += 61 {
		b := slices.Clone(good)
		b[at] ^= 1 << (at % 8)
		check("a bit changed", b)
	}
	for page := 0; page < len(good)/pageBytes; page++ {
		check("cut off", good[:page*pageBytes])
		for other := range page {
			b := slices.Clone(good)
			copy(b[page*pageBytes:][:pageBytes], good[other*pageBytes:])
			check("a page twice", b)
		}
	}
	if _, err := Open(readerOf(good), Identity{Number: 8, End: identity.End, Checksum: identity.Checksum}); !errors.Is(err, ErrDamaged) {
		t.Errorf("the index of another segment opens with %v, want ErrDamaged", err)
	}
}
