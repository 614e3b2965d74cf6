package integration

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/command"
	"ringmain/internal/difftest"
	"ringmain/internal/redistest"
	"ringmain/proxy/tenant"
)

// arena has Ringmain in front of three servers, and one server that is told the
// same.
type arena struct {
	nodes []*redistest.Server
	lone  *redistest.Server
	proxy addresser
	tally tally
	// control: proxy is a real server too, which does everything.
	control bool
	// known are the commands of the real server, its subcommands as "a|b"; the
	// value is whether the command may write.
	known map[string]bool
	tags  []string // one at least for each server, in turn
	// tenant: what is compared is sent by a user with tenantPrefix.
	tenant bool
	others []map[string]string // by server: the keys that are not that user's
}

func newArena(t *testing.T, options ...option) *arena {
	t.Helper()
	a := &arena{nodes: startRedis(t, 3), lone: redistest.Start(t), known: map[string]bool{}, tally: newTally()}
	return a.begin(t, options...)
}

// begin starts Ringmain in front of the servers.
func (a *arena) begin(t *testing.T, options ...option) *arena {
	t.Helper()
	a.proxy = start(t, servers(a.nodes...), options...)
	a.learnCommands(t)
	a.findTags(t)
	return a
}

// client connects to Ringmain, as the user whose requests are compared.
func (a *arena) client(t *testing.T) *wire {
	t.Helper()
	w := dial(t, a.proxy.Addr())
	if a.tenant {
		expect(t, "AUTH", w.do(tenantLogin...), "+OK\r\n")
	}
	return w
}

// prefix is what that user's keys begin with on the servers.
func (a *arena) prefix() string {
	if a.tenant {
		return tenantPrefix
	}
	return ""
}

// newControl has a real server in Ringmain's place, so that a comparison that is
// wrong about Redis shows.
func newControl(t *testing.T) *arena {
	t.Helper()
	a := &arena{lone: redistest.Start(t), known: map[string]bool{}, tally: newTally(), control: true, tags: []string{"t", "u"}}
	a.nodes = startRedis(t, 1)
	a.proxy = a.nodes[0]
	a.learnCommands(t)
	return a
}

// serves reports whether a request is one that Ringmain knows and does not
// refuse.
func (a *arena) serves(args []string) bool {
	c := lookup(args)
	return a.control || c != nil && c.Policy != command.Refused && (!a.tenant || tenant.Serves(c))
}

func (a *arena) learnCommands(t *testing.T) {
	t.Helper()
	reply, err := a.lone.Do("COMMAND")
	if err != nil {
		t.Fatal(err)
	}
	var learn func(list any)
	learn = func(list any) {
		for _, row := range list.([]any) {
			fields := row.([]any)
			a.known[fields[0].(string)] = slices.Contains(fields[2].([]any), any("write"))
			learn(fields[9])
		}
	}
	learn(reply)
	if len(a.known) < 300 {
		t.Fatalf("the real server knows %d commands only", len(a.known))
	}
}

// findTags looks where keys of some tags go: so the test need not know how.
func (a *arena) findTags(t *testing.T) {
	t.Helper()
	w := a.client(t)
	byServer := make([][]string, len(a.nodes))
	for i := 0; slices.ContainsFunc(byServer, func(l []string) bool { return len(l) < 2 }); i++ {
		tag := "t" + strconv.Itoa(i)
		key := "{" + tag + "}where"
		expect(t, "SET", w.do("SET", key, "x"), "+OK\r\n")
		for n, s := range a.nodes {
			if found, err := s.Do("EXISTS", a.prefix()+key); err != nil {
				t.Fatal(err)
			} else if found == int64(1) {
				byServer[n] = append(byServer[n], tag)
			}
		}
		expect(t, "DEL", w.do("DEL", key), ":1\r\n")
	}
	for i := range 2 {
		for _, list := range byServer {
			a.tags = append(a.tags, list[i])
		}
	}
}

// flush empties all servers.
func (a *arena) flush(t *testing.T) {
	t.Helper()
	for _, s := range append(slices.Clone(a.nodes), a.lone) {
		if _, err := s.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
	}
	if a.tenant {
		a.plantOthers(t)
	}
}

