package integration

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"ringmain/internal/difftest"
	"ringmain/internal/redistest"
)

// stage plays scenes of several clients on Ringmain and on one lone Redis, and compares
// what each client is told.
//
// A line of a scene is one of
//
//	a GET k      client a sends a command, and gets its reply
//	a> BLPOP k 0 client a sends a command
//	a< 2         client a gets so many replies; without a number one
//	blocked 2    so many clients wait
//	a hangs up   client a closes its connection
//	hangs a      the same
//
// Words are split as redis-cli does. Clients connect when they are first named; those
// whose name begins with a capital letter speak RESP3.
type stage struct {
	*testing.T
	servers []*redistest.Server
	lone    *redistest.Server
	proxy   *ringmain
	// login makes Ringmain's clients a user with a key_prefix; nil: there are no users.
	login []string
}

func newStage(t *testing.T, n int, options ...option) *stage {
	list := startRedis(t, n)
	return &stage{T: t, servers: list, lone: redistest.Start(t), proxy: start(t, servers(list...), options...)}
}

// play plays a scene in a place of its own, which ~ stands for in keys: a hash tag.
func (st *stage) play(t *testing.T, name, scene string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		tag := "{" + strings.ReplaceAll(name, " ", "_") + "}"
		sides := st.sides(t)
		for line := range strings.Lines(strings.ReplaceAll(scene, "~", tag)) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			got, want := sides[0].act(line), sides[1].act(line)
			if got != want {
				t.Errorf("%s: %q, want %q", line, got, want)
			}
		}
		for _, side := range sides {
			side.leave()
		}
	})
}

// sides are Ringmain's clients, and those of the lone server.
func (st *stage) sides(t *testing.T) [2]*troupe {
	return [2]*troupe{{T: t, addr: st.proxy.addr, servers: st.servers, login: st.login},
		{T: t, addr: st.lone.Addr(), servers: []*redistest.Server{st.lone}}}
}

// troupe are the clients of one side.
type troupe struct {
	*testing.T
	login   []string
	addr    string
	servers []*redistest.Server
	clients map[string]*wire
}

func (tr *troupe) client(name string) *wire {
	if w := tr.clients[name]; w != nil {
		return w
	}
	if tr.clients == nil {
		tr.clients = map[string]*wire{}
	}
	w := dial(tr.T, tr.addr)
	tr.clients[name] = w
	tr.enter(w)
	if strings.ToUpper(name) == name {
		w.do("HELLO", "3")
	}
	return w
}

// enter makes a client the user that it is to be.
func (tr *troupe) enter(w *wire) {
	tr.Helper()
	if tr.login != nil {
		expect(tr.T, "AUTH", w.do(tr.login...), "+OK\r\n")
	}
}

// act does what a line says, and returns what comes back.
func (tr *troupe) act(line string) string {
	tr.Helper()
	who, what, _ := strings.Cut(line, " ")
	what = strings.TrimSpace(what)
	switch {
	case who == "blocked":
		tr.blocked(what)
		return ""
	case who == "hangs":
		_ = tr.client(what).Close()
		delete(tr.clients, what)
		return ""
	case strings.HasSuffix(who, "<"):
		n := 1
		if what != "" {
			n, _ = strconv.Atoi(what)
		}
		return strings.Join(tr.client(strings.TrimSuffix(who, "<")).replies(n), "")
	}
	words, err := difftest.Words(what, nil)
	if err != nil {
		tr.Fatal(err)
	}
	if sender, only := strings.CutSuffix(who, ">"); only {
		tr.client(sender).command(words...)
		return ""
	}
	reply := tr.client(who).do(words...)
	if reply == "+RESET\r\n" {
		tr.enter(tr.client(who))
	}
	return reply
}

// blocked waits until so many clients wait on the servers.
func (tr *troupe) blocked(number string) {
	tr.Helper()
	eventually(tr.T, number+" clients are blocked", func() bool { return fmt.Sprint(blockedOn(tr.T, tr.servers)) == number })
}

// blockedOn is how many clients wait on servers.
func blockedOn(t *testing.T, servers []*redistest.Server) (total int) {
	t.Helper()
	for _, s := range servers {
		info, err := s.Do("INFO", "clients")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(fmt.Sprint(info), "blocked_clients:")
		n, _ := strconv.Atoi(strings.SplitN(rest, "\r", 2)[0])
		total += n
	}
	return total
}

func (st *stage) blocked(t *testing.T) int { return blockedOn(t, st.servers) }

// leases is how many connections clients have for themselves. The stage has withAdmin.
func (st *stage) leases(t *testing.T) (total float64) {
	t.Helper()
	for name, n := range st.proxy.series(t) {
		if strings.HasPrefix(name, "ringmain_server_leases{") {
			total += n
		}
	}
	return total
}

func (tr *troupe) leave() {
	for _, w := range tr.clients {
		_ = w.Close()
	}
	tr.blocked("0")
}
