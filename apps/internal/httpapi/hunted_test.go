package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/store/memstore"
)

// told is a recorder that keeps what it is told.
type told struct {
	mu  sync.Mutex
	all []access.Entry
}

func (n *told) Record(ctx context.Context, e access.Entry) error { return n.Tell(ctx, e) }

func (n *told) Tell(_ context.Context, e access.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, e)
	return nil
}

// by sends a request in the name of a principal, and returns the status and the answer.
func by(t *testing.T, s *Server, method, path, body, key string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", JSONBody)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

// office returns a site with keys that goes by a policy, what its guard tells, and what
// issues a key without asking anybody.
func office(t *testing.T, policy string, logger *slog.Logger) (*Server, *told, func(name string, roles ...string) (apikey.Key, string)) {
	t.Helper()
	log := uuid.New()
	keys, err := apikey.Open(t.Context(), memstore.New(), &apikey.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	notes := new(told)
	guard := access.NewGuard(access.MustParsePolicy([]byte(policy)), &access.GuardOptions{Log: log, Recorder: notes})
	s := NewServer("test", Options{Authenticator: keys, Guard: guard, Kept: &Kept{Keys: keys, Log: log}, Logger: logger})
	return s, notes, func(name string, roles ...string) (apikey.Key, string) {
		t.Helper()
		key, whole, err := keys.Issue(t.Context(), apikey.Key{Name: name, Roles: roles, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		return key, whole
	}
}

func TestNobodyIssuesAKeyThatIsGoodForMoreThanTheirOwn(t *testing.T) {
	s, _, issue := office(t, `{
	  "roles": {"clerk": "sells", "trainee": "learns", "keeper": "gives out keys", "admin": "answers for it"},
	  "allow": [
	    {"roles": ["keeper"], "administer": ["IssueKey"]},
	    {"roles": ["admin"], "administer": ["*"]},
	    {"principals": ["owner"], "administer": ["*"]}
	  ],
	  "deny": [
	    {"principals": ["eve"], "send": ["Refund"]},
	    {"roles": ["trainee"], "send": ["Refund"]}
	  ]
	}`, slog.New(slog.DiscardHandler))
	s.Route(s.AccessRoutes())
	_, keeper := issue("kim", "keeper", "clerk")
	_, eve := issue("eve", "keeper", "clerk")
	_, learner := issue("lee", "keeper", "clerk", "trainee")
	_, admin := issue("ada", "admin")
	_, barred := issue("eve", "admin")
	for _, c := range []struct {
		what, key, wanted string
		status            int
	}{
		{"a role of one's own", keeper, `{"name": "bob", "roles": ["clerk"]}`, http.StatusCreated},
		{"a role that one has not got", keeper, `{"name": "bob", "roles": ["admin"]}`, http.StatusForbidden},
		{"the name of somebody who may more", keeper, `{"name": "owner", "roles": ["clerk"]}`, http.StatusForbidden},
		{"another name than that which is denied something", eve, `{"name": "bob", "roles": ["clerk"]}`, http.StatusForbidden},
		{"the same name", eve, `{"name": "eve", "roles": ["clerk"]}`, http.StatusCreated},
		{"all roles but the one that is denied something", learner, `{"name": "bob", "roles": ["clerk"]}`, http.StatusForbidden},
		{"that role too", learner, `{"name": "bob", "roles": ["clerk", "trainee"]}`, http.StatusCreated},
		{"any role, by an admin", admin, `{"name": "owner", "roles": ["clerk"]}`, http.StatusCreated},
		{"another name, by an admin who is denied something", barred, `{"name": "bob", "roles": ["admin"]}`, http.StatusForbidden},
	} {
		if status, text := by(t, s, "POST", "/access/keys", c.wanted, c.key); status != c.status {
			t.Errorf("%s: %d, want %d: %s", c.what, status, c.status, text)
		}
	}
}

func TestACredentialThatIsNotTakenIsWrittenDownWhereverItIsTried(t *testing.T) {
	s, notes, issue := office(t, `{"roles": {"clerk": "sells"}, "allow": [{"roles": ["clerk"], "ask": ["*"]}]}`, slog.New(slog.DiscardHandler))
	s.Route(s.SessionRoutes(nil))
	_, good := issue("ada", "clerk")
	by(t, s, "GET", "/session", "", good)
	by(t, s, "GET", "/session", "", "")
	if len(notes.all) > 0 {
		t.Errorf("whoever looks in is written down: %+v", notes.all)
	}
	by(t, s, "GET", "/session", "", good[:len(good)-1]+"b")
	if len(notes.all) != 1 || notes.all[0].Outcome != access.Refused {
		t.Errorf("a key that is tried at /session is written down as %+v", notes.all)
	}
}

func TestWhatStrangersAreRefusedIsNoNewsInTheLog(t *testing.T) {
	var written bytes.Buffer
	s, _, issue := office(t, `{"roles": {"clerk": "sells"}, "allow": [{"roles": ["clerk"], "send": ["Sell"]}]}`, slog.New(slog.NewTextHandler(&written, nil)))
	s.Route([]Route{{Method: "POST", Path: "/sales", Right: ToSend("Sell"), Handle: func(w http.ResponseWriter, _ *http.Request) error {
		return WriteJSON(w, http.StatusOK, "sold")
	}}})
	_, good := issue("ada", "clerk")
	for _, path := range []string{"/sales", "/nowhere"} {
		if by(t, s, "POST", path, "{}", ""); written.Len() > 0 {
			t.Errorf("a stranger's POST of %s is told: %s", path, written.String())
		}
	}
	if by(t, s, "POST", "/sales", "{}", good); !strings.Contains(written.String(), "path=/sales status=200") {
		t.Errorf("a clerk's is told as %q", written.String())
	}
}

func TestConnectionsThatComeToNothingAreToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		s := NewServer("test", Options{Logger: slog.New(slog.NewJSONHandler(&written, nil))})
		told := s.errorLog()
		for range 10_000 {
			told.Print("http: TLS handshake error from 192.0.2.7:1024: EOF")
		}
		lines := 0
		for d := json.NewDecoder(&written); ; lines++ {
			if err := d.Decode(new(map[string]any)); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if lines == 0 || lines > 20 {
			t.Errorf("ten thousand handshakes that fail make %d lines", lines)
		}
	})
}

func TestTheTraceThatAStrangerNamesIsNotFollowed(t *testing.T) {
	s, _, issue := office(t, `{"roles": {"clerk": "sells"}, "allow": [{"roles": ["clerk"], "send": ["Sell"]}]}`, slog.New(slog.DiscardHandler))
	parent := ""
	s.Route([]Route{{Method: "GET", Path: "/open", Right: Open, Handle: func(_ http.ResponseWriter, r *http.Request) error {
		parent = daybook.TraceOf(r.Context()).Parent
		return nil
	}}})
	_, good := issue("ada", "clerk")
	const span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for key, want := range map[string]string{"": "", good: span} {
		r := httptest.NewRequest("GET", "/open", nil)
		r.Header.Set(ParentHeader, span)
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		s.ServeHTTP(httptest.NewRecorder(), r)
		if parent != want {
			t.Errorf("with the key %.8q it is %q, want %q", key, parent, want)
		}
	}
}