// tally counts what was compared and keeps what differs.
type tally struct {
	requests  int // that are the object of a test
	errors    int // of requests: those that Redis answers with an error
	around    int // that prepare and look
	scattered int // that were refused for having keys on several servers
	commands  map[string]int
	tolerated map[string]int // by the difference's name
	diffs     map[string]int // by command
	shown     []string
}

// maxShown bounds the differences that are printed for one command.
const maxShown = 4

func newTally() tally {
	return tally{commands: map[string]int{}, tolerated: map[string]int{}, diffs: map[string]int{}}
}

func (c *tally) compared(q *question) {
	if q.note != "" {
		c.around++
		return
	}
	c.requests++
	c.commands[nameOf(q.args)]++
}

func (c *tally) differs(name, text string) {
	if c.diffs[name]++; c.diffs[name] <= maxShown {
		c.shown = append(c.shown, text)
	}
}

// report fails the test if anything differed.
func (c *tally) report(t *testing.T) {
	t.Helper()
	for _, text := range c.shown {
		t.Error(text)
	}
	if total := sum(c.diffs); total > len(c.shown) {
		t.Errorf("%d differences in all, by command: %v", total, c.diffs)
	}
	t.Logf("compared %d replies (%d errors) to requests of %d commands, and %d around them; %d had keys on several servers; "+
		"tolerated differences: %v", c.requests, c.errors, len(c.commands), c.around, c.scattered, c.tolerated)
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// scattered reports whether a request's keys, as Redis finds them, have more
// than one tag. Only then may Ringmain refuse what Redis does not.
func (a *arena) scattered(args []string) bool {
	if nameOf(args) == "sort" && strings.Count(strings.ToLower(strings.Join(args, " ")), "store") > 1 {
		return true // SORT takes the first one's key, GETKEYS the last one's
	}
	reply, err := a.lone.Do(append([]any{"COMMAND", "GETKEYS"}, words(args)...)...)
	keys, ok := reply.([]any)
	if err != nil || !ok {
		return false
	}
	tags := map[string]bool{}
	for _, k := range keys {
		tag, _, _ := strings.Cut(k.(string), "}")
		tags[tag] = true
	}
	return len(tags) > 1
}

// question is one request of a duel.
type question struct {
	args []string
	mode mode
	note string // of requests around those that are the object: where they come from
}

// duel is a pair of connections, one to Ringmain and one to the lone server, on
// which the same is sent.
type duel struct {
	t           *testing.T
	a           *arena
	tally       *tally
	protocol    int
	proxy, lone *side
}

type side struct {
	addr string
	conn net.Conn
	in   *difftest.Reader
}

// duel connects with a protocol version.
func (a *arena) duel(t *testing.T, protocol int) *duel {
	t.Helper()
	d := &duel{t: t, a: a, tally: &a.tally, protocol: protocol}
	d.connect()
	t.Cleanup(d.close)
	return d
}

func (d *duel) connect() {
	d.t.Helper()
	open := func(addr string, login ...string) *side {
		c, err := net.DialTimeout("tcp", addr, gross)
		if err != nil {
			d.t.Fatal(err)
		}
		s := &side{addr, c, difftest.NewReader(c)}
		if len(login) > 0 {
			if r, err := s.ask(login...); err != nil || r.Raw != "+OK\r\n" {
				d.t.Fatalf("%q: %q, %v", login, r.Raw, err)
			}
		}
		if d.protocol == 3 {
			if _, err := s.ask("HELLO", "3"); err != nil {
				d.t.Fatal(err)
			}
		}
		return s
	}
	d.proxy, d.lone = open(d.a.proxy.Addr(), d.a.login()...), open(d.a.lone.Addr())
}

func (d *duel) close() {
	_ = d.proxy.conn.Close()
	_ = d.lone.conn.Close()
}

// again begins anew, after something has spoilt the connections.
func (d *duel) again() {
	d.t.Helper()
	d.close()
	d.connect()
}

// ask sends one request and reads its reply.
func (s *side) ask(args ...string) (difftest.Reply, error) {
	if err := s.conn.SetDeadline(time.Now().Add(gross)); err != nil {
		return difftest.Reply{}, err
	}
	if _, err := s.conn.Write(difftest.AppendRequest(nil, args)); err != nil {
		return difftest.Reply{}, err
	}
	return s.in.Read()
}

// send sends requests and reads as many replies. With an error it gives those
// that came.
func (s *side) send(text []byte, n int) ([]difftest.Reply, error) {
	if err := s.conn.SetDeadline(time.Now().Add(hang)); err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := s.conn.Write(text)
		sent <- err
	}()
	var replies []difftest.Reply
	var err error
	for len(replies) < n && err == nil {
		var r difftest.Reply
		if r, err = s.in.Read(); err == nil {
			replies = append(replies, r)
		}
	}
	if err != nil {
		_ = s.conn.Close()
	}
	<-sent // what could not be sent has no reply
	return replies, err
}

