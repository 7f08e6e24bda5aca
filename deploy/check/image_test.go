//go:build linux

package check

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The root of the shop's image, laid out as the container file says and nothing else in it,
// mounted so that nothing can be written but /data and /tmp: the shop serves there as nobody.
func TestTheImageServesFromAReadOnlyRootAsNobody(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Getuid() != 0 {
		t.Skip("it takes root and unshare")
	}
	if err := exec.Command(unshare, "--mount", "--pid", "--fork", "true").Run(); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	image := stages(t)["orders"]
	var uid, gid int
	if _, err := fmt.Sscanf(image.user, "%d:%d", &uid, &gid); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // nobody goes through it
		t.Fatal(err)
	}
	rootfs := filepath.Join(dir, "rootfs")
	for _, made := range image.dirs {
		if err := os.MkdirAll(filepath.Join(rootfs, made), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(filepath.Join(built, "orders"))
	if err == nil {
		err = os.WriteFile(filepath.Join(rootfs, image.entrypoint[0]), content, 0o755)
	}
	volume := filepath.Join(dir, "volume")
	if err == nil {
		err = os.Mkdir(volume, 0o700)
	}
	if err == nil {
		err = os.Chown(volume, uid, gid)
	}
	if err != nil {
		t.Fatal(err)
	}
	address := freePort(t)
	inside := func(args ...string) *exec.Cmd {
		script := `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$1/tmp"
mount --bind "$2" "$1/data"
mount -o remount,bind,ro "$1"
rootfs=$1; user=$3; shift 3
cd "$rootfs/data"
exec setpriv --no-new-privs chroot --userspec="$user" "$rootfs" "$@"`
		c := exec.Command(unshare, append([]string{"--mount", "sh", "-c", script, "sh", rootfs, volume, image.user}, args...)...)
		c.Env = []string{"ORDERS_ADDR=" + address, "PATH=" + os.Getenv("PATH")}
		for name, value := range image.env {
			c.Env = append(c.Env, name+"="+value)
		}
		return c
	}
	var told bytes.Buffer
	server := inside(image.entrypoint[0])
	server.Stdout, server.Stderr = &told, &told
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() { _ = server.Process.Kill() })
	probe := []string{image.entrypoint[0], "probe", "http://" + address + "/readyz"}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := inside(probe...).CombinedOutput()
		if err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended with %v:\n%s", err, &told)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is never ready: %v, %s", err, out)
		}
	}
	answer, err := http.Post("http://"+address+"/orders", "application/json", strings.NewReader(`{"total": 100}`))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Errorf("placing an order answers %s", answer.Status)
	}
	status := read(t, fmt.Sprintf("/proc/%d/status", server.Process.Pid))
	for _, want := range []string{fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d", uid), fmt.Sprintf("Gid:\t%d\t%[1]d\t%[1]d\t%[1]d", gid), "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, want) {
			t.Errorf("its status does not say %q:\n%s", want, status)
		}
	}
	if out, err := inside(image.entrypoint[0], "simulate", "--data", "/elsewhere", "--for", "1s").CombinedOutput(); err == nil || !strings.Contains(string(out), "read-only file system") {
		t.Errorf("something is written to the image: %v, %s", err, out)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("told to end, it ended with %v:\n%s", err, &told)
	}
	if _, err := os.Stat(filepath.Join(volume, "log", "MANIFEST")); err != nil {
		t.Errorf("nothing is kept in the volume: %v", err)
	}
}

// freePort returns an address of this machine at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
