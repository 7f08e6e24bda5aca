package programtest

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TellsNone fails the test where one of the secrets is in what was told, in any of the ways in
// which a program might write it.
func TellsNone(t *testing.T, secrets []string, where, told string) {
	t.Helper()
	for _, secret := range secrets {
		for _, written := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(strconv.Quote(secret), `"`),
			base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
		} {
			if at := strings.Index(told, written); at >= 0 {
				t.Errorf("%s tells a secret: …%s…", where, told[max(0, at-80):min(len(told), at+len(written)+20)])
			}
		}
	}
}

// Secret writes a secret to a file, and returns the file's path.
func Secret(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// CommandLine returns what everybody who lists processes sees of it, where that can be had.
func (p *Process) CommandLine(t *testing.T) string {
	t.Helper()
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Command.Process.Pid), "cmdline"))
	if err != nil {
		t.Logf("the command line is not looked at: %v", err)
	}
	return strings.ReplaceAll(string(line), "\x00", " ")
}
