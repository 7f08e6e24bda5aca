package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/store/memstore"
)

// copiesOf returns how many copies there are of the n-th book: some are sought after, and
// there are enough of all that a reader comes to want a sixth.
func copiesOf(n int) int64 { return int64(1 + n%10) }

// A service is one of the library's, which can be killed and started again at its address.
type service struct {
	address string
	start   func(net.Listener) (kill func())

	mu   sync.Mutex
	kill func()
}

// up starts the service at its address, or at a free one the first time.
func (s *service) up(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.address
	if at == "" {
		at = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Errorf("start a service: %v", err)
		return
	}
	s.address = listener.Addr().String()
	s.kill = s.start(listener)
}

// down cuts every connection of the service, whatever is under way.
func (s *service) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kill != nil {
		s.kill()
	}
	s.kill = nil
}

// serveRaw serves until it is killed, in the middle of whatever is under way.
func serveRaw(listener net.Listener, handler http.Handler) func() {
	server := &http.Server{Handler: handler}
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(listener) })
	return func() {
		_ = server.Close()
		done.Wait()
	}
}

// Readers crowd at the desks of two write services, and look at three read services, while
// one service or another is killed and comes back. Whatever they were answered is what the
// log says, and the rules hold at every moment of it.
func TestACrowdAtTheDesk(t *testing.T) {
	const books, readers, hands, turns = 20, 64, 2, 12
	store := memstore.New()
	isbns := make([]library.ISBN, books)
	copies := make(map[library.ISBN]int64)
	for i := range isbns {
		isbns[i] = library.Classics[i].ISBN
		copies[isbns[i]] = copiesOf(i)
	}
	if _, err := library.Record(t.Context(), store, func(yield func(library.BookAdded, error) bool) {
		for i, isbn := range isbns {
			if !yield(library.BookAdded{ISBN: isbn, Title: library.Classics[i].Title, Author: "Somebody", Copies: copies[isbn]}, nil) {
				return
			}
		}
	}, noon, nil); err != nil {
		t.Fatal(err)
	}

	var services []*service
	for range 2 {
		services = append(services, &service{start: func(l net.Listener) func() {
			return serveRaw(l, NewWriteSite(store, &WriteOptions{Options: httpapi.Options{Logger: quiet}}))
		}})
	}
	for range 3 {
		services = append(services, &service{start: func(l net.Listener) func() {
			inventory, err := library.Open(context.Background(), store, &library.InventoryOptions{Logger: quiet})
			if err != nil {
				panic(err)
			}
			kill := serveRaw(l, NewReadSite(inventory, &ReadOptions{Options: httpapi.Options{Logger: quiet}}))
			return func() {
				kill()
				inventory.Close()
			}
		}})
	}
	for _, s := range services {
		s.up(t)
		defer s.down()
	}
	crowded, enough := context.WithCancel(t.Context())
	var killing sync.WaitGroup
	kills := 0
	killing.Go(func() {
		for ; crowded.Err() == nil; kills++ {
			s := services[rand.IntN(len(services))]
			s.down()
			time.Sleep(10 * time.Millisecond)
			s.up(t)
			time.Sleep(40 * time.Millisecond)
		}
	})

	told := make([][]said, readers*hands)
	var crowd sync.WaitGroup
	for n := range readers * hands {
		crowd.Go(func() {
			p := &patron{t: t, number: n, card: library.Card(fmt.Sprintf("reader-%d", n/hands)), writes: services[:2], reads: services[2:], chance: rand.New(rand.NewPCG(uint64(n), 6))}
			for turn := range turns {
				p.turn(turn, isbns)
			}
			told[n] = p.said
		})
	}
	crowd.Wait()
	enough()
	killing.Wait()

	log := readLog(t, store)
	log.holds(t, copies)
	answers := 0
	for _, all := range told {
		for _, s := range all {
			answers++
			log.explains(t, s)
		}
	}
	recorded := 0
	for _, e := range log {
		if e.reader != "" {
			recorded++
		}
	}
	if kills == 0 || recorded < readers || answers < readers*hands*turns {
		t.Errorf("there were %d kills, %d loans and returns, and %d answers, which proves nothing", kills, recorded, answers)
	}
	t.Logf("%d kills, %d loans and returns, %d answers", kills, recorded, answers)
}

// A patron is a reader who borrows and returns, and insists on an answer; or rather one of
// the two hands of one, which are at two desks at the same time.
type patron struct {
	t             *testing.T
	number        int
	card          library.Card
	writes, reads []*service
	chance        *rand.Rand
	has           []library.ISBN
	said          []said
}

// A said is what a reader was answered to a command.
type said struct {
	borrow bool
	isbn   library.ISBN
	reader library.Card
	rule   string // that refused; empty if it was done
	at     daybook.Position
}

