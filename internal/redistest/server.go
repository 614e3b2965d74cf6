package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	startTries   = 10               // ports tried before Launch gives up
	startTimeout = 15 * time.Second // from start until the program answers
	doTimeout    = 5 * time.Second  // of a connection that Server.Dial makes
	logTail      = 64 << 10         // bytes of the log that a failure shows
)

// errExited says that a program ended while it was expected to come up, which
// is what happens when another process was faster to take its port.
var errExited = errors.New("the program ended")

// Program describes a server program that listens on one loopback port.
type Program struct {
	// Name is for error messages and logs.
	Name string
	// Path is the binary: a path, or a name looked up in PATH.
	Path string
	// Missing is the text of the error when Path is not found; empty gives
	// the system's own.
	Missing string
	// Args returns the arguments for listening on port. It may write files
	// into dir, an empty directory of the program's own, which is also its
	// working directory. It is called again, with the same dir, for each try.
	Args func(port int, dir string) ([]string, error)
	// Ready returns nil once the program at addr serves. nil waits only until
	// the port listens.
	Ready func(ctx context.Context, addr string) error
	// Password is used by Client; empty for none.
	Password string
	// In is the folder in which the directory of the program's own is made; empty
	// for the system's one for temporary files.
	In string
}

// Server is a running Program. Its methods may be called concurrently, but for
// Kill, Restart and Close among each other.
type Server struct {
	program Program
	path    string
	dir     string
	port    int
	client  *redis.Client

	mu      sync.Mutex
	process *process
}

// Launch starts p on a free port and returns once it serves. The caller must
// Close the server.
func Launch(p Program) (*Server, error) {
	path, err := findBinary(p.Path)
	if err != nil {
		if p.Missing != "" {
			return nil, errors.New(p.Missing)
		}
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(p.In, "redistest-")
	if err != nil {
		return nil, err
	}
	s := &Server{program: p, path: path, dir: dir}
	if err := s.startSomewhere(); err != nil {
		err = fmt.Errorf("starting %s: %w\n%s", p.Name, err, s.Log())
		_ = os.RemoveAll(dir)
		return nil, err
	}
	s.client = redis.NewClient(&redis.Options{
		Addr: s.Addr(), Password: p.Password, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, DisableIdentity: true, ContextTimeoutEnabled: true,
	})
	return s, nil
}

// findBinary looks where exec.LookPath does, and then where Debian keeps some
// servers out of the PATH of ordinary users.
func findBinary(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil && filepath.Base(name) == name {
		if path, err := exec.LookPath(filepath.Join("/usr/sbin", name)); err == nil {
			return path, nil
		}
	}
	return path, err
}

// startSomewhere tries ports until one is the program's.
func (s *Server) startSomewhere() error {
	var err error
	for range startTries {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.start(); !errors.Is(err, errExited) {
			return err
		}
	}
	return err
}

// start runs the program on s.port and waits until it serves.
func (s *Server) start() error {
	args, err := s.program.Args(s.port, s.dir)
	if err != nil {
		return err
	}
	p, err := startProcess(s.path, args, s.dir, s.logFile())
	if err != nil {
		return err
	}
	if err := s.waitReady(p); err != nil {
		p.kill()
		return err
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	return nil
}

// waitReady waits until p itself, and not a stranger on the same port, serves.
func (s *Server) waitReady(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := listening(p.pid(), s.port)
		if err == nil && s.program.Ready != nil {
			err = s.program.Ready(ctx, s.Addr())
		}
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return errExited
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v: %w", startTimeout, err)
		case <-tick.C:
		}
	}
}

// Addr is where the server listens: 127.0.0.1:port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Port is the port the server listens on, also after Kill.
func (s *Server) Port() int { return s.port }

// Dir is the server's working directory, which lasts until Close.
func (s *Server) Dir() string { return s.dir }

// Pid is the process id of the running program, 0 after Kill.
func (s *Server) Pid() int {
	if p := s.running(); p != nil {
		return p.pid()
	}
	return 0
}

func (s *Server) running() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// Kill ends the program with SIGKILL, also a stopped one, and waits until it is
// gone. Killing it twice does nothing.
func (s *Server) Kill() {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p != nil {
		p.kill()
	}
}

// Stop freezes the program with SIGSTOP: the kernel still accepts connections
// and bytes for it.
func (s *Server) Stop() error { return s.signal(sigStop) }

// Cont lets a stopped program go on.
func (s *Server) Cont() error { return s.signal(sigCont) }

// Signal asks the program to end (SIGTERM), and does not wait for it.
func (s *Server) Signal() error { return s.signal(syscall.SIGTERM) }

// Terminate asks the program to end (SIGTERM) and waits for it; it is killed
// if it does not within the given time, which is an error, as is an exit code other
// than 0.
func (s *Server) Terminate(within time.Duration) error {
	p := s.running()
	if p == nil {
		return nil
	}
	defer s.Kill()
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("%s ended with code %d", s.program.Name, code)
		}
		return nil
	case <-time.After(within):
		return fmt.Errorf("%s did not end within %v of SIGTERM", s.program.Name, within)
	}
}

// Done is closed when the program now running ends, for whatever reason. It is
// nil after Kill.
func (s *Server) Done() <-chan struct{} {
	if p := s.running(); p != nil {
		return p.done
	}
	return nil
}

func (s *Server) signal(sig syscall.Signal) error {
	p := s.running()
	if p == nil {
		return fmt.Errorf("%s is not running", s.program.Name)
	}
	return p.signal(sig)
}

// Restart kills the program if it runs and starts it again on the same port,
// in the same directory, and returns once it serves.
func (s *Server) Restart() error {
	s.Kill()
	deadline := time.Now().Add(startTimeout)
	for {
		// The port may be taken for a moment by a stranger: try again.
		err := s.start()
		if !errors.Is(err, errExited) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Client is a go-redis client of the server that never sends a command twice.
// It lasts until Close, also over restarts.
func (s *Server) Client() *redis.Client { return s.client }

// Do runs one command on a connection of its own, for at most 5 s, and returns
// its reply as Conn.Receive does.
func (s *Server) Do(args ...any) (any, error) {
	c, err := s.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(args...)
}

// Dial opens a plain connection, authenticated if the server has a password,
// on which everything must be over within 5 s unless its deadline is changed.
func (s *Server) Dial() (*Conn, error) {
	c, err := Dial(s.Addr(), doTimeout)
	if err != nil || s.program.Password == "" {
		return c, err
	}
	if _, err := c.Do("AUTH", s.program.Password); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Log is the end of what the program wrote to its standard output and error.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-logTail):])
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "output.log") }

// Close kills the program and removes its directory.
func (s *Server) Close() {
	s.Kill()
	_ = s.client.Close()
	_ = os.RemoveAll(s.dir)
}
