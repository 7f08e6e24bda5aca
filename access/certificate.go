package access

import (
	"cmp"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
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
// To revoke one, stop trusting its authority or have it expire soon: lists of revoked
// certificates are not read.
type Certificates struct{}

const logURI = "daybook:log:"

// Authenticate implements [Authenticator].
func (Certificates) Authenticate(r *http.Request) (Principal, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return Principal{}, ErrNoCredential
	}
	leaf := r.TLS.VerifiedChains[0][0]
	wrong := func(reason string) (Principal, error) {
		return Principal{}, &CredentialError{Kind: "certificate", Reason: reason}
	}
	if time.Now().After(leaf.NotAfter) {
		return wrong("has expired since the connection began")
	}
	client := false
	for _, usage := range leaf.ExtKeyUsage {
		client = client || usage == x509.ExtKeyUsageClientAuth || usage == x509.ExtKeyUsageAny
	}
	if !client {
		return wrong("is not one for clients")
	}
	who := Principal{Roles: leaf.Subject.Organization, By: "certificate " + leaf.SerialNumber.Text(16), Until: leaf.NotAfter}
	named := leaf.Subject.CommonName
	for _, uri := range leaf.URIs {
		text, bound := strings.CutPrefix(uri.String(), logURI)
		if !bound {
			named = cmp.Or(named, uri.String())
			continue
		}
		id, err := uuid.Parse(text)
		if err != nil || who.Log != uuid.Nil && who.Log != id {
			return wrong("names a log that there cannot be")
		}
		who.Log = id
	}
	if named == "" {
		return wrong("names nobody")
	}
	who.Name = "cert:" + named
	return who, nil
}
