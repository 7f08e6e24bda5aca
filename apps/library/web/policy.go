package web

import (
	"bytes"
	_ "embed"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

//go:embed policy.json
var policy []byte

// PolicyDocument returns the policy that a site goes by unless it is given another, as it is
// written.
func PolicyDocument() []byte { return bytes.Clone(policy) }

// Policy returns the policy that a site goes by unless it is given another: who reads, who
// edits, and who administers.
func Policy() *access.Policy { return access.MustParsePolicy(policy) }

// Names returns the names that a policy for both services may have. Those of types of events
// are not among them: they are not known here.
func Names() access.Names {
	server := httpapi.NewServer("library", httpapi.Options{})
	return httpapi.NamesOf(append((&WriteSite{Server: server}).routes(), (&ReadSite{Server: server}).routes()...))
}
