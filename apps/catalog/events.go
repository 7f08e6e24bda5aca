package catalog

// What can happen to a product. Each of these is recorded in the product's own stream,
// under its own name, for ever; which product it is about is the stream's id (see
// [ProductID]). When it happened is in the event. Prices are in the catalogue's one
// currency.

// ProductCreated: the catalogue got a product, which is offered from then on. What it is
// called, and what it costs, is always said; the rest may follow later.
type ProductCreated struct {
	// ID is the product's, which no other one ever has. The stream has it too; it is here
	// because creating one product depends on the creations of others.
	ID    string `json:"id"`
	Name  string `json:"name"`
	Price Price  `json:"price"`
	// SKU is the number under which the warehouse knows it. No two products ever have the
	// same, whichever of them is offered still.
	SKU         SKU    `json:"sku,omitempty"`
	Description string `json:"description,omitempty"`
	Category    string `json:"category,omitempty"`
	// WithStock is how many pieces it was created with. A ProductRestocked after it adds
	// them; it is here so that who asks again for the same product is told from who asks
	// for the same with another stock.
	WithStock int64 `json:"with_stock,omitempty"`
}

// ProductRenamed: the product is called otherwise.
type ProductRenamed struct {
	Name string `json:"name"`
}

// ProductDescribed: somebody wrote down what the product is like, or wrote it better.
type ProductDescribed struct {
	Description string `json:"description"`
}

// PriceChanged: the product costs more, or less.
type PriceChanged struct {
	Price Price `json:"price"`
}

// ProductCategorised: the product is now found among others of its category.
type ProductCategorised struct {
	Category string `json:"category"`
}

// ProductRestocked: so many pieces arrived, and can be had.
type ProductRestocked struct {
	Quantity int64 `json:"quantity"`
}

// ProductDiscontinued: the product is not offered any more. What it was stays, and its SKU
// is taken for ever.
type ProductDiscontinued struct {
	Reason string `json:"reason,omitempty"`
}
