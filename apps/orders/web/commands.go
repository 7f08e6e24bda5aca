package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/command"
)

// A command is sent as a JSON object, or by a form of a page. Either way it becomes
// one of the commands of package orders, goes over its bus once, and is answered with
// the order as it was right after it: a program gets the order, a browser is led to
// its page.

// jsonBody and formBody are the forms in which a command may be sent.
const (
	jsonBody = "application/json"
	formBody = "application/x-www-form-urlencoded"
)

// place takes POST /orders.
func (s *Site) place(w http.ResponseWriter, r *http.Request) error {
	var c orders.PlaceOrder
	sent, err := s.receive(w, r, &c, func(f *fields) { c = placeForm(f) })
	if err != nil {
		return s.refuse(w, r, sent, err)
	}
	// The order's id derives from the command's, so that a retry places the same one.
	if sent.envelope, err = s.shop.Bus().Identify(sent.envelope, c); err != nil {
		return err
	}
	sent.about = anOrder(orders.PlacedID(sent.envelope.ID))
	return s.send(w, r, sent, c)
}

func (s *Site) pay(w http.ResponseWriter, r *http.Request) error {
	var c orders.PayOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *fields) {
		c.Amount, c.Method = f.positive("amount"), f.text("method")
		c.Installments = f.number("installments")
	})
}

func (s *Site) ship(w http.ResponseWriter, r *http.Request) error {
	var c orders.ShipOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *fields) { c.Carrier, c.Tracking = f.text("carrier"), f.text("tracking") })
}

func (s *Site) deliver(w http.ResponseWriter, r *http.Request) error {
	var c orders.DeliverOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(*fields) {})
}

func (s *Site) cancel(w http.ResponseWriter, r *http.Request) error {
	var c orders.CancelOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *fields) { c.Reason = f.text("reason") })
}

func (s *Site) takeBack(w http.ResponseWriter, r *http.Request) error {
	var c orders.ReturnOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *fields) { c.Reason = f.text("reason") })
}

func (s *Site) refund(w http.ResponseWriter, r *http.Request) error {
	var c orders.RefundOrder
	return actOnOrder(s, w, r, &c, &c.Order, func(f *fields) { c.Amount, c.Reason = f.positive("amount"), f.text("reason") })
}

// actOnOrder takes a command about the order in the address: c, which names it in
// *order.
func actOnOrder[C any](s *Site, w http.ResponseWriter, r *http.Request, c *C, order *string, fill func(*fields)) error {
	id, err := orderOf(r)
	if err != nil {
		return err
	}
	return act(s, w, r, c, anOrder(id), order, fill)
}

// act takes a command: c, which names in *named what it is about, as the address does.
func act[C any](s *Site, w http.ResponseWriter, r *http.Request, c *C, about subject, named *string, fill func(*fields)) error {
	sent, err := s.receive(w, r, c, fill)
	sent.about = about
	if err == nil && *named != "" && *named != about.id() {
		err = malformed.problem("it is about %s %q, and the address about %q", about.noun(), *named, about.id())
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
		return "", notFound.problem("no order can have this id")
	}
	return id, nil
}

// received is a command as a request brought it.
type received struct {
	envelope command.Envelope
	// ifMatch reports whether the sender set a condition.
	ifMatch bool
	// about is what it is about; nil where an order was not placed, and so has no id.
	about subject
	// form is what a page's form held; nil if it was sent as JSON.
	form url.Values
}

// receive reads a command: JSON into c, or the fields of a form by way of fill.
func (s *Site) receive(w http.ResponseWriter, r *http.Request, c any, fill func(*fields)) (received, error) {
	sent := received{envelope: command.Envelope{Principal: s.options.Principal(r)}}
	if _, err := ask(r); err != nil {
		return sent, err
	}
	media, err := mediaType(r, jsonBody, formBody)
	if err != nil {
		return sent, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxCommand)
	if media == formBody {
		if err := r.ParseForm(); err != nil {
			if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
				return sent, err
			}
			return sent, malformed.problem("the form cannot be read: %v", err)
		}
		sent.form = r.PostForm
		read := &fields{values: r.PostForm}
		fill(read)
		if read.err != nil {
			return sent, read.err
		}
		if key := r.PostForm.Get("key"); key != "" {
			sent.envelope.Key, err = checkKey(key)
		}
		return sent, err
	}
	if err := decode(r.Body, c); err != nil {
		return sent, err
	}
	if sent.envelope.Key, err = keyOf(r); err != nil {
		return sent, err
	}
	sent.ifMatch = r.Header.Get("If-Match") != ""
	return sent, nil
}

