package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/command"
)

// The forms in which many products may be sent.
const (
	linesBody    = "application/jsonl"
	linesBodyToo = "application/x-ndjson"
	tableBody    = "text/csv"
	filesBody    = "multipart/form-data" // of a page
)

const (
	// maxBulk bounds one request, in bytes. Who has more sends several.
	maxBulk = 1 << 30
	// bulkBatch is how many bytes of lines are recorded in one append at most, beside
	// [catalog.MaxTogether] products: every store takes 900 KiB of events, and an event has
	// some 300 bytes more than its line. In a table a backslash or a tab has one byte, and two
	// in an event.
	bulkBatch = 224 << 10
	// bulkHeld is how many bytes of results are kept until all lines are read. Most clients
	// send all that they have before they listen, and one that has more than this to hear
	// must listen while it sends.
	bulkHeld = 1 << 20
)

// A lineResult says what became of one line.
type lineResult struct {
	Line int `json:"line"`
	// Status is what the same product would have been answered with alone.
	Status   int    `json:"status"`
	ID       string `json:"id,omitempty"`
	Location string `json:"location,omitempty"`
	// Problem says why it is not created, and Column where in the line, if it is in one place.
	Problem *httpapi.Problem `json:"problem,omitempty"`
	Column  int              `json:"column,omitempty"`
}

// A bulkResult is the last line of an answer: what became of all. If it is missing the
// answer was cut off.
type bulkResult struct {
	Done    bool `json:"done"`
	Lines   int  `json:"lines"`
	Created int  `json:"created"`
	Failed  int  `json:"failed"`
	// Token is that of the last products: with it a query shows all of them.
	Token daybook.Point `json:"token,omitzero"`
	// Problem says why the lines after these were not looked at. What is created stays; the
	// same request sent again goes on.
	Problem *httpapi.Problem `json:"problem,omitempty"`
}

// count adds a line to what became of all, which was created by a point.
func (b *bulkResult) count(result lineResult, at daybook.Point) {
	if !at.IsZero() {
		b.Token = at
	}
	b.Lines++
	if result.Problem == nil {
		b.Created++
	} else {
		b.Failed++
	}
}

// createMany takes POST /products/bulk: products to be created, each in a line of its own.
// It answers with a line for each, in their order, whatever becomes of the others.
//
// Under an Idempotency-Key each line creates a product with an id of its own, which derives
// from the key and the number of the line. So the same request sent again, after whatever
// interrupted it, creates what is missing, and is answered as if it had not been sent
// before. Without a key each request is another.
func (s *Site) createMany(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	media, err := httpapi.MediaType(r, linesBody, linesBodyToo, tableBody, filesBody)
	if err != nil {
		return err
	}
	if media == filesBody {
		return s.createFromForm(w, r)
	}
	key, err := httpapi.KeyOf(r)
	if err != nil {
		return err
	}
	if key == "" {
		key = uuid.NewString()
	}
	read := catalog.ReadJSONLines
	if media == tableBody {
		read = catalog.ReadCSV
	}
	// Results may be sent before all lines are read.
	_ = http.NewResponseController(w).EnableFullDuplex() // a recorder in a test has no connection
	out := &bulkWriter{w: w}
	defer func() { s.own.note(r, out.sum.Token) }()
	err = s.createLines(r, out.line, read(http.MaxBytesReader(w, r.Body, maxBulk)), key)
	if err != nil && out.sum.Lines == 0 {
		return bulkProblem(err)
	}
	if err != nil {
		out.sum.Problem = bulkProblem(err)
		out.sum.Problem.Instance = daybook.TraceOf(r.Context()).Correlation
		s.Log.ErrorContext(r.Context(), "bulk ended early", "lines", out.sum.Lines, "error", err)
	}
	return out.end()
}

// bulkProblem says which problem it is that lines were not read, or not recorded.
func bulkProblem(err error) *httpapi.Problem {
	header, away, unread := (*catalog.HeaderError)(nil), (*daybook.UnavailableError)(nil), (*unreadError)(nil)
	switch {
	case errors.As(err, &header):
		return httpapi.Malformed.Problem("%s", header.Error())
	case errors.As(err, &unread):
		return httpapi.ProblemOf(httpapi.CutShort(unread.error))
	case errors.As(err, &away):
		problem := httpapi.Unavailable.Problem("the log cannot take it")
		problem.Advice = "What is told above is recorded. Send the same again with the same Idempotency-Key, and it goes on."
		return problem
	}
	problem := *httpapi.ProblemOf(err)
	return &problem
}

// An unreadError says what came in the way of reading lines.
type unreadError struct{ error }

func (e *unreadError) Unwrap() error { return e.error }

// A batch is lines whose products are created in one append.
type batch struct {
	lines []catalog.Line
	err   error // what came in the way of reading more
}

