package access_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook/access"
)

func TestAnEntryHasTheRolesThatThePolicyKnows(t *testing.T) {
	notes := new(notebook)
	who := access.Principal{Name: "oidc:eve", Roles: []string{"clerk", "clerk"}}
	for n := range 2000 {
		who.Roles = append(who.Roles, fmt.Sprint("group ", n))
	}
	if err := guarded(notes, uuid.Nil).Check(access.With(t.Context(), who), access.Administer("Rebuild")); err == nil {
		t.Fatal("a clerk may rebuild")
	}
	if diff := cmp.Diff([]string{"clerk"}, notes.told[0].Roles); diff != "" {
		t.Errorf("its roles (-want +got):\n%s", diff)
	}
}

func TestCertificatesThatNameNoLogOrTooMuchAreNotTaken(t *testing.T) {
	none, err := url.Parse("daybook:log:" + uuid.Nil.String())
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		name string
		uris []*url.URL
	}{
		"the zero log": {"ada", []*url.URL{none}}, "a long name": {strings.Repeat("a", 600), nil}, "what is no text": {"a\xff", nil},
	} {
		leaf := &x509.Certificate{
			Subject: pkix.Name{CommonName: c.name}, URIs: c.uris, SerialNumber: big.NewInt(1),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotAfter: time.Now().Add(time.Hour),
		}
		r := &http.Request{TLS: &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}}
		if who, err := (access.Certificates{}).Authenticate(r); !errors.As(err, new(*access.CredentialError)) {
			t.Errorf("%s: it is %v, %v", what, who, err)
		}
	}
}
