package sqlview

import "testing"

func TestPlaceholdersAreNumberedOutsideOfWhatIsQuoted(t *testing.T) {
	for from, want := range map[string]string{
		`select 1`:                               `select 1`,
		`insert into t values (?, ?,?)`:          `insert into t values ($1, $2,$3)`,
		`update t set a = ?2 where b = ?1`:       `update t set a = $2 where b = $1`,
		`select ?3, ?, ?1, ?`:                    `select $3, $4, $1, $5`,
		`select ?||'x'`:                          `select $1||'x'`,
		`select '?', 'it''s ?', ?`:               `select '?', 'it''s ?', $1`,
		`select 'a\', ?`:                         `select 'a\', $1`,
		`select E'a\'?', ?`:                      `select E'a\'?', $1`,
		`select e'\\', ?`:                        `select e'\\', $1`,
		`select tale'?', ?`:                      `select tale'?', $1`,
		`select "?", "a""?", ?`:                  `select "?", "a""?", $1`,
		"select ? -- and ?\n, ?":                 "select $1 -- and ?\n, $2",
		`select /* ? /* ? */ ? */ ?`:             `select /* ? /* ? */ ? */ $1`,
		`select $$?$$, $a$ $$ ? $a$, ?`:          `select $$?$$, $a$ $$ ? $a$, $1`,
		`select a$b$ ? $b$`:                      `select a$b$ $1 $b$`,
		`select $1, $2::text, ?`:                 `select $1, $2::text, $1`,
		`where tags ?? 'a' and tags ??| ?::text`: `where tags ? 'a' and tags ?| $1::text`,
		`where a - ? / ? > -?`:                   `where a - $1 / $2 > -$3`,
		`select 'no end ?`:                       `select 'no end ?`,
		`select "no end ?`:                       `select "no end ?`,
		`select /* no end ?`:                     `select /* no end ?`,
		`select $$ no end ?`:                     `select $$ no end ?`,
		`select ?--`:                             `select $1--`,
	} {
		if got := numbered(from); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", from, got, want)
		}
	}
}

func FuzzPlaceholders(f *testing.F) {
	for _, s := range []string{`select ?, '?', "?", $$?$$, /*?*/ ?3 -- ?`, `E'\`, `$a$?`, `??|`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { numbered(s) })
}