// turn borrows a book, or returns one, and looks whether that is shown.
func (p *patron) turn(n int, isbns []library.ISBN) {
	borrow := len(p.has) == 0 || p.chance.IntN(3) > 0
	s := said{borrow: borrow, reader: p.card}
	path := "/loans"
	if borrow {
		s.isbn = isbns[p.chance.IntN(len(isbns))]
	} else {
		path = "/returns"
		s.isbn = p.has[p.chance.IntN(len(p.has))]
	}
	body := fmt.Sprintf(`{"isbn": %q, "reader": %q}`, s.isbn, p.card)
	answer, header := p.insist(p.writes, "POST", path, body, "Idempotency-Key", fmt.Sprintf("%d-%d", p.number, n))
	if header == nil {
		return
	}
	var problem httpapi.Problem
	if err := json.Unmarshal(answer, &problem); err != nil {
		p.t.Errorf("%s: %v: %s", path, err, answer)
		return
	}
	s.rule, s.at = problem.Rule, problem.Position
	token := header.Get(httpapi.TokenHeader)
	if s.rule == "" {
		point, err := daybook.ParsePoint(token)
		if err != nil {
			p.t.Errorf("%s answers the token %q: %v", path, token, err)
		}
		s.at = point.Position
		if borrow {
			p.has = append(p.has, s.isbn)
		} else {
			p.has = slices.DeleteFunc(p.has, func(isbn library.ISBN) bool { return isbn == s.isbn })
		}
		answer, header := p.insist(p.reads, "GET", "/readers/"+string(p.card), "", httpapi.TokenHeader, token)
		if header != nil {
			var shown library.Reader
			if err := json.Unmarshal(answer, &shown); err != nil {
				p.t.Errorf("%v: %s", err, answer)
			}
			for _, isbn := range p.has {
				if !slices.ContainsFunc(shown.Loans, func(l library.Loan) bool { return l.ISBN == isbn }) {
					p.t.Errorf("%s has %v and is shown %s", p.card, p.has, answer)
				}
			}
		}
	}
	p.said = append(p.said, s)
}

// insist asks one service after the other until one answers that can.
func (p *patron) insist(services []*service, method, path, body string, header ...string) ([]byte, http.Header) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+services[p.chance.IntN(len(services))].address+path, bytes.NewReader([]byte(body)))
		if err != nil {
			p.t.Error(err)
			return nil, nil
		}
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := client.Do(r)
		if err != nil {
			continue // it is away, or was killed before it had answered
		}
		read, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch {
		case err != nil, answer.StatusCode == http.StatusServiceUnavailable, answer.StatusCode == http.StatusConflict:
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

// An entry is what one event of the log says.
type entry struct {
	at     daybook.Position
	isbn   library.ISBN
	reader library.Card // of a loan or a return
	borrow bool
}

// A logged is all of the log, in order.
type logged []entry

func readLog(t *testing.T, store daybook.Store) (all logged) {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		facts, err := library.Books.Codec().Facts(e)
		if err != nil {
			t.Fatal(err)
		}
		switch f := facts[0].(type) {
		case library.BookAdded:
			all = append(all, entry{at: e.Position, isbn: f.ISBN})
		case library.BookBorrowed:
			all = append(all, entry{e.Position, f.ISBN, f.Reader, true})
		case library.BookReturned:
			all = append(all, entry{e.Position, f.ISBN, f.Reader, false})
		}
	}
	return all
}

// A moment is who has what.
type moment map[library.ISBN]map[library.Card]bool

// each calls visit with every event and with who has what right before it.
func (l logged) each(visit func(entry, moment)) {
	now := make(moment)
	for _, e := range l {
		visit(e, now)
		if now[e.isbn] == nil {
			now[e.isbn] = make(map[library.Card]bool)
		}
		if e.borrow {
			now[e.isbn][e.reader] = true
		} else {
			delete(now[e.isbn], e.reader)
		}
	}
}

func (m moment) held(reader library.Card) (n int) {
	for _, has := range m {
		if has[reader] {
			n++
		}
	}
	return n
}

// holds checks the rules at every moment.
func (l logged) holds(t *testing.T, copies map[library.ISBN]int64) {
	t.Helper()
	l.each(func(e entry, before moment) {
		switch {
		case e.reader == "":
		case !e.borrow && !before[e.isbn][e.reader]:
			t.Errorf("at %d %s returned %s without having it", e.at, e.reader, e.isbn)
		case !e.borrow:
		case before[e.isbn][e.reader]:
			t.Errorf("at %d %s got a second copy of %s", e.at, e.reader, e.isbn)
		case int64(len(before[e.isbn])) >= copies[e.isbn]:
			t.Errorf("at %d a copy of %s was lent that there was not", e.at, e.isbn)
		case before.held(e.reader) >= library.MostBooks:
			t.Errorf("at %d %s got a sixth book", e.at, e.reader)
		}
	})
}

// explains checks that the log says what somebody was answered: what was done is recorded
// there, and what was refused could not be done at the moment at which that was decided.
func (l logged) explains(t *testing.T, s said) {
	t.Helper()
	if s.rule == "" {
		for _, e := range l {
			if e.at == s.at && e.isbn == s.isbn && e.reader == s.reader && e.borrow == s.borrow {
				return
			}
		}
		t.Errorf("%+v was answered, and is not recorded", s)
		return
	}
	then := make(moment)
	all := int64(0)
	l.each(func(e entry, before moment) {
		if e.at > s.at {
			return
		}
		if then[e.isbn] == nil {
			then[e.isbn] = make(map[library.Card]bool)
		}
		if e.borrow {
			then[e.isbn][e.reader] = true
		} else {
			delete(then[e.isbn], e.reader)
		}
	})
	for i, b := range library.Classics {
		if b.ISBN == s.isbn {
			all = copiesOf(i)
		}
	}
	held := then.held(s.reader)
	why := map[string]bool{
		library.ErrHasIt.Name():       s.borrow && then[s.isbn][s.reader],
		library.ErrHasEnough.Name():   s.borrow && held >= library.MostBooks,
		library.ErrNoneLeft.Name():    s.borrow && int64(len(then[s.isbn])) >= all,
		library.ErrDoesNotHave.Name(): !s.borrow && !then[s.isbn][s.reader],
	}
	if !why[s.rule] {
		t.Errorf("%+v was refused, and the log does not say why", s)
	}
}
