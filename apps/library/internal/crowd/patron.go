package crowd

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/library"
)

// A patron is one hand of a reader: it borrows and returns, and insists on an answer.
type patron struct {
	t             *testing.T
	number        int
	card          library.Card
	writes, reads []Service
	chance        *rand.Rand
	client        *http.Client
	token         string         // of the books
	has           []library.ISBN // what this hand has borrowed
	said          []said
}

func newPatron(t *testing.T, number, reader int, token string, chance *rand.Rand, writes, reads []Service) *patron {
	return &patron{
		t: t, number: number, card: library.Card(fmt.Sprintf("reader-%d", reader)), token: token, writes: writes, reads: reads,
		chance: chance,
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// A said is what a reader was answered to a command.
type said struct {
	borrow bool
	isbn   library.ISBN
	reader library.Card
	rule   string           // that refused; empty if it was done
	at     daybook.Position // of the event, or at which it was refused
}

// turn borrows a book, or returns one, and looks whether that is shown.
func (p *patron) turn(n int) {
	s := said{borrow: len(p.has) == 0 || p.chance.IntN(3) > 0, reader: p.card}
	path := "/loans"
	if s.borrow {
		s.isbn = library.Classics[p.chance.IntN(books)].ISBN
	} else {
		path = "/returns"
		s.isbn = p.has[p.chance.IntN(len(p.has))]
	}
	body := fmt.Sprintf(`{"isbn": %q, "reader": %q}`, s.isbn, p.card)
	answer, header := p.insist(p.writes, http.MethodPost, path, body, "Daybook-Token", p.token, "Idempotency-Key", fmt.Sprintf("%d-%d", p.number, n))
	if header == nil {
		return
	}
	// A book has neither of these; a refusal has both.
	var refused struct {
		Rule     string           `json:"rule"`
		Position daybook.Position `json:"position"`
	}
	if err := json.Unmarshal(answer, &refused); err != nil {
		p.t.Errorf("%s: %v: %s", path, err, answer)
		return
	}
	s.rule, s.at = refused.Rule, refused.Position
	if s.rule == "" {
		s.at = p.done(s, header.Get("Daybook-Token"))
	}
	p.said = append(p.said, s)
}

// done looks whether a read service shows what was done, and returns where it is recorded.
func (p *patron) done(s said, token string) daybook.Position {
	at, err := daybook.ParsePoint(token)
	if err != nil {
		p.t.Errorf("the token is %q: %v", token, err)
	}
	if s.borrow {
		p.has = append(p.has, s.isbn)
	} else {
		p.has = slices.DeleteFunc(p.has, func(isbn library.ISBN) bool { return isbn == s.isbn })
	}
	answer, header := p.insist(p.reads, http.MethodGet, "/readers/"+string(p.card), "", "Daybook-Token", token)
	if header == nil {
		return at.Position
	}
	var shown library.Reader
	if err := json.Unmarshal(answer, &shown); err != nil {
		p.t.Errorf("%v: %s", err, answer)
	}
	for _, isbn := range p.has {
		if !slices.ContainsFunc(shown.Loans, func(l library.Loan) bool { return l.ISBN == isbn }) {
			p.t.Errorf("%s has %v and is shown %s", p.card, p.has, answer)
		}
	}
	return at.Position
}

// insist asks one service after the other until one answers that can.
func (p *patron) insist(services []Service, method, path, body string, header ...string) ([]byte, http.Header) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		r, err := http.NewRequestWithContext(p.t.Context(), method, services[p.chance.IntN(len(services))].URL()+path, strings.NewReader(body))
		if err != nil {
			p.t.Error(err)
			return nil, nil
		}
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := p.client.Do(r)
		if err != nil {
			time.Sleep(5 * time.Millisecond) // it is away, or was killed before it had answered
			continue
		}
		read, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch {
		case err != nil, answer.StatusCode == http.StatusServiceUnavailable, answer.StatusCode == http.StatusConflict:
			time.Sleep(5 * time.Millisecond)
			continue
		case answer.StatusCode == http.StatusOK, answer.StatusCode == http.StatusUnprocessableEntity:
			return read, answer.Header
		}
		p.t.Errorf("%s %s answers %s: %s", method, path, answer.Status, read)
		return nil, nil
	}
	p.t.Errorf("%s %s is never answered", method, path)
	return nil, nil
}
