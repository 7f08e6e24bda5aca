package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/access/audit"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

// AccessVerbs are what every program can do about who may use it.
type AccessVerbs struct {
	// Of is the program that they are verbs of.
	Of *Policied `kong:"-"`

	Issue  IssueKey  `cmd:"" help:"Issue a key, and print it: it is shown this once."`
	Keys   ListKeys  `cmd:"" help:"List the keys that were ever issued."`
	Revoke RevokeKey `cmd:"" help:"Have a key taken no more, from now on and everywhere."`
	Audit  ReadAudit `cmd:"" help:"Print the audit log."`
	Verify Verify    `cmd:"" help:"Check that the audit log is as it was written, and print its mark, to be kept elsewhere."`
	Policy Show      `cmd:"" help:"Print the policy that the program goes by, or check the one in a file."`
}

// AfterApply is called by the command line.
func (v *AccessVerbs) AfterApply(ctx *kong.Context) error {
	ctx.Bind(v.Of)
	return nil
}

// A Policied is a program with a policy: the one that it goes by unless it is given another, as
// it is written, the names that one may have, and the stores that the program knows.
type Policied struct {
	Document []byte
	Names    func() access.Names
	Stores   storeurl.Registry
}

// Reached says how keys and the audit log are reached: where they are kept, or by way of the
// server that has them open.
type Reached struct {
	Access string `xor:"kept" required:"" placeholder:"URL" help:"Where the keys and the audit log are kept, if no server has them open."`
	Addr   string `xor:"kept" required:"" placeholder:"URL" here:"" help:"Address of the server that has them open."`
	Bearer
}

// Bearer is the flag with the key that a client shows to a server.
type Bearer struct {
	Key string `secret:"" placeholder:"KEY" help:"Key to show to the server. In the environment or a file, rather than where others see it: $${file:PATH} puts in what a file holds."`
}

// Authorize has a request bear the key.
func (b Bearer) Authorize(r *http.Request) {
	if b.Key != "" {
		r.Header.Set("Authorization", "Bearer "+b.Key)
	}
}

// An office is where keys are issued and the audit log is read: the stores themselves, or a
// server that has them open.
type office struct {
	opened *Opened
	keys   *apikey.Keys
	audit  *audit.Log
}

// enter opens the stores. Whoever has them may do everything; what is done is written down in
// the name of the user of this machine.
func (c Reached) enter(ctx context.Context, p *Policied, s *Streams) (context.Context, *office, error) {
	o := &office{opened: new(Opened)}
	var err error
	o.keys, o.audit, err = o.opened.openKept(ctx, p.Stores, c.Access, uuid.Nil, &storeurl.Options{Owner: "a program at a shell", Logger: s.Log}, nil, s.Log)
	if err != nil {
		locked := (*logstore.LockedError)(nil)
		if errors.As(err, &locked) {
			err = fmt.Errorf("%w; if a server has it open, go through it with --addr", err)
		}
		return ctx, nil, errors.Join(err, o.opened.Close())
	}
	name := "shell"
	if who, err := user.Current(); err == nil {
		name += ":" + who.Username
	}
	return access.With(ctx, access.Principal{Name: name, By: "this machine"}), o, nil
}

// record writes down what is administered, before it is.
func (o *office) record(ctx context.Context, name string) error {
	who := access.Of(ctx)
	return o.audit.Record(ctx, access.Entry{Outcome: access.Permitted, Act: access.Administering.String(), Name: name, Principal: who.Name, By: who.By})
}

// ask sends a request to the server, and reads the answer.
func (c Reached) ask(ctx context.Context, method, path string, body, into any) error {
	address := c.Addr
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(address, "/")+path, sent)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	c.Authorize(r)
	client := &http.Client{Timeout: time.Minute}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		var problem struct{ Title, Detail string }
		_ = json.NewDecoder(answer.Body).Decode(&problem) // whatever else it is, it is no success
		return fmt.Errorf("the server says %s: %s: %s", answer.Status, problem.Title, problem.Detail)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// IssueKey issues a key.
