package sentineltest

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/redcon"
)

// Fake is a sentinel that says what a test has it say. Its methods may be called
// concurrently.
type Fake struct {
	// Address is where it listens.
	Address string

	pubsub redcon.PubSub

	mu       sync.Mutex
	password string
	masters  map[string]state
	asked    int
}

type state struct {
	host, port string
	epoch      int
}

// NewFake starts a sentinel that knows of no primary, for the length of the test.
func NewFake(t testing.TB) *Fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &Fake{Address: listener.Addr().String(), masters: map[string]state{}}
	var ended sync.WaitGroup
	ended.Go(func() { _ = redcon.Serve(listener, f.serve, nil, nil) })
	t.Cleanup(func() {
		_ = listener.Close()
		ended.Wait()
	})
	return f
}

// Says has it tell from now on that a primary is at address, by the configuration of that
// epoch, and tells its subscribers if announced.
func (f *Fake) Says(master, address string, epoch int, announced bool) {
	host, port, _ := net.SplitHostPort(address)
	f.mu.Lock()
	f.masters[master] = state{host, port, epoch}
	f.mu.Unlock()
	if announced {
		f.pubsub.Publish("+switch-master", master+" 127.0.0.1 1 "+host+" "+port)
	}
}

// Forget has it know of no primary by that name.
func (f *Fake) Forget(master string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.masters, master)
}

// Asked is how often it was asked for a primary.
func (f *Fake) Asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// Demands has it answer only those who give the password.
func (f *Fake) Demands(password string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.password = password
}

func (f *Fake) serve(conn redcon.Conn, cmd redcon.Command) {
	f.mu.Lock()
	defer f.mu.Unlock()
	args := make([]string, len(cmd.Args))
	for i, a := range cmd.Args {
		args[i] = string(a)
	}
	command := strings.ToLower(args[0])
	if command == "auth" && args[len(args)-1] == f.password {
		conn.SetContext(f.password)
		conn.WriteString("OK")
		return
	}
	if known, _ := conn.Context().(string); known != f.password {
		conn.WriteError("NOAUTH Authentication required.")
		return
	}
	switch {
	case command == "subscribe":
		for _, channel := range args[1:] {
			f.pubsub.Subscribe(conn, channel)
		}
	case command == "sentinel" && len(args) == 3:
		f.answer(conn, strings.ToLower(args[1]), args[2])
	case command == "client":
		conn.WriteString("OK")
	default:
		conn.WriteError("ERR unknown command '" + args[0] + "'")
	}
}

func (f *Fake) answer(conn redcon.Conn, question, name string) {
	s, known := f.masters[name]
	switch {
	case question == "master" && !known:
		f.asked++
		conn.WriteError("ERR No such master with that name")
	case question == "master":
		f.asked++
		conn.WriteArray(4)
		for _, text := range []string{"name", name, "config-epoch", strconv.Itoa(s.epoch)} {
			conn.WriteBulkString(text)
		}
	case !known:
		conn.WriteNull()
	default:
		conn.WriteArray(2)
		conn.WriteBulkString(s.host)
		conn.WriteBulkString(s.port)
	}
}
