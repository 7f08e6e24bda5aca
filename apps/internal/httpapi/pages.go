package httpapi

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// common is what the pages of every application share: how they look, what makes them
// live, and the pages about problems.
//
//go:embed static templates
var common embed.FS

// Pages are the templates of a site, with the assets that they refer to and the
// description of its API.
type Pages struct {
	// Print is the fingerprint of all assets, with which their addresses change.
	Print string

	templates map[string]*template.Template
	assets    map[string][]byte
	openAPI   []byte
}

// NewPages reads the pages of a site: templates/*.html, of which layout.html is around
// all others and parts.html in all of them, what is in static, and openapi.json. The pages
// "problem", "problems" and "session", which every site has, are there already. It panics if
// they are not as they must be: such mistakes are found when the program starts. Words are
// what the templates say things with, besides those of [Words].
func NewPages(files fs.FS, words template.FuncMap) *Pages {
	p := &Pages{templates: make(map[string]*template.Template), assets: make(map[string][]byte)}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for _, from := range []fs.FS{common, files} {
		names, err := fs.Glob(from, "static/*")
		must(err)
		for _, name := range names {
			data, err := fs.ReadFile(from, name)
			must(err)
			p.assets[path.Base(name)] = data
		}
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.assets)) {
		sum.Write(p.assets[name])
	}
	p.Print = hex.EncodeToString(sum.Sum(nil)[:8])

	all := maps.Clone(Words)
	maps.Copy(all, words)
	all["asset"] = func(name string) string { return "/static/" + name + "?v=" + p.Print }
	around := template.Must(template.New("layout.html").Funcs(all).ParseFS(common, "templates/common.html"))
	template.Must(around.ParseFS(files, "templates/layout.html", "templates/parts.html"))
	for _, from := range []fs.FS{common, files} {
		names, err := fs.Glob(from, "templates/*.html")
		must(err)
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if page == "layout" || page == "parts" || page == "common" {
				continue
			}
			p.templates[page] = template.Must(template.Must(around.Clone()).ParseFS(from, name))
		}
	}
	var err error
	p.openAPI, err = fs.ReadFile(files, "openapi.json")
	must(err)
	return p
}

// Render answers with a page. Nobody keeps a page: the keys in its forms are good for
// one command each.
func (p *Pages) Render(s *Server, w http.ResponseWriter, r *http.Request, status int, page string, view any) {
	var out bytes.Buffer
	if err := p.templates[page].Execute(&out, view); err != nil {
		// Half a page is none.
		s.Log.ErrorContext(r.Context(), "render a page", "page", page, "error", err)
		Internal.Problem("").Write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // a client that is gone is nobody to tell
}

// assetTypes are the media types of assets, by the ends of their names.
var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// Static answers with the asset that {file} in the address names. Under an address that
// names its fingerprint it can be kept for good.
func (p *Pages) Static(w http.ResponseWriter, r *http.Request) error {
	asked, err := Ask(r, "v")
	if err != nil {
		return err
	}
	data, there := p.assets[r.PathValue("file")]
	if !there {
		return NotFound.Problem("%s is no address of this site", r.URL.Path)
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(r.PathValue("file"))])
	if Unchanged(w, r, p.Print) {
		return nil
	}
	if asked.Get("v") == p.Print {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(data)
	return nil
}

// OpenAPI answers with the description of the API.
func (p *Pages) OpenAPI(w http.ResponseWriter, r *http.Request) error {
	if _, err := Ask(r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if Unchanged(w, r, p.Print) {
		return nil
	}
	_, _ = w.Write(p.openAPI)
	return nil
}

// AllProblems returns one problem of each kind, to explain them.
func AllProblems() []Problem {
	all := make([]Problem, len(Kinds))
	for i, k := range Kinds {
		all[i] = *k.Problem("")
	}
	return all
}

// Words are what the templates of every site say things with.
var Words = template.FuncMap{
	"count":  Thousands,
	"plural": Plural,
	"when":   When,
	"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"date":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
	"local":  func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") },
	"dated":  func(t time.Time) bool { return !t.IsZero() },
	"kind":   func(p Problem) string { return p.Kind.Name },
}

// Thousands writes a whole number of any kind with thousands set apart.
func Thousands(n any) string { return Apart(fmt.Sprint(n)) }

// Apart sets the thousands of a whole number apart.
func Apart(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "\u2212", digits[1:] // a minus as wide as a plus
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// Plural returns a count with its noun.
func Plural(n any, one, many string) string {
	if fmt.Sprint(n) == "1" {
		return "1 " + one
	}
	return Thousands(n) + " " + many
}

// When writes a time for people, in UTC.
func When(t time.Time) string {
	if t.IsZero() {
		return "at a time nobody noted"
	}
	return t.UTC().Format("2 Jan 2006, 15:04")
}

// Capital returns s with a capital in front.
func Capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 || first == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}