type IssueKey struct {
	Reached
	Name  string        `arg:"" help:"Name of the principal: who has the key."`
	Role  []string      `placeholder:"ROLE" help:"A role of the policy. Several are given one by one."`
	Scope string        `placeholder:"JSON" help:"What the key is good for, as a rule says it: '{\"ask\": [\"Metrics\"]}'. Without it, whatever its roles are."`
	For   time.Duration `placeholder:"TIME" help:"How long it is good, such as 720h. Without it, until it is revoked."`
	Log   uuid.UUID     `placeholder:"UUID" help:"The log that it is for. A server issues keys for its own; without it, this one is for whichever log is served with these keys."`
	Rules string        `name:"policy" placeholder:"FILE" help:"The policy whose roles there are, instead of what the program goes by."`
}

// Run issues the key.
func (c *IssueKey) Run(ctx context.Context, p *Policied, s *Streams) (err error) {
	policy, err := (Guarded{Policy: c.Rules}).policy(p)
	if err == nil && c.Addr == "" {
		err = policy.CheckRoles(c.Role)
	}
	if err != nil {
		return err
	}
	if len(c.Role) == 0 {
		return fmt.Errorf("a key without a role is good for nothing: give one with --role; there are %s", strings.Join(policy.RoleNames(), ", "))
	}
	wanted := apikey.Key{Name: c.Name, Roles: c.Role, Log: c.Log}
	if c.Scope != "" {
		if wanted.Scope, err = access.ParseScope([]byte(c.Scope)); err == nil {
			err = wanted.Scope.Check(p.Names())
		}
		if err != nil {
			return fmt.Errorf("--scope: %w", err)
		}
	}
	if c.For != 0 {
		wanted.Until = time.Now().Add(c.For).UTC().Truncate(time.Second)
	}
	if c.Addr != "" {
		var issued struct{ Secret string }
		body := map[string]any{"name": wanted.Name, "roles": wanted.Roles}
		if wanted.Scope != nil {
			body["scope"] = wanted.Scope
		}
		if !wanted.Until.IsZero() {
			body["until"] = wanted.Until
		}
		if err := c.ask(ctx, http.MethodPost, "/access/keys", body, &issued); err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.Out, issued.Secret)
		return err
	}
	ctx, o, err := c.enter(ctx, p, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.opened.Close()) }()
	if err := o.record(ctx, "IssueKey"); err != nil {
		return err
	}
	_, whole, err := o.keys.Issue(ctx, wanted)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, whole)
	return err
}

// ListKeys lists keys.
type ListKeys struct {
	Reached
	JSON bool `help:"As JSON."`
}

// Run lists the keys.
func (c *ListKeys) Run(ctx context.Context, p *Policied, s *Streams) (err error) {
	var keys []apikey.Key
	if c.Addr != "" {
		var answer struct{ Keys []apikey.Key }
		err = c.ask(ctx, http.MethodGet, "/access/keys", nil, &answer)
		keys = answer.Keys
	} else {
		var o *office
		if ctx, o, err = c.enter(ctx, p, s); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.opened.Close()) }()
		if err := o.record(ctx, "ListKeys"); err != nil {
			return err
		}
		keys, err = o.keys.List(ctx)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.Out, keys)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tROLES\tISSUED\tENDS\tREVOKED")
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, plain(k.Name), plain(strings.Join(k.Roles, ",")), moment(k.IssuedAt), moment(k.Until), plain(strings.TrimSpace(moment(k.RevokedAt)+" "+k.Reason)))
	}
	return table.Flush()
}

// plain returns a text on one line of a terminal, with what is not printed written as Go writes
// it: a name that an issuer gives may have a newline in it, or what moves the cursor, and so
// look like an entry that there is not, or hide one that there is.
func plain(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) < 0 {
		return text
	}
	return strconv.Quote(text)
}

// moment writes a time, and nothing for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// RevokeKey revokes a key.
type RevokeKey struct {
	Reached
	ID     string `arg:"" help:"Which: the 16 digits between dbk_ and its secret."`
	Reason string `placeholder:"TEXT" help:"Why, for those who look later."`
}

