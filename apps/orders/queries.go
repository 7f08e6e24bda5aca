package orders

import (
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
)

// A Summary is one order in a list.
type Summary struct {
	ID       string          `json:"id"`
	Version  daybook.Version `json:"version"`
	Status   Status          `json:"status"`
	Customer Customer        `json:"customer,omitzero"`
	Currency string          `json:"currency"`
	Total    Cents           `json:"total"`
	Paid     Cents           `json:"paid"`
	Refunded Cents           `json:"refunded,omitempty"`
	// Units counts the pieces ordered; zero where only a total is known.
	Units int64 `json:"units,omitempty"`
	// PlacedAt is when it was placed, and UpdatedAt when the newest fact about it was
	// recorded.
	PlacedAt  time.Time `json:"placed_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Details are all that an order's page shows.
type Details struct {
	Summary
	Lines       []Line        `json:"lines"`
	Payments    []Payment     `json:"payments"`
	Refunds     []RefundPaid  `json:"refunds"`
	Stages      []StageChange `json:"stages"`
	Carrier     string        `json:"carrier,omitempty"`
	Tracking    string        `json:"tracking,omitempty"`
	PromisedFor time.Time     `json:"promised_for,omitzero"`
	// Reason is why it was cancelled or returned.
	Reason string `json:"reason,omitempty"`
	// Fulfilment is what the shop was asked to do by itself; nil if it was not.
	Fulfilment *FulfilmentAsked `json:"fulfilment,omitempty"`
}

// FulfilmentAsked says that the shop sees to an order by itself.
type FulfilmentAsked struct {
	// Method is how the order is to be paid, and PayBy until when, if not by the shop.
	Method string    `json:"method,omitempty"`
	PayBy  time.Time `json:"pay_by,omitzero"`
}

// A Payment is one that an order received.
type Payment struct {
	PaymentReceived
	At time.Time `json:"at,omitzero"`
}

// A RefundPaid is money that went back.
type RefundPaid struct {
	PaymentRefunded
	At time.Time `json:"at,omitzero"`
}

// A StageChange says that an order reached a status, and when; the time is zero
// where nobody said.
type StageChange struct {
	Status Status    `json:"status"`
	At     time.Time `json:"at,omitzero"`
}

// A Sort says how a list is ordered.
type Sort string

// The orders in which a list can be asked for. The first is what the empty Sort
// means.
const (
	ByNewest   Sort = "newest" // placed last, first
	ByOldest   Sort = "oldest"
	ByDearest  Sort = "dearest" // the greatest total first
	ByCheapest Sort = "cheapest"
	ByUpdated  Sort = "updated" // changed last, first
)

// Sorts returns every [Sort], the default first.
func Sorts() []Sort { return []Sort{ByNewest, ByOldest, ByDearest, ByCheapest, ByUpdated} }

// MaxLimit is the longest page of a list, and DefaultLimit that of a [Filter] that
// does not say.
const (
	MaxLimit     = 500
	DefaultLimit = 50
)

// A Filter says which orders a list shows. Its fields combine; the zero Filter is
// the first page of all orders.
type Filter struct {
	Statuses []Status // any of these; none means all
	Customer string
	// From and To bound when the order was placed: From inclusive, To exclusive.
	From, To time.Time
	// Search finds orders whose id, customer, city, state, carrier, tracking number,
	// products or categories contain every one of its words.
	Search string
	Sort   Sort
	// Cursor is the Next of the page before; empty for the first one. Its filter and
	// sort must be the same.
	Cursor string
	Limit  int
}

// A Page is a part of a list.
type Page struct {
	Orders []Summary `json:"orders"`
	// Next is the cursor of the page after this; empty if this is the last.
	Next string `json:"next,omitempty"`
	// Matching counts all orders that the filter selects.
	Matching int64 `json:"matching"`
}

// A Buyer is a customer as the shop knows them.
type Buyer struct {
	Customer
	Orders      int64     `json:"orders"`
	Paid        Cents     `json:"paid"`
	FirstPlaced time.Time `json:"first_placed,omitzero"`
	LastPlaced  time.Time `json:"last_placed,omitzero"`
	// Recent are the newest orders, at most [DefaultLimit]; a [Filter] has them all.
	Recent []Summary `json:"recent"`
}

// A Change says that something happened to an order, to an article or to the fulfilment of
// an order, and that the views show it.
type Change struct {
	// At is the point of the event: a token, and where to go on from.
	At daybook.Point `json:"at"`
	// Order and SKU are what it happened to, as far as it did: what is reserved is so for
	// an order. Process is the name of the process that it happened to, for the order.
	// Version is that of the order or, if there is a SKU or a Process, of that.
	Order      string          `json:"order,omitempty"`
	SKU        string          `json:"sku,omitempty"`
	Process    string          `json:"process,omitempty"`
	Version    daybook.Version `json:"version"`
	Type       string          `json:"type"`
	RecordedAt time.Time       `json:"recorded_at"`
}

// A Dashboard is the shop in figures, now or as of some time. Money is that of the
// orders' payments, before refunds, unless it says otherwise.
type Dashboard struct {
	// AsOf is the moment it shows; zero is now.
	AsOf time.Time `json:"as_of,omitzero"`
	// Orders counts those placed. Paid is what was paid for them, ItemPrice and
	// Freight what their lines come to, Refunded what went back.
	Orders    int64 `json:"orders"`
	Units     int64 `json:"units"`
	Paid      Cents `json:"paid_cents"`
	ItemPrice Cents `json:"item_price_cents"`
	Freight   Cents `json:"freight_cents"`
	Refunded  Cents `json:"refunded_cents"`

	PerStatus       []StatusFigures  `json:"per_status"`
	PerMethod       []MethodFigures  `json:"per_method"`
	PerMonth        []PeriodFigures  `json:"per_month"`
	PerDay          []PeriodFigures  `json:"per_day"`
	PerState        []StateFigures   `json:"per_state"`
	TopByUnits      []ProductFigures `json:"top_products_by_units"`
	TopByItemPrice  []ProductFigures `json:"top_products_by_item_price"`
	StageDurations  []StageDuration  `json:"stage_durations"`
	DeliveredInTime int64            `json:"delivered_in_time"`
	DeliveredLate   int64            `json:"delivered_late"`
	Stock           StockFigures     `json:"stock"`
	// Fulfilment counts the orders that the shop was asked to see to by itself.
	Fulfilment FulfilmentFigures `json:"fulfilment"`
}

// FulfilmentFigures tell what became of the orders that the shop sees to by itself.
type FulfilmentFigures struct {
	// Asked counts all of them. Unpaid ones wait for their payment, Paid ones for the
	// carrier; the others were Shipped, or Cancelled.
	Asked     int64 `json:"asked"`
	Unpaid    int64 `json:"unpaid"`
	Paid      int64 `json:"paid"`
	Shipped   int64 `json:"shipped"`
	Cancelled int64 `json:"cancelled"`
}

// StockFigures tell what is on the shelves.
type StockFigures struct {
	// Articles counts those that are kept in stock, OnHand and Reserved their pieces.
	Articles int64 `json:"articles"`
	OnHand   int64 `json:"on_hand"`
	Reserved int64 `json:"reserved"`
	// Low counts the articles that are low in stock, and Lowest are those of them that
	// lack most to their reorder level, at most ten.
	Low    int64      `json:"low"`
	Lowest []LowStock `json:"lowest"`
}

// LowStock is an article that is low in stock.
type LowStock struct {
	SKU   string `json:"sku"`
	Free  int64  `json:"free"`
	Level int64  `json:"level"`
}

// StatusFigures count the orders of one status.
type StatusFigures struct {
	Status Status `json:"status"`
	Orders int64  `json:"orders"`
}

// MethodFigures tell what was paid by one method.
type MethodFigures struct {
	Method   string `json:"method"`
	Payments int64  `json:"payments"`
	Orders   int64  `json:"orders"`
	Total    Cents  `json:"total_cents"`
}

// PeriodFigures are those of the orders placed in one day ("2017-11-24") or month
// ("2017-11"), in UTC.
type PeriodFigures struct {
	Period    string `json:"period"`
	Orders    int64  `json:"orders"`
	Delivered int64  `json:"delivered_orders"`
	Units     int64  `json:"units"`
	Paid      Cents  `json:"paid_cents"`
	ItemPrice Cents  `json:"item_price_cents"`
	Freight   Cents  `json:"freight_cents"`
}

// StateFigures are those of the orders that went to one state.
type StateFigures struct {
	State  string `json:"state"`
	Orders int64  `json:"orders"`
	Paid   Cents  `json:"paid_cents"`
}

// ProductFigures tell how a product sold.
type ProductFigures struct {
	Product   string `json:"product_id"`
	Category  string `json:"category"`
	Units     int64  `json:"units"`
	Orders    int64  `json:"orders"`
	ItemPrice Cents  `json:"item_price_cents"`
}

// A StageDuration tells how long orders took from one status to another: those of
// which both times are known. In imported histories the later one may come first.
type StageDuration struct {
	From Status `json:"from"`
	To   Status `json:"to"`
	// OnlyDelivered restricts the figures to orders whose status is delivered.
	OnlyDelivered bool  `json:"only_delivered"`
	Orders        int64 `json:"orders"`
	SumSeconds    int64 `json:"sum_seconds"`
	Negative      int64 `json:"negative"`
	Zero          int64 `json:"zero"`
}

// Mean returns the mean duration; zero if there were no orders.
func (d StageDuration) Mean() time.Duration {
	if d.Orders == 0 {
		return 0
	}
	return time.Duration(float64(d.SumSeconds) / float64(d.Orders) * float64(time.Second))
}

// What every application says about a moment, and about one event; see package past.
type (
	// Shown says which moment an answer shows.
	Shown = past.Shown
	// A Moment names a past of an order or of an article.
	Moment = past.Moment
	// An Occurrence is one event in the history of an order or of an article.
	Occurrence = past.Occurrence
)
