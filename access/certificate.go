package access

import (
	"cmp"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Certificates authenticates by the certificate that a client showed when it connected, if the
// server has verified it (see [tls.Config.ClientCAs]). It is of the kind "client" or it is not
// taken; whoever signs certificates for the server's authority says who is who:
//
//   - the subject's common name is the principal's name, with the prefix "cert:", or the first
//     URI among its names if there is no common name;
//   - its organizations are the roles;
//   - a URI "daybook:log:UUID" among its names binds it to that log.
//
// A log whose UUID is zero is none, and such a certificate is not taken.
//
// To revoke one, stop trusting its authority or have it expire soon: lists of revoked
// certificates are not read.
type Certificates struct {
	// Trusted reports whether an authority is trusted now, of which some certificate was
	// when its client connected: a connection may last for days. Nil means that it is.
	Trusted func(authority *x509.Certificate) bool
}

const logURI = "daybook:log:"

// Authenticate implements [Authenticator].
func (c Certificates) Authenticate(r *http.Request) (Principal, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return Principal{}, ErrNoCredential
	}
	leaf := r.TLS.VerifiedChains[0][0]
	by := "certificate " + leaf.SerialNumber.Text(16)
	wrong := func(reason string) (Principal, error) {
		return Principal{}, &CredentialError{Kind: "certificate", By: by, Reason: reason}
	}
	if time.Now().After(leaf.NotAfter) {
		return wrong("has expired since the connection began")
	}
	if c.Trusted != nil && !slices.ContainsFunc(r.TLS.VerifiedChains, func(chain []*x509.Certificate) bool { return c.Trusted(chain[len(chain)-1]) }) {
		return wrong("is of an authority that is not trusted any more")
	}
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return wrong("is not one for clients")
	}
	who := Principal{Roles: leaf.Subject.Organization, By: by, Until: leaf.NotAfter}
	named := leaf.Subject.CommonName
	for _, uri := range leaf.URIs {
		text, bound := strings.CutPrefix(uri.String(), logURI)
		if !bound {
			named = cmp.Or(named, uri.String())
			continue
		}
		id, err := uuid.Parse(text)
		if err != nil || id == uuid.Nil || who.Log != uuid.Nil && who.Log != id {
			return wrong("names a log that there cannot be")
		}
		who.Log = id
	}
	if named == "" {
		return wrong("names nobody")
	}
	if who.Name = "cert:" + named; len(who.Name) > daybook.MaxNameBytes || !utf8.ValidString(named) {
		return wrong("has a name that is too long for a principal")
	}
	return who, nil
}
