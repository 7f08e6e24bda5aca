package orders

import "time"

// What can happen to an order. Each of these is recorded in the order's own
// stream, under its own name, for ever; which order it is about is the stream's id
// (see [OrderID]). All money is in hundredths of the shop's [Currency].

// OrderPlaced: a customer placed an order, and the shop promised to fulfil it.
type OrderPlaced struct {
	Customer Customer `json:"customer,omitzero"`
	// Lines are what was ordered. They are missing where only a total is known.
	Lines []Line `json:"lines,omitempty"`
	// Total is what the customer owes: all lines with their freight.
	Total    Cents  `json:"total"`
	Currency string `json:"currency"`
	// PromisedFor is when the customer was told to expect the goods.
	PromisedFor time.Time `json:"promised_for,omitzero"`
}

// FulfilmentRequested: the shop was asked to see to the order by itself: to reserve what
// it wants, to have it paid, and to have it fetched. It says what that takes.
type FulfilmentRequested struct {
	Wanted []Wanted `json:"wanted,omitempty"`
	Total  Cents    `json:"total"`
	// Method is how it will be paid. With [CardOnFile] the shop charges the card; by any
	// other the customer pays, until PayBy at the latest.
	Method string    `json:"method,omitempty"`
	PayBy  time.Time `json:"pay_by,omitzero"`
}

// CardOnFile is the method of payment that needs nobody: the shop has the number of the
// customer's card, and asks for the money itself.
const CardOnFile = "card_on_file"

// A Customer is the person who ordered, by a number that means nothing outside the
// shop, and where the goods go.
type Customer struct {
	ID    string `json:"id,omitempty"`
	City  string `json:"city,omitempty"`
	State string `json:"state,omitempty"`
}

// A Line is one article of an order.
type Line struct {
	Product  string `json:"product"`
	Category string `json:"category,omitempty"`
	Seller   string `json:"seller,omitempty"`
	Quantity int64  `json:"quantity"`
	// UnitPrice is for one piece, Freight for all of them together.
	UnitPrice Cents `json:"unit_price"`
	Freight   Cents `json:"freight,omitempty"`
}

// PaymentReceived: money, or the promise of a bank, arrived. An order may be paid in
// several parts and by several methods.
type PaymentReceived struct {
	Method       string `json:"method"`
	Amount       Cents  `json:"amount"`
	Installments int64  `json:"installments,omitempty"`
}

// PaymentApproved: the shop considers the order paid, and may ship it.
type PaymentApproved struct{}

// OrderInvoiced: the invoice was written.
type OrderInvoiced struct{}

// ProcessingStarted: the warehouse began to gather the goods.
type ProcessingStarted struct{}

// OrderShipped: the goods were handed to the carrier.
type OrderShipped struct {
	Carrier  string `json:"carrier,omitempty"`
	Tracking string `json:"tracking,omitempty"`
}

// OrderDelivered: the goods reached the customer.
type OrderDelivered struct{}

// GoodsFoundUnavailable: what was ordered cannot be had; the order ends here.
type GoodsFoundUnavailable struct{}

// OrderCancelled: the order will not be fulfilled.
type OrderCancelled struct {
	Reason string `json:"reason,omitempty"`
}

// OrderReturned: the customer sent the goods back.
type OrderReturned struct {
	Reason string `json:"reason,omitempty"`
}

// PaymentRefunded: money went back to the customer, all that was paid or a part.
type PaymentRefunded struct {
	Amount Cents  `json:"amount"`
	Reason string `json:"reason,omitempty"`
}

// What can happen to an article in stock. Each of these is recorded in the article's
// own stream. A reservation is decided over all articles of an order at once, so a fact
// says itself which article and which order it is about.

// StockReceived: pieces of an article arrived, and are on the shelf. The first time
// makes it an article that is kept in stock.
type StockReceived struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Supplier string `json:"supplier,omitempty"`
}

// StockReserved: pieces on the shelf are kept for an order.
type StockReserved struct {
	SKU      string `json:"sku"`
	Order    string `json:"order"`
	Quantity int64  `json:"quantity"`
}

// StockReleased: pieces that were kept for an order are free again.
type StockReleased struct {
	SKU      string `json:"sku"`
	Order    string `json:"order"`
	Quantity int64  `json:"quantity"`
	Reason   string `json:"reason,omitempty"`
}

// StockPicked: pieces that were kept for an order left the shelf with it.
type StockPicked struct {
	SKU      string `json:"sku"`
	Order    string `json:"order"`
	Quantity int64  `json:"quantity"`
}

// StockCounted: somebody counted what is on the shelf, reserved or not, and what was
// counted is so from then on.
type StockCounted struct {
	SKU     string `json:"sku"`
	Counted int64  `json:"counted"`
	// Difference is how many more there were than expected, or how many fewer if it is
	// negative.
	Difference int64  `json:"difference"`
	Reason     string `json:"reason,omitempty"`
}

// ReorderLevelSet: an article is low in stock when no more than so many pieces are
// free.
type ReorderLevelSet struct {
	SKU   string `json:"sku"`
	Level int64  `json:"level"`
}