// Run revokes the key.
func (c *RevokeKey) Run(ctx context.Context, p *Policied, s *Streams) (err error) {
	if c.Addr != "" {
		var answer struct{ Revoked string }
		return c.ask(ctx, http.MethodPost, "/access/keys/"+c.ID+"/revoke", map[string]string{"reason": c.Reason}, &answer)
	}
	ctx, o, err := c.enter(ctx, p, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.opened.Close()) }()
	if err := o.record(ctx, "RevokeKey"); err != nil {
		return err
	}
	return o.keys.Revoke(ctx, c.ID, c.Reason)
}

// ReadAudit prints the audit log.
type ReadAudit struct {
	Reached
	After uint64 `placeholder:"N" help:"Leave out the first N entries."`
	JSON  bool   `help:"As JSON, one entry a line."`
}

// Run prints the entries.
func (c *ReadAudit) Run(ctx context.Context, p *Policied, s *Streams) (err error) {
	show := func(e audit.Entry) error {
		if c.JSON {
			return json.NewEncoder(s.Out).Encode(e)
		}
		return printEntry(s.Out, e)
	}
	for after := c.After; c.Addr != ""; {
		var answer struct {
			Entries []audit.Entry
			Mark    string
		}
		if err := c.ask(ctx, http.MethodGet, fmt.Sprint("/access/audit?after=", after), nil, &answer); err != nil {
			return err
		}
		for _, e := range answer.Entries {
			if err := show(e); err != nil {
				return err
			}
			after = e.Number
		}
		// To ask once more is another entry, so that is done only for entries that are there.
		mark, err := audit.ParseMark(answer.Mark)
		if err != nil || after >= mark.Entries || len(answer.Entries) == 0 {
			return err
		}
	}
	ctx, o, err := c.enter(ctx, p, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.opened.Close()) }()
	if err := o.record(ctx, "ReadAudit"); err != nil {
		return err
	}
	for e, err := range o.audit.Entries(ctx, c.After) {
		if err == nil {
			err = show(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printEntry prints an entry for people.
func printEntry(w io.Writer, e audit.Entry) error {
	line := func(e access.Entry) string {
		who := e.Principal
		if who == "" {
			who = "nobody"
		}
		text := fmt.Sprintf("%s %s", who, e.Outcome)
		for _, part := range []string{e.Act, e.Name} {
			if part != "" {
				text += " " + part
			}
		}
		if e.By != "" {
			text += " (" + e.By + ")"
		}
		if e.Origin != "" {
			text += " from " + e.Origin
		}
		if e.Reason != "" {
			text += ": " + e.Reason
		}
		return plain(text)
	}
	if e.Counted == nil {
		_, err := fmt.Fprintf(w, "%d %s %s\n", e.Number, moment(e.At), line(e.Entry))
		return err
	}
	for _, counted := range e.Counted {
		if _, err := fmt.Fprintf(w, "%d %s %d more since %s: %s\n", e.Number, moment(e.At), counted.Times, moment(e.Since), line(counted.Entry)); err != nil {
			return err
		}
	}
	return nil
}

// Verify checks the audit log.
type Verify struct {
	Access string   `required:"" placeholder:"URL" help:"Where the keys and the audit log are kept."`
	Mark   []string `placeholder:"MARK" help:"A mark that was kept elsewhere: the log must still have what it stands for."`
}

// Run checks it.
func (c *Verify) Run(ctx context.Context, p *Policied, s *Streams) (err error) {
	var marks []audit.Mark
	for _, text := range c.Mark {
		mark, err := audit.ParseMark(text)
		if err != nil {
			return err
		}
		marks = append(marks, mark)
	}
	url, err := beside(c.Access, "audit")
	if err != nil {
		return err
	}
	store, err := p.Stores.Open(ctx, url, &storeurl.Options{ReadOnly: true, Existing: true, Logger: s.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	mark, err := audit.Verify(ctx, store, marks...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, mark)
	return err
}

// Show prints or checks a policy.
type Show struct {
	File string `arg:"" optional:"" help:"File of a policy to check."`
}

// Run prints the program's policy, or checks that in the file.
func (c *Show) Run(p *Policied, s *Streams) error {
	if c.File == "" {
		_, err := s.Out.Write(p.Document)
		return err
	}
	_, err := (Guarded{Policy: c.File}).policy(p)
	if err == nil {
		_, err = fmt.Fprintf(s.Out, "%s: every name in it is one of the program's\n", c.File)
	}
	return err
}
