package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A unit is a file of systemd: the values of its keys, in order, by section and key.
type unit map[string][]string

func readUnit(t *testing.T, path string) unit {
	t.Helper()
	u, section := unit{}, ""
	for n, line := range strings.Split(read(t, path), "\n") {
		line = strings.TrimSpace(line)
		key, value, is := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		case !is || section == "":
			t.Errorf("%s:%d: it is no setting: %s", path, n+1, line)
		default:
			u[section+"."+key] = append(u[section+"."+key], value)
		}
	}
	return u
}

// The hardening that every service of ours has, and what each is.
var hardening = map[string]string{
	"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "MemoryDenyWriteExecute": "yes",
	"RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes",
	"ProtectControlGroups": "yes", "SystemCallArchitectures": "native", "UMask": "0077",
}

func TestServicesOfSystemdAreHardenedAndStartWhatThereIs(t *testing.T) {
	for _, path := range found(t, "systemd/*.service") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			u := readUnit(t, path)
			for key, want := range hardening {
				if got := u["Service."+key]; !slices.Equal(got, []string{want}) {
					t.Errorf("%s is %v, want %s", key, got, want)
				}
			}
			if !strings.Contains(strings.Join(u["Service.SystemCallFilter"], " "), "~@privileged") {
				t.Error("it may ask the kernel for anything")
			}
			for _, command := range slices.Concat(u["Service.ExecStartPre"], u["Service.ExecStart"]) {
				program := strings.TrimPrefix(strings.Fields(command)[0], "/usr/local/bin/")
				if programs[program].code == "" {
					t.Errorf("%s starts what is none of ours", command)
				}
			}
		})
	}
}

// The shop's service: its settings are what the program takes, and are in the places that
// systemd makes for it.
func TestTheShopsServiceHasSettingsThatTheProgramTakes(t *testing.T) {
	u := readUnit(t, found(t, "systemd/orders.service")[0])
	config := read(t, found(t, "systemd/orders.yaml")[0])
	if !slices.Equal(u["Service.DynamicUser"], []string{"yes"}) {
		t.Error("it is somebody")
	}
	state := "/var/lib/" + u["Service.StateDirectory"][0]
	for _, command := range slices.Concat(u["Service.ExecStartPre"], u["Service.ExecStart"]) {
		words := strings.Fields(command)
		how := setup{program: filepath.Base(words[0]), args: words[1:], files: map[string]string{"/etc/daybook/orders.yaml": config}, dirs: []string{state}}
		got := how.check(t, command)
		if !below(got["data"], how.dirs) || !below(got["access"], how.dirs) || got["addr"] != "127.0.0.1:8080" {
			t.Errorf("%s keeps its data in %s and listens at %s", command, got["data"], got["addr"])
		}
		grace, err := time.ParseDuration(u["Service.TimeoutStopSec"][0])
		if err != nil || grace < got.duration(t, "drain")+finishing {
			t.Errorf("it is killed after %v, in the middle of what it has begun", grace)
		}
	}
	if !strings.Contains(u["Service.ExecStartPre"][0], "--check-config") {
		t.Error("mistakes are not told before it starts")
	}
	_, limit, _ := strings.Cut(u["Service.Environment"][0], "=")
	if u["Service.MemoryMax"][0] != "1G" || mebibytes(t, limit) >= 1<<30 {
		t.Errorf("GOMEMLIMIT=%s leaves nothing of %s", limit, u["Service.MemoryMax"][0])
	}
}

// The backup's service does with the real program what it says, to a log that is in use.
func TestTheBackupsServiceMakesABackup(t *testing.T) {
	u := readUnit(t, found(t, "systemd/daybook-backup.service")[0])
	place := t.TempDir()
	log := filepath.Join(place, "var/lib/private/orders/log")
	if err := os.MkdirAll(filepath.Join(place, "var/backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(built, "orders"), "simulate", "--data", filepath.Dir(log), "--rate", "100", "--for", "300ms").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, command := range u["Service.ExecStart"] {
		words := strings.Fields(strings.ReplaceAll(command, "/var/", place+"/var/"))
		if out, err := exec.Command(filepath.Join(built, filepath.Base(words[0])), words[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", command, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(place, "var/backups/orders/MANIFEST")); err != nil {
		t.Error(err)
	}
}

// exposure is how exposed systemd may find a service, from 0 to 10.
const exposure = 1.5

func TestSystemdItselfTakesTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	dir := t.TempDir()
	var units []string
	for _, pattern := range []string{"systemd/*.service", "systemd/*.timer"} {
		for _, path := range found(t, pattern) {
			unit := filepath.Join(dir, filepath.Base(path))
			write(t, unit, strings.ReplaceAll(read(t, path), "/usr/local/bin/", built+"/"))
			units = append(units, unit)
		}
	}
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	for _, unit := range units {
		if !strings.HasSuffix(unit, ".service") {
			continue
		}
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
		level := regexp.MustCompile(`exposure level for \S+ ([0-9.]+)`).FindSubmatch(out)
		if err != nil || level == nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
			continue
		}
		if found, err := strconv.ParseFloat(string(level[1]), 64); err != nil || found > exposure {
			t.Errorf("%s: %s\n%s", filepath.Base(unit), level[0], out)
		} else {
			t.Logf("%s: %s", filepath.Base(unit), level[0])
		}
	}
}
