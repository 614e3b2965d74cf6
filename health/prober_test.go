package health

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/redcon"
)

// gross is how long something may take that takes no time: only a test that has failed
// waits for it.
const gross = 30 * time.Second

// fake is a server that answers as a test says.
func fake(t *testing.T, answer func(conn redcon.Conn, args []string)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		_ = redcon.Serve(listener, func(conn redcon.Conn, cmd redcon.Command) {
			var args []string
			for _, arg := range cmd.Args {
				args = append(args, strings.ToLower(string(arg)))
			}
			answer(conn, args)
		}, nil, nil)
	})
	t.Cleanup(func() {
		_ = listener.Close()
		ended.Wait()
	})
	return listener.Addr().String()
}

func TestOutcomesSayWhatTheServerSays(t *testing.T) {
	primary := func(conn redcon.Conn) {
		conn.WriteArray(3)
		conn.WriteBulkString("master")
		conn.WriteInt(0)
		conn.WriteArray(0)
	}
	for name, test := range map[string]struct {
		ping, role func(redcon.Conn)
		want       Outcome
	}{
		"well":       {nil, primary, Outcome{}},
		"no ROLE":    {nil, func(c redcon.Conn) { c.WriteError("ERR unknown command 'ROLE'") }, Outcome{}},
		"odd ROLE":   {nil, func(c redcon.Conn) { c.WriteArray(0) }, Outcome{}},
		"replica":    {nil, func(c redcon.Conn) { c.WriteArray(1); c.WriteBulkString("slave") }, Outcome{Failed, "is a replica, where a primary is expected"}},
		"loading":    {func(c redcon.Conn) { c.WriteError("LOADING Redis is loading") }, primary, Outcome{Failed, "is loading its data"}},
		"busy":       {func(c redcon.Conn) { c.WriteError("BUSY Redis is busy running a script") }, primary, Outcome{Busy, "is busy with a script"}},
		"masterdown": {func(c redcon.Conn) { c.WriteError("MASTERDOWN Link with MASTER is down") }, primary, Outcome{Failed, "is a replica that has lost its primary"}},
		"no login":   {func(c redcon.Conn) { c.WriteError("NOAUTH Authentication required.") }, primary, Outcome{Failed, "refuses the proxy's login (it asks for a password)"}},
		"not ping":   {func(c redcon.Conn) { c.WriteError("NOPERM no permissions to run 'ping'") }, primary, Outcome{}},
		"odd":        {func(c redcon.Conn) { c.WriteError("ERR " + strings.Repeat("x", 1000)) }, primary, Outcome{Failed, "answers with an error (ERR " + strings.Repeat("x", 196) + "…)"}},
		"silent":     {func(redcon.Conn) {}, func(redcon.Conn) {}, Outcome{Failed, "does not answer"}},
		"hangs up":   {func(c redcon.Conn) { _ = c.Close() }, primary, Outcome{Failed, "cannot be reached (EOF)"}},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := gross
			if name == "silent" {
				timeout = 100 * time.Millisecond
			}
			p := NewProber(Target{Network: "tcp", ClientName: "ringmain-x", Timeout: timeout, Address: fake(t, func(conn redcon.Conn, args []string) {
				switch {
				case args[0] == "ping" && test.ping != nil:
					test.ping(conn)
				case args[0] == "ping":
					conn.WriteString("PONG")
				case args[0] == "role":
					test.role(conn)
				case name == "loading": // to all
					test.ping(conn)
				case args[0] == "hello":
					conn.WriteError("ERR unknown command 'HELLO'")
				default:
					conn.WriteString("OK")
				}
			})})
			defer func() { _ = p.Close() }()
			for range 2 {
				if got := p.Probe(context.Background()); got != test.want {
					t.Errorf("%+v, want %+v", got, test.want)
				}
			}
		})
	}
}

