package web

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
)

// A command is sent as a JSON object, or by a form of a page. Either way it becomes
// one of the commands of package orders, goes over its bus once, and is answered with
// the order as it was right after it: a program gets the order, a browser is led to
// its page.

// place takes POST /orders.
func (s *Site) place(w http.ResponseWriter, r *http.Request) error {
	var c orders.PlaceOrder
	sent, err := s.receive(w, r, &c, func(f *httpapi.Fields) { c = placeForm(f) })
	if err != nil {
		return s.refuse(w, r, sent, err)
	}
	// The order's id derives from the command's, so that a retry places the same one.
	if sent.Envelope, err = s.shop.Bus().Identify(sent.Envelope, c); err != nil {
		return err
	}
	sent.about = anOrder(orders.PlacedID(sent.Envelope.ID))
	return s.send(w, r, sent, c)
}

func (s *Site) pay(w http.ResponseWriter, r *http.Request) error {
	var c orders.PayOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *httpapi.Fields) {
		c.Amount, c.Method = positive(f, "amount"), f.Text("method")
		c.Installments = f.Number("installments")
	})
}

func (s *Site) ship(w http.ResponseWriter, r *http.Request) error {
	var c orders.ShipOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *httpapi.Fields) { c.Carrier, c.Tracking = f.Text("carrier"), f.Text("tracking") })
}

func (s *Site) deliver(w http.ResponseWriter, r *http.Request) error {
	var c orders.DeliverOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(*httpapi.Fields) {})
}

func (s *Site) cancel(w http.ResponseWriter, r *http.Request) error {
	var c orders.CancelOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *httpapi.Fields) { c.Reason = f.Text("reason") })
}

func (s *Site) takeBack(w http.ResponseWriter, r *http.Request) error {
	var c orders.ReturnOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *httpapi.Fields) { c.Reason = f.Text("reason") })
}

func (s *Site) refund(w http.ResponseWriter, r *http.Request) error {
	var c orders.RefundOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *httpapi.Fields) { c.Amount, c.Reason = positive(f, "amount"), f.Text("reason") })
}

// actOnOrder takes a command about the order in the address: c, which names it in
// *order.
func actOnOrder[C any](s *Site, w http.ResponseWriter, r *http.Request, c *C, order *string, fill func(*httpapi.Fields)) error {
	id, err := orderOf(r)
	if err != nil {
		return err
	}
	return act(s, w, r, c, anOrder(id), order, fill)
}

// act takes a command: c, which names in *named what it is about, as the address does.
func act[C any](s *Site, w http.ResponseWriter, r *http.Request, c *C, about subject, named *string, fill func(*httpapi.Fields)) error {
	sent, err := s.receive(w, r, c, fill)
	sent.about = about
	if err == nil && *named != "" && *named != about.id() {
		err = httpapi.Malformed.Problem("it is about %s %q, and the address about %q", about.noun(), *named, about.id())
	}
	if err != nil {
		return s.refuse(w, r, sent, err)
	}
	*named = about.id()
	return s.send(w, r, sent, *c)
}

// orderOf returns the order that the address names.
func orderOf(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if err := daybook.Stream(orders.Orders.Stream(id)).Validate(); id == "" || err != nil {
		return "", httpapi.NotFound.Problem("no order can have this id")
	}
	return id, nil
}

// received is a command as a request brought it, and what it is about; nil where an
// order was not placed, and so has no id.
type received struct {
	httpapi.Received
	about subject
}

// receive reads a command: JSON into c, or the fields of a form by way of fill.
func (s *Site) receive(w http.ResponseWriter, r *http.Request, c any, fill func(*httpapi.Fields)) (received, error) {
	sent, err := s.Receive(w, r, c, fill)
	return received{Received: sent}, err
}