// batches reads lines, ahead of whoever records them.
func batches(ctx context.Context, lines iter.Seq2[catalog.Line, error]) <-chan batch {
	all := make(chan batch, 1)
	go func() {
		defer close(all)
		send := func(b batch) bool {
			select {
			case all <- b:
				return true
			case <-ctx.Done():
				return false
			}
		}
		var next batch
		size := 0
		for line, err := range lines {
			if err != nil {
				// Whole lines before a broken one are as good as any.
				next.err = &unreadError{err}
				break
			}
			if len(next.lines) > 0 && (len(next.lines) == catalog.MaxTogether || size+line.Size > bulkBatch) {
				if !send(next) {
					return
				}
				next, size = batch{}, 0
			}
			next.lines = append(next.lines, line)
			size += line.Size
		}
		send(next)
	}()
	return all
}

// createLines creates the products of lines, many in each append, and tells what became of
// each. A bulk may go on for hours, so that it is looked before each append whether its sender
// is known still.
func (s *Site) createLines(r *http.Request, tell func(catalog.Line, lineResult, daybook.Point) error, lines iter.Seq2[catalog.Line, error], key string) error {
	ctx := r.Context()
	reading, stop := context.WithCancel(ctx)
	ahead := batches(reading, lines)
	defer func() {
		stop()
		for range ahead { // until whoever reads the body has ended
		}
	}()
	for b := range ahead {
		if err := s.StillKnown(r); err != nil {
			return err
		}
		results, at, err := s.createBatch(ctx, b.lines, key)
		if err != nil {
			return err
		}
		for i, result := range results {
			if err := tell(b.lines[i], result, at); err != nil {
				return err
			}
		}
		if b.err != nil {
			return b.err
		}
	}
	return ctx.Err()
}

// createBatch creates the products of some lines in one append, and returns what became of
// each line, and at which point.
func (s *Site) createBatch(ctx context.Context, lines []catalog.Line, key string) ([]lineResult, daybook.Point, error) {
	principal := access.Of(ctx).Name
	results := make([]lineResult, len(lines))
	var together catalog.CreateProducts
	var of []int // which lines they are
	for i, line := range lines {
		results[i].Line = line.Number
		if line.Wrong != nil {
			results[i].fail(lineProblem(line))
			results[i].Column = line.Column
			continue
		}
		id := command.KeyID(principal, "CreateProducts", key+"/"+strconv.Itoa(line.Number)).Derive("product")
		results[i].ID = id
		together.Products = append(together.Products, line.Create.New(id))
		of = append(of, i)
	}
	if len(together.Products) == 0 {
		return results, daybook.Point{}, nil
	}
	var outcomes []catalog.Outcome
	together.Told = func(o []catalog.Outcome) { outcomes = o }
	receipt, err := s.Do(ctx, s.bus, command.Envelope{Principal: principal}, "CreateProducts", together, "", "products", len(together.Products))
	if err != nil {
		return nil, daybook.Point{}, err
	}
	for n, i := range of {
		switch o := outcomes[n]; {
		case o.Refused != nil:
			results[i].ID = ""
			results[i].fail(httpapi.ProblemOf(&daybook.RefusedError{Rule: ruleOf(o.Refused), Err: o.Refused}))
		case o.Other:
			results[i].fail(httpapi.KeyReused.Problem("this line was sent before with the same Idempotency-Key, and said something else"))
		default:
			results[i].Status, results[i].Location = http.StatusCreated, addressOf(results[i].ID)
		}
	}
	return results, receipt.Point, nil
}

// ruleOf returns the name of the rule that an error is of.
func ruleOf(err error) string {
	rule := (*daybook.Rule)(nil)
	errors.As(err, &rule)
	return rule.Name()
}

// lineProblem says what is wrong with a line.
func lineProblem(line catalog.Line) *httpapi.Problem {
	if line.Column > 0 {
		return httpapi.Malformed.Problem("%s", httpapi.WhereJSON(line.Wrong))
	}
	return httpapi.Invalid.Problem("%s", line.Wrong.Error())
}

// fail notes why a line came to nothing.
func (l *lineResult) fail(p *httpapi.Problem) { l.Status, l.Problem = p.Status, p }

// A bulkWriter writes the results of lines. It holds some back, for the sake of clients
// that do not listen before they have sent everything.
type bulkWriter struct {
	w    http.ResponseWriter
	held bytes.Buffer
	sum  bulkResult
}

// line tells what became of a line.
func (b *bulkWriter) line(_ catalog.Line, result lineResult, at daybook.Point) error {
	b.sum.count(result, at)
	if err := b.write(result); err != nil || b.held.Len() < bulkHeld {
		return err
	}
	return b.flush()
}

// end tells what became of all, and that this is the end.
func (b *bulkWriter) end() error {
	b.sum.Done = b.sum.Problem == nil
	if err := b.write(b.sum); err != nil {
		return err
	}
	_ = b.flush() // a client that is gone is nobody to tell
	return nil
}

func (b *bulkWriter) write(value any) error { return json.NewEncoder(&b.held).Encode(value) }

// flush sends what is held back.
func (b *bulkWriter) flush() error {
	h := b.w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", linesBody)
		h.Set("Cache-Control", "no-store")
		b.w.WriteHeader(http.StatusOK)
	}
	_, err := b.held.WriteTo(b.w)
	return err
}
