package program

import (
	"bytes"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

func TestAFileOfASecretIsPutIn(t *testing.T) {
	const secret = "p@ss/w:rd%?# ü\"'\\"
	file := written(t, "password", secret+"\n")
	s := new(Secrets)
	got, err := s.Expand("postgres://shop:${file:" + file + "}@db:5432/shop?sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := u.User.Password(); password != secret || u.Host != "db:5432" || u.Path != "/shop" || u.RawQuery != "sslmode=require" {
		t.Errorf("it is put in as %s, which is the password %q of %s", got, password, u.Host)
	}
	if got, err = s.Expand("${file:" + file + "}"); err != nil || got != secret {
		t.Errorf("all of a value is %q, %v", got, err)
	}
	for path, want := range map[string]string{written(t, "empty", "\n"): "is empty", written(t, "large", strings.Repeat("x", longest+1)): "more than", t.TempDir(): "secret"} {
		if got, err := s.Expand("${file:" + path + "}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want that it says %q", path, got, err, want)
		}
	}
}

func TestSecretsAreHiddenHoweverTheyAreWritten(t *testing.T) {
	const secret = "p@ss/w:rd%?# ü\"'\\"
	s := new(Secrets)
	shown, has := s.learn("nats://ada:" + escaped(secret) + "@one:4222,two:4222?dir=x")
	if !has || strings.Contains(shown, "ss") || !strings.Contains(shown, "one:4222") {
		t.Errorf("an URL is shown as %s", shown)
	}
	var logged bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(s.Writer(&logged), nil)), slog.New(slog.NewJSONHandler(s.Writer(&logged), nil))} {
		log.Warn("cannot go on", "error", errors.New("dial "+secret), "url", "x://"+url.UserPassword("ada", secret).String()+"@h", "query", url.QueryEscape(secret))
	}
	if strings.Contains(logged.String(), "w:rd") || strings.Contains(logged.String(), "rd%") || strings.Count(logged.String(), hidden) != 6 {
		t.Errorf("the log says\n%s", &logged)
	}
	// A password with a sign that ends it makes an URL that nobody can read; it is told by none
	// of its parts.
	if shown, _ := s.learn("postgres://ada:hunter?22222@db/shop"); shown != hidden || strings.Contains(s.Hide(`parse: invalid port ":hunter" after host`), "hunter") {
		t.Errorf("it is shown as %s", shown)
	}
}