// send runs a command and answers.
func (s *Site) send(w http.ResponseWriter, r *http.Request, sent received, c any) error {
	ctx := r.Context()
	if sent.IfMatch != "" {
		condition, err := s.ifMatch(r, sent.about)
		if err != nil {
			return err
		}
		sent.Envelope.If = condition
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", c), "orders.")
	receipt, err := s.Do(ctx, s.shop.Bus(), sent.Envelope, name, c, sent.about.stream(), sent.about.noun(), sent.about.id())
	if err != nil {
		return s.refuse(w, r, sent, s.explain(err, sent))
	}
	w.Header().Set(httpapi.TokenHeader, receipt.Point.String())
	if sent.Form != nil {
		s.Carry(w, receipt.Point, name)
		http.Redirect(w, r, sent.about.address(), http.StatusSeeOther)
		return nil
	}

	// The answer is the order, or the article, as this command left it, whatever has
	// happened to it since: a retry is told the same.
	version := receipt.Versions[sent.about.stream()] // zero, which is now, if nothing was recorded
	details, shown, err := sent.about.asOf(ctx, s.shop, orders.Moment{Version: version})
	if err != nil {
		return err
	}
	created := ""
	if r.Pattern == "POST "+sent.about.collection() && (name == "PlaceOrder" || version == 1) {
		created = sent.about.address()
	}
	return httpapi.WriteLeft(w, receipt, shown.Tag, created, details)
}

// explain returns the problem that some errors of a command mean to its sender; any
// other error as it is.
func (s *Site) explain(err error, sent received) error {
	if errors.Is(err, sent.about.missing()) {
		problem := httpapi.NotFound.Problem("there is no %s %q", sent.about.noun(), sent.about.id())
		problem.Rule, problem.Err = sent.about.missing().Name(), err
		return problem
	}
	return sent.Unmatched(err, sent.about.noun())
}

// refuse answers a command that came to nothing. A page's form is shown again, as it
// was filled in, with what was wrong above it.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, sent received, err error) error {
	if sent.Form == nil {
		return err
	}
	switch httpapi.ProblemOf(err).Kind {
	case httpapi.KeyReused, httpapi.Internal, httpapi.NotFound:
		return err
	}
	if !s.May(r, shownBeside(r, sent.about)) {
		return err // who may send it may not see the page that the form stands on
	}
	failed := s.Again(w, r, sent.Received, err)
	status := failed.Problem.Status
	switch r.Pattern {
	case "POST /orders":
		return s.listPage(w, r, status, orders.Filter{}, failed)
	case "POST /stock":
		return s.stockPage(w, r, status, orders.StockFilter{}, failed)
	}
	failed.Command = path.Base(r.URL.Path)
	return sent.about.page(s, w, r, status, failed)
}

// shownBeside returns the query that is answered beside a form that is shown again.
func shownBeside(r *http.Request, about subject) access.Act {
	switch r.Pattern {
	case "POST /orders":
		return access.Ask("Orders")
	case "POST /stock":
		return access.Ask("Stock")
	}
	name := "Order"
	if _, is := about.(anArticle); is {
		name = "Article"
	}
	return access.Ask(name).About(daybook.Stream(about.stream()))
}

// ifMatch returns the condition that an If-Match header sets.
func (s *Site) ifMatch(r *http.Request, about subject) (daybook.Condition, error) {
	return httpapi.IfMatch(r.Header.Get("If-Match"), about.noun(), about.stream(), func(version daybook.Version) (string, error) {
		_, shown, err := about.asOf(r.Context(), s.shop, orders.Moment{Version: version})
		if errors.Is(err, about.missing()) {
			return "", nil
		}
		return shown.Tag, err
	})
}

// cents reads an amount of money.
func cents(f *httpapi.Fields, name string) orders.Cents {
	given := f.Text(name)
	if given == "" {
		return 0
	}
	// People write a thousand as they are used to; a comma before two digits at the
	// end could be a point, and is refused rather than guessed at.
	amount, err := orders.ParseCents(given)
	if err != nil {
		f.Wrong("%s: %v", name, err)
	}
	return amount
}

// positive reads an amount that somebody pays, and so is more than nothing.
func positive(f *httpapi.Fields, name string) orders.Cents {
	amount := cents(f, name)
	if f.Text(name) != "" && amount <= 0 {
		f.Wrong("%s: %s is no amount to pay, such as 35.90", name, amount)
	}
	return amount
}

// formLines is how many lines the form for a new order has room for.
const formLines = 3

// placeForm reads the form for a new order. What is missing is told in the words of
// the page: who fills in a form does not know the names of a command's fields.
func placeForm(f *httpapi.Fields) orders.PlaceOrder {
	c := orders.PlaceOrder{
		Total:    positive(f, "total"),
		Customer: orders.Customer{ID: f.Text("customer"), City: f.Text("city"), State: f.Text("state")},
		Fulfil:   f.Text("fulfil") != "",
	}
	if c.Fulfil {
		c.Method = f.Text("method")
	}
	for i := range formLines {
		n := strconv.Itoa(i + 1)
		line := orders.Line{Product: f.Text("product" + n), Quantity: f.Number("quantity" + n), UnitPrice: cents(f, "price"+n)}
		if line == (orders.Line{}) {
			continue
		}
		for _, field := range []struct{ name, says string }{{"product", "what is bought"}, {"quantity", "how many pieces"}, {"price", "the price of one"}} {
			if f.Text(field.name+n) == "" {
				f.Wrong("line %s does not say %s", n, field.says)
			}
		}
		c.Lines = append(c.Lines, line)
	}
	if c.Total == 0 && len(c.Lines) == 0 {
		f.Wrong("give a total, or lines that it is the sum of")
	}
	return c
}
