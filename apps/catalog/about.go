package catalog

import "github.com/daybook-es/daybook"

// What commands and questions are about, for those who decide who may ask for them: a
// product's stream, and the tag of its SKU where there is no product yet.

// AboutProduct returns what is about a product.
func AboutProduct(id string) daybook.Query { return daybook.Stream(StreamOf(id)) }

// About returns what the command is about; nothing in particular without a SKU.
func (c CreateProduct) About() daybook.Query {
	if c.SKU == "" {
		return nil
	}
	return daybook.Query{{Tags: []string{skuTag(c.SKU)}}}
}

// About returns what the command is about.
func (c RenameProduct) About() daybook.Query { return AboutProduct(c.Product) }

// About returns what the command is about.
func (c DescribeProduct) About() daybook.Query { return AboutProduct(c.Product) }

// About returns what the command is about.
func (c ChangePrice) About() daybook.Query { return AboutProduct(c.Product) }

// About returns what the command is about.
func (c CategoriseProduct) About() daybook.Query { return AboutProduct(c.Product) }

// About returns what the command is about.
func (c RestockProduct) About() daybook.Query { return AboutProduct(c.Product) }

// About returns what the command is about.
func (c DiscontinueProduct) About() daybook.Query { return AboutProduct(c.Product) }
