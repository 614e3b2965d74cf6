package embedded

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	mini "github.com/alicebob/miniredis/v2/server"
)

// maxConns bounds the connections of one server. Ringmain needs a few for each
// loop.
const maxConns = 1024

// server is one embedded server.
type server struct {
	redis    *miniredis.Miniredis
	commands *mini.Server
	listener net.Listener
	log      *slog.Logger
	runID    string
	started  time.Time
	done     sync.WaitGroup
	punctual bool // time passes before each command

	passing sync.Mutex // guards passed
	passed  time.Time  // until when it has passed

	mu       sync.Mutex // guards what follows
	conns    map[int64]*conn
	lastID   int64
	closed   bool
	panicked map[string]bool // commands whose panic was logged

	wakeMu sync.Mutex // one use of waker at a time
	waker  *mini.Peer
}

// pass has time pass for the keys until now.
func (s *server) pass() {
	s.passing.Lock()
	defer s.passing.Unlock()
	now := time.Now()
	s.redis.FastForward(now.Sub(s.passed))
	s.passed = now
}

func startServer(log *slog.Logger, punctual bool) (*server, error) {
	id := make([]byte, 20)
	_, _ = rand.Read(id) // never fails
	s := &server{
		redis:    miniredis.NewMiniRedis(),
		log:      log,
		runID:    hex.EncodeToString(id),
		started:  time.Now(),
		passed:   time.Now(),
		punctual: punctual,
		conns:    map[int64]*conn{},
		panicked: map[string]bool{},
		waker:    mini.NewPeer(bufio.NewWriter(io.Discard)),
	}
	// Dial is the way to start one without a listener.
	pipe, err := s.redis.Dial()
	if err != nil {
		return nil, err
	}
	_ = pipe.Close()
	s.commands = s.redis.Server()
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		s.redis.Close()
		return nil, err
	}
	s.done.Go(s.accept)
	return s, nil
}

func (s *server) addr() string { return s.listener.Addr().String() }

func (s *server) accept() {
	for {
		tcp, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Out of descriptors, most likely: some may come back.
			time.Sleep(tick)
			continue
		}
		c := s.admit(tcp)
		if c == nil {
			_, _ = io.WriteString(tcp, "-ERR max number of clients reached\r\n")
			_ = tcp.Close()
			continue
		}
		s.done.Go(c.read)
		s.done.Go(c.out.run)
		s.done.Go(c.run)
	}
}

// admit gives a connection its id, or nil when there are too many.
func (s *server) admit(tcp net.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= maxConns {
		return nil
	}
	s.lastID++
	c := newConn(s, s.lastID, tcp)
	s.conns[c.id] = c
	return c
}

func (s *server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
}

func (s *server) find(id int64) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

func (s *server) clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *server) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for _, c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	s.redis.CtxCancel() // ends what blocks within a script too
	s.wake()
	s.done.Wait()
	s.redis.Close()
}

// wake makes commands that block look whether their connection is closed. It
// also returns only after any step that one of them was taking.
func (s *server) wake() {
	s.wakeMu.Lock()
	defer s.wakeMu.Unlock()
	s.commands.Dispatch(s.waker, []string{"PING"})
}

// recovered is called in the deferred function that caught a command's panic.
// It unlocks the data if the command had locked it in a way that a panic leaves
// locked: all but withTx do so with a defer.
func (s *server) recovered(command string, value any) {
	if s.redis.TryLock() || through("miniredis/v2.withTx") {
		s.redis.Unlock()
	}
	s.mu.Lock()
	before := s.panicked[command]
	s.panicked[command] = true
	s.mu.Unlock()
	if !before {
		s.log.Error("embedded server: a command panicked; its client got an error (logged once)",
			"command", command, "panic", value)
	}
}

// through reports whether the goroutine, still panicking, is in a function
// whose name ends so.
func through(name string) bool {
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}
