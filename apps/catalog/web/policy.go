package web

import (
	_ "embed"

	"github.com/daybook-es/daybook/access"
)

//go:embed policy.json
var policy []byte

// Policy returns the policy that a site goes by unless it is given another: who reads, who
// edits, and who administers.
func Policy() *access.Policy { return access.MustParsePolicy(policy) }