func TestAReplicaIsFitWhileItFollowsItsPrimary(t *testing.T) {
	replica := func(state string) func(redcon.Conn) {
		return func(c redcon.Conn) {
			c.WriteArray(5)
			c.WriteBulkString("slave")
			c.WriteBulkString("127.0.0.1")
			c.WriteInt(7001)
			c.WriteBulkString(state)
			c.WriteInt(10)
		}
	}
	for name, test := range map[string]struct {
		role func(redcon.Conn)
		want Outcome
	}{
		"well":       {replica("connected"), Outcome{}},
		"connect":    {replica("connect"), Outcome{Failed, "has lost its primary"}},
		"connecting": {replica("connecting"), Outcome{Failed, "has lost its primary"}},
		"sync":       {replica("sync"), Outcome{Failed, "is still copying its primary's data"}},
		"primary":    {func(c redcon.Conn) { c.WriteArray(1); c.WriteBulkString("master") }, Outcome{Failed, "is a primary, where a replica is expected"}},
		"no ROLE":    {func(c redcon.Conn) { c.WriteError("NOPERM no") }, Outcome{Failed, "does not tell whether it is a replica"}},
		"odd ROLE":   {func(c redcon.Conn) { c.WriteArray(0) }, Outcome{Failed, "does not tell whether it is a replica"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewProber(Target{Network: "tcp", Timeout: gross, Replica: true, Address: fake(t, func(conn redcon.Conn, args []string) {
				switch args[0] {
				case "ping":
					conn.WriteString("PONG")
				case "role":
					test.role(conn)
				case "hello":
					conn.WriteError("ERR unknown command 'HELLO'")
				default:
					conn.WriteString("OK")
				}
			})})
			defer func() { _ = p.Close() }()
			if got := p.Probe(context.Background()); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestALoginIsMadeAsTheDataPathMakesIt(t *testing.T) {
	for name, test := range map[string]struct {
		user, password, want string
		reply                func(redcon.Conn)
		outcome              Outcome
	}{
		"nobody":   {"", "", "", nil, Outcome{}},
		"password": {"", "pw", "auth pw", func(c redcon.Conn) { c.WriteString("OK") }, Outcome{}},
		"user":     {"joe", "pw", "auth joe pw", func(c redcon.Conn) { c.WriteString("OK") }, Outcome{}},
		"wrong": {"", "pw", "auth pw", func(c redcon.Conn) { c.WriteError("WRONGPASS invalid username-password pair") },
			Outcome{Failed, "refuses the proxy's login (wrong user or password)"}},
		"not asked for": {"", "pw", "auth pw", func(c redcon.Conn) { c.WriteError("ERR AUTH <password> called without any password configured") },
			Outcome{Failed, "answers with an error (ERR AUTH <password> called without any password configured)"}},
		"not known": {"", "pw", "auth pw", func(c redcon.Conn) { c.WriteError("ERR unknown command 'AUTH', with args beginning with: 'pw' ") },
			Outcome{Failed, "answers with an error (ERR unknown command 'AUTH')"}},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			got := ""
			p := NewProber(Target{Network: "tcp", Username: test.user, Password: test.password, ClientName: "ringmain-x", Timeout: gross,
				Address: fake(t, func(conn redcon.Conn, args []string) {
					switch {
					case args[0] == "auth":
						mu.Lock()
						got = strings.Join(args, " ")
						mu.Unlock()
						conn.SetContext(true)
						test.reply(conn)
					case test.password != "" && conn.Context() == nil: // HELLO too
						conn.WriteError("NOAUTH Authentication required.")
					case args[0] == "ping":
						conn.WriteString("PONG")
					default:
						conn.WriteError("ERR unknown command")
					}
				})})
			defer func() { _ = p.Close() }()
			if outcome := p.Probe(context.Background()); outcome != test.outcome {
				t.Errorf("%+v, want %+v", outcome, test.outcome)
			}
			mu.Lock()
			defer mu.Unlock()
			if got != test.want {
				t.Errorf("the server was sent %q, want %q", got, test.want)
			}
		})
	}
}

func TestARefusedConnectionSaysSo(t *testing.T) {
	p := NewProber(Target{Network: "tcp", Address: "127.0.0.1:1", Timeout: gross})
	defer func() { _ = p.Close() }()
	if got := (p.Probe(context.Background())); got != (Outcome{Failed, "refuses connections"}) {
		t.Errorf("%+v", got)
	}
}

func TestAMonitorTellsOfChangesAndEndsWithItsProbes(t *testing.T) {
	settings := Settings{Interval: time.Millisecond, Fall: 2, Rise: 2, Hold: time.Millisecond, HoldMax: time.Second, Slow: time.Second}
	m := NewMonitor(NewDetector(2, settings, time.Now(), func() float64 { return 0 }), 2)
	var mu sync.Mutex
	down := true
	m.Probe = func(ctx context.Context, server int) Outcome {
		mu.Lock()
		defer mu.Unlock()
		if server == 1 && down {
			return Outcome{Failed, "does not answer"}
		}
		return Outcome{}
	}
	m.Slow = func(int) bool { return false }
	ctx, cancel := context.WithTimeout(context.Background(), gross)
	defer cancel()
	var changes []Change
	m.Changed = func(c Change) {
		changes = append(changes, c)
		mu.Lock()
		down = false
		mu.Unlock()
		if c.State == Up {
			cancel()
		}
	}
	m.Suspect(0, true)
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(changes) != 2 || changes[0].Server != 1 || changes[0].State != Down || changes[1].Server != 1 || changes[1].State != Up {
		t.Errorf("changes: %+v", changes)
	}
}

func TestWhatAProbeSaysOfAServerThatWasReplacedDoesNotCount(t *testing.T) {
	settings := Settings{Interval: time.Hour, Fall: 1, Rise: 1, Hold: time.Millisecond, HoldMax: time.Second, Slow: time.Second}
	m := NewMonitor(NewDetector(1, settings, time.Now(), func() float64 { return 0 }), 1)
	asked, answer := make(chan string), make(chan Outcome)
	var mu sync.Mutex
	current := "old"
	m.Probe = func(ctx context.Context, server int) Outcome {
		mu.Lock()
		who := current
		mu.Unlock()
		asked <- who
		if who == "new" {
			return Outcome{Failed, "is new"}
		}
		return <-answer
	}
	m.Slow = func(int) bool { return false }
	ctx, cancel := context.WithTimeout(context.Background(), gross)
	defer cancel()
	var told []string
	m.Changed = func(c Change) {
		told = append(told, c.Reason)
		cancel()
	}
	var ended sync.WaitGroup
	ended.Go(func() { _ = m.Run(ctx) })
	if who := <-asked; who != "old" {
		t.Errorf("%s is probed first", who)
	}
	m.Replace(ctx, 0, "has moved", func(v Verdict) {
		mu.Lock()
		current = "new"
		mu.Unlock()
		told = append(told, v.Reason)
	})
	answer <- Outcome{Failed, "is old"}
	if who := <-asked; who != "new" {
		t.Errorf("%s is probed then", who)
	}
	ended.Wait()
	if got := strings.Join(told, ", "); got != "has moved, is new" {
		t.Errorf("told: %s", got)
	}
	m.Replace(ctx, 0, "x", func(Verdict) { t.Error("it is applied after the end") })
}