// send runs a command and answers.
func (s *Site) send(w http.ResponseWriter, r *http.Request, sent received, c any) error {
	ctx := r.Context()
	if sent.ifMatch {
		condition, err := s.ifMatch(r, sent.about)
		if err != nil {
			return err
		}
		sent.envelope.If = condition
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", c), "orders.")
	began := time.Now()
	receipt, err := s.shop.Bus().Do(ctx, sent.envelope, c)
	outcome := outcomeOf(receipt, err)
	s.metrics.commands.WithLabelValues(name, outcome).Inc()
	s.log.InfoContext(ctx, "command", "correlation", daybook.TraceOf(ctx).Correlation, "command", name, sent.about.noun(), sent.about.id(),
		"actor", sent.envelope.Principal, "outcome", outcome, "position", receipt.Position, "version", receipt.Versions[sent.about.stream()], "took", time.Since(began))
	if err != nil {
		return s.refuse(w, r, sent, s.explain(err, sent))
	}
	w.Header().Set(tokenHeader, receipt.Point.String())
	if sent.form != nil {
		carry(w, receipt.Point, name)
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
	w.Header().Set("ETag", quoted(shown.Tag))
	if receipt.Repeated {
		w.Header().Set("Daybook-Repeated", "true")
	}
	status := http.StatusOK
	if r.Pattern == "POST "+sent.about.collection() && (name == "PlaceOrder" || version == 1) {
		status = http.StatusCreated
		w.Header().Set("Location", sent.about.address())
	}
	return writeJSON(w, status, details)
}

func outcomeOf(receipt daybook.Receipt, err error) string {
	switch {
	case err != nil:
		return problemOf(err).kind.name
	case receipt.Repeated:
		return "repeated"
	case len(receipt.Versions) == 0:
		return "nothing"
	}
	return "recorded"
}

// explain returns the problem that some errors of a command mean to its sender; any
// other error as it is.
func (s *Site) explain(err error, sent received) error {
	conflicted := (*daybook.ConflictError)(nil)
	switch {
	case errors.Is(err, sent.about.missing()):
		problem := notFound.problem("there is no %s %q", sent.about.noun(), sent.about.id())
		problem.Rule, problem.err = sent.about.missing().Name(), err
		return problem
	case sent.ifMatch && errors.As(err, &conflicted):
		problem := preconditions.problem("the %s is not as the If-Match has it", sent.about.noun())
		problem.Position, problem.err = conflicted.Position(), err
		return problem
	}
	return err
}

// refuse answers a command that came to nothing. A page's form is shown again, as it
// was filled in, with what was wrong above it.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, sent received, err error) error {
	if sent.form == nil {
		return err
	}
	problem := *problemOf(err)
	if problem.kind == keyReused || problem.kind == internal || problem.kind == notFound {
		return err
	}
	problem.Instance = daybook.TraceOf(r.Context()).Correlation
	s.log.WarnContext(r.Context(), "form refused", "correlation", problem.Instance, "problem", problem.kind.name, "error", err)
	failed := &refusedForm{Problem: &problem, Values: sent.form}
	problem.header(w)
	switch r.Pattern {
	case "POST /orders":
		return s.listPage(w, r, problem.Status, orders.Filter{}, failed)
	case "POST /stock":
		return s.stockPage(w, r, problem.Status, orders.StockFilter{}, failed)
	}
	failed.Command = path.Base(r.URL.Path)
	return sent.about.page(s, w, r, problem.Status, failed)
}

// ifMatch returns the condition that an If-Match header sets.
func (s *Site) ifMatch(r *http.Request, about subject) (daybook.Condition, error) {
	given := strings.TrimSpace(r.Header.Get("If-Match"))
	if given == "*" {
		return daybook.Exists(about.stream()), nil
	}
	tag, isTag := unquoted(given)
	if !isTag {
		return nil, malformed.problem("If-Match is %s, and should be the one ETag of an %s, or *", given, about.noun())
	}
	changed := preconditions.problem("the ETag in If-Match is none that this %s has had since the log was made or restored", about.noun())
	number, _, _ := strings.Cut(tag, ".")
	version, err := strconv.ParseUint(number, 10, 63)
	if err != nil || version == 0 {
		return nil, changed
	}
	_, shown, err := about.asOf(r.Context(), s.shop, orders.Moment{Version: daybook.Version(version)})
	switch {
	case errors.Is(err, about.missing()):
		return nil, changed
	case err != nil:
		return nil, err
	case shown.Tag != tag:
		return nil, changed
	}
	return daybook.At(about.stream(), daybook.Version(version)), nil
}

// tokenCookie carries a token from a form to the pages after it, and doneCookie what
// they should say was done.
const (
	tokenCookie = "orders-token"
	doneCookie  = "orders-done"
)

// carry lets the pages that a browser asks for next show a command.
func carry(w http.ResponseWriter, token daybook.Point, done string) {
	for name, value := range map[string]string{tokenCookie: token.String(), doneCookie: done} {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
}

// forget takes a cookie back.
func forget(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// await waits until the views show the token that a query sends, if it sends one.
func (s *Site) await(w http.ResponseWriter, r *http.Request) error {
	token, err := tokenOf(r)
	if err != nil {
		return err
	}
	fromPage := false
	if cookie, none := r.Cookie(tokenCookie); none == nil && token.IsZero() {
		// Whatever is wrong with a cookie is nothing that the visitor could mend.
		token, err = daybook.ParsePoint(cookie.Value)
		if err != nil {
			forget(w, tokenCookie)
			return nil
		}
		fromPage = true
	}
	if token.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.options.Patience)
	defer cancel()
	err = s.shop.Wait(ctx, token)
	foreign := (*daybook.LifeError)(nil)
	switch {
	case err == nil:
		return nil
	case fromPage && errors.As(err, &foreign):
		forget(w, tokenCookie)
		return nil
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	}
	status, statusErr := s.shop.Status(r.Context())
	if statusErr != nil {
		return statusErr
	}
	problem := lagging.problem("the views show position %d, and you asked for %d", status.Checkpoint.Position, token.Position)
	problem.Lag, problem.err = status.Lag, err
	return problem
}

// fields read the values of a form, and keep the first thing that is wrong.
type fields struct {
	values url.Values
	err    error
}

func (f *fields) text(name string) string { return strings.TrimSpace(f.values.Get(name)) }

func (f *fields) cents(name string) orders.Cents {
	given := f.text(name)
	if given == "" {
		return 0
	}
	// People write a thousand as they are used to; a comma before two digits at the
	// end could be a point, and is refused rather than guessed at.
	amount, err := orders.ParseCents(given)
	if err != nil {
		f.wrong("%s: %v", name, err)
	}
	return amount
}

// positive reads an amount that somebody pays, and so is more than nothing.
func (f *fields) positive(name string) orders.Cents {
	amount := f.cents(name)
	if f.text(name) != "" && amount <= 0 {
		f.wrong("%s: %s is no amount to pay, such as 35.90", name, amount)
	}
	return amount
}

// wrong keeps the first thing that is wrong.
func (f *fields) wrong(detail string, args ...any) {
	if f.err == nil {
		f.err = invalid.problem(detail, args...)
	}
}

func (f *fields) number(name string) int64 {
	given := f.text(name)
	if given == "" {
		return 0
	}
	n, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		f.wrong("%s: %q is not a whole number", name, given)
	}
	return n
}

// formLines is how many lines the form for a new order has room for.
const formLines = 3

// placeForm reads the form for a new order. What is missing is told in the words of
// the page: who fills in a form does not know the names of a command's fields.
func placeForm(f *fields) orders.PlaceOrder {
	c := orders.PlaceOrder{
		Total:    f.positive("total"),
		Customer: orders.Customer{ID: f.text("customer"), City: f.text("city"), State: f.text("state")},
		Fulfil:   f.text("fulfil") != "",
	}
	if c.Fulfil {
		c.Method = f.text("method")
	}
	for i := range formLines {
		n := strconv.Itoa(i + 1)
		line := orders.Line{Product: f.text("product" + n), Quantity: f.number("quantity" + n), UnitPrice: f.cents("price" + n)}
		if line == (orders.Line{}) {
			continue
		}
		for _, field := range []struct{ name, says string }{{"product", "what is bought"}, {"quantity", "how many pieces"}, {"price", "the price of one"}} {
			if f.text(field.name+n) == "" {
				f.wrong("line %s does not say %s", n, field.says)
			}
		}
		c.Lines = append(c.Lines, line)
	}
	if c.Total == 0 && len(c.Lines) == 0 {
		f.wrong("give a total, or lines that it is the sum of")
	}
	return c
}
