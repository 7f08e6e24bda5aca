package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
)

// maxImport bounds one import, in bytes. Who has more sends several: doing it again is
// safe, and so is going on.
const maxImport = 1 << 30

// importBatch is how many histories are recorded at a time: enough to keep a store busy
// that syncs once for all of them.
const importBatch = 250

// importStep is how long reading and recording one batch may take.
const importStep = time.Minute

// linesBody is the media type of JSON Lines, and linesBodyToo its other name.
const (
	linesBody    = "application/jsonl"
	linesBodyToo = "application/x-ndjson"
)

// importFacts takes POST /import: the histories of orders that another system kept, one
// JSON object in a line. It records facts, and decides nothing. After a problem some of
// them may have been recorded; sending all of them again adds the rest.
func (s *Site) importFacts(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	if _, err := httpapi.MediaType(r, linesBody, linesBodyToo); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	extend := func() {
		// A recorder in a test has no connection to bound.
		_ = control.SetReadDeadline(time.Now().Add(importStep))
		_ = control.SetWriteDeadline(time.Now().Add(importStep))
	}
	extend()

	var sum orders.Kept
	batch := make([]orders.History, 0, importBatch)
	record := func() error {
		// An import may go on for hours, and its key be revoked meanwhile.
		if err := s.StillKnown(r); err != nil {
			return err
		}
		recorded, err := s.shop.Record(r.Context(), batch)
		sum = sum.Plus(recorded)
		batch = batch[:0]
		extend()
		return err
	}
	for history, err := range orders.ReadHistories(http.MaxBytesReader(w, r.Body, maxImport)) {
		wrong := (*daybook.InvalidError)(nil)
		switch {
		case errors.As(err, &wrong):
			return httpapi.Malformed.Problem("%v", err)
		case err != nil:
			return httpapi.CutShort(err)
		}
		if batch = append(batch, history); len(batch) < importBatch {
			continue
		}
		if err := record(); err != nil {
			return err
		}
	}
	if err := record(); err != nil {
		return err
	}
	now, err := s.shop.Now(r.Context())
	if err != nil {
		return err
	}
	s.Log.InfoContext(r.Context(), "import", "added", sum.Added, "events", sum.Events, "repeated", sum.Repeated, "different", len(sum.Different))
	w.Header().Set(httpapi.TokenHeader, now.String())
	return httpapi.WriteJSON(w, http.StatusOK, sum)
}

// report answers GET /report: the dashboard's figures under the names that the
// publishers of the imported data use.
func (s *Site) report(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Asked(w, r, s.shop); err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "as_of")
	if err != nil {
		return err
	}
	asOf, err := httpapi.Time(asked, "as_of")
	if err != nil {
		return err
	}
	if !asOf.IsZero() {
		report, shown, err := s.shop.ReportAsOf(r.Context(), asOf)
		if err != nil {
			return err
		}
		return show(w, r, shown, report)
	}
	report, shown, err := s.shop.Report(r.Context())
	if err != nil {
		return err
	}
	return show(w, r, shown, report)
}
