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

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// A command is sent as a JSON object, or by a form of a page. Either way it goes over the
// bus once, and is answered with the product as it was right after it: a program gets the
// product, a browser is led to its page.

// create takes POST /products.
func (s *Site) create(w http.ResponseWriter, r *http.Request) error {
	var c catalog.CreateProduct
	sent, err := s.Receive(w, r, &c, func(f *httpapi.Fields) {
		c.Name, c.Price, c.Description, c.Category, c.Stock = f.Text("name"), priceIn(f, "price"), proseIn(f, "description"), f.Text("category"), f.Number("stock")
		_ = c.SKU.UnmarshalText([]byte(f.Text("sku"))) // the command says what is wrong with it
	})
	if err == nil {
		sent.Envelope, err = s.bus.Identify(sent.Envelope, c)
	}
	if err == nil {
		err = s.send(w, r, sent, c, catalog.CreatedID(sent.Envelope.ID))
	}
	return s.refuse(w, r, sent, err)
}

// rename takes POST /products/{id}/rename.
func (s *Site) rename(w http.ResponseWriter, r *http.Request) error {
	var c catalog.RenameProduct
	return act(s, w, r, &c, &c.Product, func(f *httpapi.Fields) { c.Name = f.Text("name") })
}

// describe takes POST /products/{id}/describe.
func (s *Site) describe(w http.ResponseWriter, r *http.Request) error {
	var c catalog.DescribeProduct
	return act(s, w, r, &c, &c.Product, func(f *httpapi.Fields) { c.Description = proseIn(f, "description") })
}

// reprice takes POST /products/{id}/price.
func (s *Site) reprice(w http.ResponseWriter, r *http.Request) error {
	var c catalog.ChangePrice
	return act(s, w, r, &c, &c.Product, func(f *httpapi.Fields) { c.Price = priceIn(f, "price") })
}

// categorise takes POST /products/{id}/categorise.
func (s *Site) categorise(w http.ResponseWriter, r *http.Request) error {
	var c catalog.CategoriseProduct
	return act(s, w, r, &c, &c.Product, func(f *httpapi.Fields) { c.Category = f.Text("category") })
}

// restock takes POST /products/{id}/restock.
func (s *Site) restock(w http.ResponseWriter, r *http.Request) error {
	var c catalog.RestockProduct
	return act(s, w, r, &c, &c.Product, func(f *httpapi.Fields) { c.Quantity = f.Number("quantity") })
}

// discontinue takes POST /products/{id}/discontinue.
func (s *Site) discontinue(w http.ResponseWriter, r *http.Request) error {
	var c catalog.DiscontinueProduct
	return act(s, w, r, &c, &c.Product, func(f *httpapi.Fields) { c.Reason = f.Text("reason") })
}

// priceIn reads a price of a form; nil if the field is empty.
func priceIn(f *httpapi.Fields, name string) *catalog.Price {
	given := f.Text(name)
	if given == "" {
		return nil
	}
	price, err := catalog.ParsePrice(given)
	if err != nil {
		f.Wrong("%s: %v", name, err)
	}
	return &price
}

// proseIn reads several lines of a form, which browsers send with carriage returns.
func proseIn(f *httpapi.Fields, name string) string {
	return strings.ReplaceAll(f.Text(name), "\r\n", "\n")
}

// act takes a command: c, which names its product in *id. It is about the one that the
// address names.
func act[C any](s *Site, w http.ResponseWriter, r *http.Request, c *C, id *string, fill func(*httpapi.Fields)) error {
	sent, err := s.Receive(w, r, c, fill)
	if about := r.PathValue("id"); err == nil {
		if *id != "" && *id != about {
			err = httpapi.Malformed.Problem("it is about product %q, and the address about %q", *id, about)
		}
		*id = about
	}
	if err == nil {
		err = s.send(w, r, sent, *c, *id)
	}
	return s.refuse(w, r, sent, err)
}

// send runs a command and answers.
func (s *Site) send(w http.ResponseWriter, r *http.Request, sent httpapi.Received, c any, id string) (err error) {
	ctx := r.Context()
	// What the client has been told, here or elsewhere, is known when this is decided.
	if err := s.Await(w, r, httpapi.Stored{Store: s.store}); err != nil {
		return err
	}
	stream := catalog.StreamOf(id)
	if sent.IfMatch != "" {
		sent.Envelope.If, err = httpapi.IfMatch(sent.IfMatch, "product", stream, s.tagAt(ctx, id))
		if err != nil {
			return err
		}
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", c), "catalog.")
	receipt, err := s.Do(ctx, s.bus, sent.Envelope, name, c, stream, "product", id)
	if err != nil {
		if errors.Is(err, catalog.ErrNoSuchProduct) {
			return missing(err, id, catalog.Moment{})
		}
		return sent.Unmatched(err, "product")
	}
	w.Header().Set(httpapi.TokenHeader, receipt.Point.String())
	s.own.note(r, receipt.Point)
	if sent.Form != nil {
		s.Carry(w, receipt.Point, name)
		http.Redirect(w, r, addressOf(id), http.StatusSeeOther)
		return nil
	}

	// The answer is the product as this command left it, whatever has happened to it since:
	// a retry is told the same.
	product, shown, err := catalog.LeftBy(ctx, s.store, id, receipt.Versions[stream])
	if err != nil {
		return err
	}
	created := ""
	if name == "CreateProduct" {
		created = addressOf(id)
	}
	return httpapi.WriteLeft(w, receipt, shown.Tag, created, product)
}

// tagAt returns what says which ETag a product had at a version, none if it never had that.
func (s *Site) tagAt(ctx context.Context, id string) func(daybook.Version) (string, error) {
	return func(version daybook.Version) (string, error) {
		_, shown, err := catalog.LeftBy(ctx, s.store, id, version)
		if errors.Is(err, catalog.ErrNoSuchProduct) {
			return "", nil
		}
		return shown.Tag, err
	}
}

// addressOf returns where a product is.
func addressOf(id string) string { return "/products/" + url.PathEscape(id) }

// versionLink returns where a product is as it was at a version.
func versionLink(id string, version daybook.Version) string {
	return addressOf(id) + "?version=" + strconv.FormatUint(uint64(version), 10)
}

// refuse answers a command that came to nothing. A page's form is shown again, as it was
// filled in, with what was wrong above it. Nil stays nil.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, sent httpapi.Received, err error) error {
	if sent.Form == nil || err == nil {
		return err
	}
	switch httpapi.ProblemOf(err).Kind {
	case httpapi.KeyReused, httpapi.Internal, httpapi.NotFound, httpapi.Denied, httpapi.Anonymous:
		return err
	}
	page := access.Ask("Products")
	if r.PathValue("id") != "" {
		page = access.Ask("Product").About(aboutProduct(r))
	}
	if !s.May(r, page) {
		return err // who may send it may not see the page that the form stands on
	}
	failed := s.Again(w, r, sent, err)
	status := failed.Problem.Status
	var unshown error
	if id := r.PathValue("id"); id == "" {
		unshown = s.listPage(w, r, status, url.Values{}, catalog.Filter{}, catalog.Moment{}, failed)
	} else {
		failed.Command = path.Base(r.URL.Path)
		unshown = s.productPage(w, r, status, id, catalog.Moment{}, failed)
	}
	if unshown != nil {
		return err // there is no page to show it on
	}
	return nil
}
