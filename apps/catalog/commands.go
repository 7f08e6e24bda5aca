package catalog

import (
	"cmp"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
)

// What people may ask for. Validate says whether a command makes sense at all; the rules
// in offer.go say whether it may be done as things are.

// CreateProduct creates a product. Its id derives from the command's; see [CreatedID].
type CreateProduct struct {
	Name string `json:"name"`
	// Price has to be said, even if it is nothing.
	Price       *Price `json:"price"`
	SKU         SKU    `json:"sku,omitempty"`
	Description string `json:"description,omitempty"`
	Category    string `json:"category,omitempty"`
	// Stock is how many pieces there are to begin with.
	Stock int64 `json:"stock,omitempty"`
}

// CreateProducts creates many at once, each under an id that the sender chose: see
// [CreateAll].
type CreateProducts struct {
	Products []NewProduct `json:"products"`
	// Told, if it is set, is called with what becomes of each.
	Told func([]Outcome) `json:"-"`
}

// RenameProduct gives a product another name.
type RenameProduct struct {
	Product string `json:"product"`
	Name    string `json:"name"`
}

// DescribeProduct says what a product is like. An empty description takes it back.
type DescribeProduct struct {
	Product     string `json:"product"`
	Description string `json:"description"`
}

// ChangePrice gives a product another price.
type ChangePrice struct {
	Product string `json:"product"`
	Price   *Price `json:"price"`
}

// CategoriseProduct puts a product among others of a category, or among none.
type CategoriseProduct struct {
	Product  string `json:"product"`
	Category string `json:"category"`
}

// RestockProduct adds pieces that arrived.
type RestockProduct struct {
	Product  string `json:"product"`
	Quantity int64  `json:"quantity"`
}

// DiscontinueProduct takes a product out of what is offered.
type DiscontinueProduct struct {
	Product string `json:"product"`
	Reason  string `json:"reason,omitempty"`
}

const (
	// MaxQuantity is how many pieces arrive at once at most.
	MaxQuantity = 1_000_000
	// MaxDescription is the greatest length of a description, in bytes.
	MaxDescription = 4_000
	// MaxTogether is how many products are created in one append at most: each is one event
	// or two, and every store takes a thousand.
	MaxTogether = 500
)

func validPrice(p *Price) error {
	switch {
	case p == nil:
		return fmt.Errorf("price: is missing")
	case *p > MaxPrice || *p < -MaxPrice:
		return fmt.Errorf("price: is %s, and at most %s is allowed", *p, MaxPrice)
	}
	return nil
}

func (e ProductCreated) validate() error {
	return cmp.Or(check.Text("name", e.Name, check.Required), validPrice(&e.Price), e.SKU.Validate(),
		check.Prose("description", e.Description, MaxDescription), check.Text("category", e.Category, check.Optional))
}

func validStock(n int64) error {
	if n < 0 || n > MaxQuantity {
		return fmt.Errorf("stock: is %d, and must be from 0 to %d", n, MaxQuantity)
	}
	return nil
}

// Validate returns what is wrong with the command, naming the field.
func (c CreateProduct) Validate() error {
	return cmp.Or(validPrice(c.Price), c.created("").validate(), validStock(c.Stock))
}

// created returns what the command says of the product.
func (c CreateProduct) created(id string) ProductCreated {
	e := ProductCreated{ID: id, Name: c.Name, SKU: c.SKU, Description: c.Description, Category: c.Category}
	if c.Price != nil {
		e.Price = *c.Price
	}
	return e
}

// New returns the product that the command creates, with this id.
func (c CreateProduct) New(id string) NewProduct { return NewProduct{c.created(id), c.Stock} }

// Validate returns what is wrong with the command, naming the field.
func (c CreateProducts) Validate() error {
	if len(c.Products) < 1 || len(c.Products) > MaxTogether {
		return fmt.Errorf("products: are %d, and must be from 1 to %d", len(c.Products), MaxTogether)
	}
	for i, p := range c.Products {
		if err := cmp.Or(check.Text("id", p.ID, check.Required), p.validate(), validStock(p.Stock)); err != nil {
			return fmt.Errorf("products[%d].%w", i, err)
		}
	}
	return nil
}

// Validate returns what is wrong with the command, naming the field.
func (c RenameProduct) Validate() error {
	return cmp.Or(check.Text("product", c.Product, check.Required), check.Text("name", c.Name, check.Required))
}

// Validate returns what is wrong with the command, naming the field.
func (c DescribeProduct) Validate() error {
	return cmp.Or(check.Text("product", c.Product, check.Required), check.Prose("description", c.Description, MaxDescription))
}

// Validate returns what is wrong with the command, naming the field.
func (c ChangePrice) Validate() error {
	return cmp.Or(check.Text("product", c.Product, check.Required), validPrice(c.Price))
}

// Validate returns what is wrong with the command, naming the field.
func (c CategoriseProduct) Validate() error {
	return cmp.Or(check.Text("product", c.Product, check.Required), check.Text("category", c.Category, check.Optional))
}

// Validate returns what is wrong with the command, naming the field.
func (c RestockProduct) Validate() error {
	if c.Quantity < 1 || c.Quantity > MaxQuantity {
		return fmt.Errorf("quantity: is %d, and must be from 1 to %d", c.Quantity, MaxQuantity)
	}
	return check.Text("product", c.Product, check.Required)
}

// Validate returns what is wrong with the command, naming the field.
func (c DiscontinueProduct) Validate() error {
	return cmp.Or(check.Text("product", c.Product, check.Required), check.Text("reason", c.Reason, check.Optional))
}

// CreatedID returns the id of the product that a [CreateProduct] with this command id
// creates. A retry of the command creates the same one.
func CreatedID(id command.ID) string { return id.Derive("product") }

// NewBus returns the bus that takes the commands of the catalogue that is recorded in a
// store. The clock gives the time at which what a command decides happened; nil means
// time.Now. Any number of programs may have a bus for one catalogue.
func NewBus(store daybook.Store, now func() time.Time, options *command.Options) *command.Bus {
	if now == nil {
		now = time.Now
	}
	return command.NewBus(store, []command.Handler{
		command.On("CreateProduct", func(c CreateProduct, id command.ID) decider.Plan {
			return Create(c.New(CreatedID(id)), now())
		}),
		command.On("CreateProducts", func(c CreateProducts, _ command.ID) decider.Plan {
			told := c.Told
			if told == nil {
				told = func([]Outcome) {}
			}
			return CreateAll(c.Products, now(), told)
		}),
		command.On("RenameProduct", func(c RenameProduct, _ command.ID) decider.Plan {
			return Rename(c.Product, ProductRenamed{c.Name}, now())
		}),
		command.On("DescribeProduct", func(c DescribeProduct, _ command.ID) decider.Plan {
			return Describe(c.Product, ProductDescribed{c.Description}, now())
		}),
		command.On("ChangePrice", func(c ChangePrice, _ command.ID) decider.Plan {
			return Reprice(c.Product, PriceChanged{*c.Price}, now())
		}),
		command.On("CategoriseProduct", func(c CategoriseProduct, _ command.ID) decider.Plan {
			return Categorise(c.Product, ProductCategorised{c.Category}, now())
		}),
		command.On("RestockProduct", func(c RestockProduct, _ command.ID) decider.Plan {
			return Restock(c.Product, ProductRestocked{c.Quantity}, now())
		}),
		command.On("DiscontinueProduct", func(c DiscontinueProduct, _ command.ID) decider.Plan {
			return Discontinue(c.Product, ProductDiscontinued{c.Reason}, now())
		}),
	}, options)
}
