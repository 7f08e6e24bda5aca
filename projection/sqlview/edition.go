package sqlview

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Edition returns a definition of the same read model, in the same version, that lies
// beside it: to build it once more without taking the one that answers away. What [New]
// returns is edition 1. Edition panics if n is below 1.
func (d *Definition) Edition(n int) *Definition {
	if n < 1 {
		panic(fmt.Sprintf("sqlview: edition %d of %s; the first edition is 1", n, d.name))
	}
	other := *d
	other.edition = n
	return &other
}

// Edition returns which edition of its version the view is.
func (v *View) Edition() int { return v.def.edition }

// Editions lists the editions of this version that were made in a directory, from the
// oldest.
func (d *Definition) Editions(dir string) ([]int, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("sqlview: list the editions of %s version %d: %w", d.name, d.version, err)
	}
	files, err := d.files(dir)
	if err != nil {
		return nil, fmt.Errorf("sqlview: list the editions of %s version %d: %w", d.name, d.version, err)
	}
	var editions []int
	for _, file := range files {
		if file.version == d.version {
			editions = append(editions, file.edition)
		}
	}
	return editions, nil
}

// EditionsIn lists the editions of this version that were made in a PostgreSQL database,
// from the oldest.
func (d *Definition) EditionsIn(ctx context.Context, url string) (editions []int, err error) {
	db, err := openPostgres(ctx, url, d)
	if err != nil {
		return nil, fmt.Errorf("sqlview: list the editions of %s version %d: %w", d.name, d.version, err)
	}
	defer db.close()
	err = db.read(ctx, func(rows *Reader) error {
		for row, err := range rows.Query(`select nspname from pg_namespace where nspname like ?`, d.Edition(1).PostgresSchema()+"%") {
			var name string
			if err == nil {
				err = row.Scan(&name)
			}
			if err != nil {
				return err
			}
			edition := 1
			if found := edited.FindStringSubmatch(name); found != nil {
				edition, _ = strconv.Atoi(found[1]) // digits; what is too long is no name of ours
			}
			if edition > 0 && d.Edition(edition).PostgresSchema() == name {
				editions = append(editions, edition)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sqlview: list the editions of %s version %d: %w", d.name, d.version, err)
	}
	slices.Sort(editions)
	return editions, nil
}

// suffix tells an edition after the first from it, in the names of places, and what the
// store changes itself from both.
func (d *Definition) suffix(between string) string {
	switch d.edition {
	case 1:
		return ""
	case synchronousEdition:
		return between + "sync"
	}
	return fmt.Sprintf("%se%d", between, d.edition)
}

// File returns the name of the file that [Definition.Open] keeps the read model in, in its
// directory. SQLite has others beside it, whose names begin with it.
func (d *Definition) File() string {
	return fmt.Sprintf("%s-v%d%s.db", d.name, d.version, d.suffix("-"))
}

// PostgresSchema returns the name of the schema that [Definition.OpenIn] keeps the read model
// in.
func (d *Definition) PostgresSchema() string {
	return fmt.Sprintf("daybook_%s_v%d%s", d.name, d.version, d.suffix("_"))
}

// rows is the name under which it is kept where the read model stands.
func (d *Definition) rows() string { return d.name + d.suffix("#") }

var (
	versioned = regexp.MustCompile(`-v([1-9][0-9]*)(?:-e([1-9][0-9]*))?\.db$`)
	edited    = regexp.MustCompile(`_e([1-9][0-9]*)$`)
)

// files lists the files of all versions and editions in a directory, from the oldest.
func (d *Definition) files(dir string) ([]sibling, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []sibling
	for _, entry := range entries {
		found := versioned.FindStringSubmatch(entry.Name())
		if found == nil {
			continue
		}
		of := *d
		if of.version, err = strconv.Atoi(found[1]); err != nil {
			continue
		}
		if of.edition = 1; found[2] != "" {
			if of.edition, err = strconv.Atoi(found[2]); err != nil {
				continue
			}
		}
		if of.File() == entry.Name() { // and not that of another read model
			all = append(all, sibling{filepath.Join(dir, entry.Name()), of.version, of.edition})
		}
	}
	slices.SortFunc(all, func(a, b sibling) int {
		return cmp.Or(cmp.Compare(a.version, b.version), cmp.Compare(a.edition, b.edition))
	})
	return all, nil
}