// hang is how long a reply may be missing until it counts as a difference.
const hang = 10 * time.Second

// maxBatch is how many requests are sent without waiting for a reply.
const maxBatch = 200

// compare sends requests to both sides, in batches, and compares the replies.
func (d *duel) compare(requests []question) {
	d.t.Helper()
	for len(requests) > 0 {
		n := min(len(requests), maxBatch)
		done := d.batch(requests[:n])
		requests = requests[done:]
	}
}

// batch returns how many requests are done with: fewer than there are if a
// connection has ended.
func (d *duel) batch(requests []question) int {
	d.t.Helper()
	var text []byte
	for i := range requests {
		text = difftest.AppendRequest(text, requests[i].args)
	}
	type result struct {
		replies []difftest.Reply
		err     error
	}
	lone := make(chan result, 1)
	go func() {
		replies, err := d.lone.send(text, len(requests))
		lone <- result{replies, err}
	}()
	got, gotErr := d.proxy.send(text, len(requests))
	l := <-lone
	want, wantErr := l.replies, l.err
	var prev *difftest.Reply
	for i := range min(len(got), len(want)) {
		d.judge(&requests[i], prev, &got[i], &want[i])
		prev = &want[i]
	}
	if gotErr == nil && wantErr == nil {
		return len(requests)
	}
	stop := min(len(got), len(want))
	r := &requests[stop]
	if (gotErr == nil) != (wantErr == nil) || len(got) != len(want) {
		d.tally.compared(r)
		d.tally.differs(nameOf(r.args), fmt.Sprintf("%s (RESP%d): Ringmain: %v after %d replies, Redis: %v after %d",
			show(r), d.protocol, gotErr, len(got), wantErr, len(want)))
	}
	d.again()
	return stop + 1
}

// judge compares one reply.
func (d *duel) judge(r *question, prev, got, want *difftest.Reply) {
	name := nameOf(r.args)
	d.tally.compared(r)
	if want.IsError() && r.note == "" {
		d.tally.errors++
	}
	why := r.mode.compare(prev, got, want)
	if why == "" {
		return
	}
	if got.Raw == crossSlot && d.a.scattered(r.args) {
		d.tally.scattered++
		return
	}
	if known := d.a.tolerate(r.args, got, want); known != "" {
		d.tally.tolerated[known]++
		return
	}
	d.tally.differs(name, fmt.Sprintf("%s (RESP%d)\n  Ringmain: %s\n  Redis:    %s\n  %s",
		show(r), d.protocol, clip(strconv.Quote(got.Raw)), clip(strconv.Quote(want.Raw)), why))
}

func show(r *question) string {
	return strings.TrimSpace(clip(fmt.Sprintf("%q", r.args)) + " " + r.note)
}

// containers are the commands whose first argument is part of their name.
var containers = []string{"acl", "client", "cluster", "command", "config", "function", "latency", "memory", "module", "object", "pubsub",
	"script", "slowlog", "xgroup", "xinfo"}

// head is how many arguments name the command.
func head(args []string) int {
	if len(args) > 1 && slices.Contains(containers, strings.ToLower(args[0])) {
		return 2
	}
	return min(1, len(args))
}

// nameOf is the name of a request's command: "client|id".
func nameOf(args []string) string {
	return strings.ToLower(strings.Join(args[:head(args)], "|"))
}

// lookup finds a request in Ringmain's table.
func lookup(args []string) *command.Command {
	var b [][]byte
	for _, a := range args {
		b = append(b, []byte(a))
	}
	if len(b) == 0 {
		return nil
	}
	return command.Lookup(b)
}
