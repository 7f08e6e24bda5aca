package web

import (
	"bufio"
	"bytes"
	"io"
	"iter"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// A bulkView is the page at which many products are created, and what became of them.
type bulkView struct {
	// Key is that under which they are created. It stays the same until all of them are, so
	// that who mends some lines can send everything again.
	Key string
	// Sent reports whether some were sent. Result says what became of them all, Failed and
	// Created of each, as far as the page shows them, and the others count the rest.
	Sent             bool
	Result           bulkResult
	Failed, Created  []bulkLine
	MoreFailed, More int
	// Problem says why nothing was read.
	Problem *httpapi.Problem
}

// A bulkLine is what became of a line, and what it says.
type bulkLine struct {
	lineResult
	Create catalog.CreateProduct
}

const (
	// mostFailed and mostCreated are how many lines of each kind the page shows: what came
	// to nothing has to be mended, the rest is in the catalogue.
	mostFailed  = 500
	mostCreated = 100
)

// bulkForm answers GET /products/bulk, which is a page alone.
func (s *Site) bulkForm(w http.ResponseWriter, r *http.Request) error {
	if form, _ := httpapi.Wanted(r); form != httpapi.AsHTML {
		return httpapi.NotAcceptable.Problem("this is a page; programs send lines to POST /products/bulk")
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	return s.bulkPage(w, r, http.StatusOK, bulkView{Key: uuid.NewString()})
}

func (s *Site) bulkPage(w http.ResponseWriter, r *http.Request, status int, body bulkView) error {
	return s.render(w, r, status, "bulk", view{Title: "Many products", Nav: "products", Body: body})
}

// createFromForm takes POST /products/bulk from the page: what is pasted, or else a file,
// read while it arrives. It is answered with the page, on which each line is told of.
func (s *Site) createFromForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBulk)
	parts, err := r.MultipartReader()
	if err != nil {
		return httpapi.Malformed.Problem("the form cannot be read: %v", err)
	}
	body := bulkView{Key: uuid.NewString()}
	lines, err := s.bulkLines(parts, &body.Key)
	if err == nil && lines == nil {
		err = httpapi.Invalid.Problem("there is nothing to read: paste some lines, or choose a file")
	}
	if err == nil {
		body.Sent = true
		err = s.createLines(r, body.line, lines, body.Key)
	}
	status := http.StatusOK
	if err != nil {
		body.Problem = bulkProblem(err)
		body.Problem.Instance = daybook.TraceOf(r.Context()).Correlation
		s.Log.WarnContext(r.Context(), "bulk ended early", "lines", body.Result.Lines, "error", err)
		if body.Result.Lines == 0 {
			status, body.Sent = body.Problem.Status, false
		}
	}
	s.Carry(w, body.Result.Token, "") // so that the pages after this show them
	if err == nil && body.Result.Failed == 0 {
		body.Key = uuid.NewString()
	}
	return s.bulkPage(w, r, status, body)
}

// bulkLines returns the lines that a form holds, and its key; nil if there are none.
func (s *Site) bulkLines(parts *multipart.Reader, key *string) (iter.Seq2[catalog.Line, error], error) {
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, &unreadError{err}
		}
		if part.FormName() == "key" {
			given, err := io.ReadAll(io.LimitReader(part, 1<<10))
			if err != nil {
				return nil, &unreadError{err}
			}
			if *key, err = httpapi.CheckKey(string(given)); err != nil {
				return nil, err
			}
			continue
		}
		// What is pasted is a part too if nothing is, and so is a file that nobody chose.
		begun := bufio.NewReaderSize(part, catalog.MaxLine)
		head, err := begun.Peek(catalog.MaxLine)
		if err != nil && err != io.EOF {
			return nil, &unreadError{err}
		}
		if head = bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\ufeff"))); len(head) > 0 {
			return linesOf(begun, head), nil
		}
	}
}

// linesOf reads lines in whichever form they begin: JSON objects, or a table whose first
// line names its columns.
func linesOf(from io.Reader, head []byte) iter.Seq2[catalog.Line, error] {
	if head[0] == '{' {
		return catalog.ReadJSONLines(from)
	}
	header, _, _ := strings.Cut(string(head), "\n")
	for _, separator := range "\t;" {
		if strings.ContainsRune(header, separator) {
			return catalog.ReadTable(from, separator)
		}
	}
	return catalog.ReadTable(from, ',')
}

// line notes what became of a line.
func (v *bulkView) line(line catalog.Line, result lineResult, at daybook.Point) error {
	v.Result.count(result, at)
	told := bulkLine{result, line.Create}
	switch {
	case result.Problem != nil && len(v.Failed) < mostFailed:
		v.Failed = append(v.Failed, told)
	case result.Problem != nil:
		v.MoreFailed++
	case len(v.Created) < mostCreated:
		v.Created = append(v.Created, told)
	default:
		v.More++
	}
	return nil
}

// Wrong says what is wrong with a line.
func (l bulkLine) Wrong() string {
	if l.Problem.Detail == "" {
		return l.Problem.Title
	}
	return l.Problem.Detail
}
