package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	program "ringmain/cli"
	"ringmain/internal/redistest"
)

// quorumPassword is asked for by the servers of a secureQuorum.
const quorumPassword = "correct-horse-7f3a"

// secureQuorum is three servers that speak TLS alone, to those with a certificate and a
// password.
type secureQuorum struct {
	*secrets
	servers []*redistest.TLSServer
}

func startSecureQuorum(t *testing.T) *secureQuorum {
	t.Helper()
	q := &secureQuorum{secrets: newSecrets(t)}
	for range 3 {
		s := redistest.StartTLS(t, q.files(), append([]string{"requirepass", quorumPassword}, durable...)...)
		onServer(t, s.Server, "CONFIG", "SET", "port", "0") // TLS alone
		q.servers = append(q.servers, s)
	}
	return q
}

// text is the configuration of a proxy that trusts the authority in a file, and knows a
// password.
func (q *secureQuorum) text(ca, password string) string {
	var nodes []string
	for _, s := range q.servers {
		nodes = append(nodes, "'"+s.Addr()+"'")
	}
	return fmt.Sprintf(`listeners: [{address: '127.0.0.1:0'}]
admin: {address: ''}
loops: 2
pools: {main: {embedded: 1}}
quorums:
  safe:
    nodes: [%s]
    node_timeout: 400ms
    timeouts: {connect: 5s}
    auth: {password: %s}
    tls: {ca_file: '%s', cert_file: '%s', key_file: '%s'}
locks: [{keys: 'lock:*', quorum: safe, max_ttl: 10s, node_timeout_factor: 0.25}]
counters: [{keys: 'counter:*', quorum: safe, deadline: 10s}]
`, strings.Join(nodes, ", "), password, ca, q.cert, q.key)
}

// checkConfig is the command check.
func checkConfig(t *testing.T, text string) (code int, said string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	succeed(t, os.WriteFile(file, []byte(text), 0o600))
	for _, c := range program.Commands() {
		if c.Name == "check" {
			var out bytes.Buffer
			code = c.Run(context.Background(), []string{"--config", file}, &out, &out)
			return code, out.String()
		}
	}
	t.Fatal("there is no command check")
	return 0, ""
}

func TestAQuorumSpeaksTLSWithCertificatesAndPasswords(t *testing.T) {
	t.Parallel()
	q := startSecureQuorum(t)
	text := q.text(q.ca, quorumPassword)
	if _, err := redistest.Dial(q.servers[0].Server.Addr(), 0); err == nil {
		t.Fatal("a server still speaks plain text")
	}
	if code, said := checkConfig(t, text); code != 0 || !strings.Contains(said, "quorums.safe: is not initialised yet") || strings.Contains(said, "cannot be looked at") {
		t.Fatalf("check before: %d\n%s", code, said)
	}
	if code, said := quorumInit(t, text, "--at-once"); code != 0 {
		t.Fatalf("%d\n%s", code, said)
	}
	if code, said := checkConfig(t, text); code != 0 || strings.Contains(said, "nodes[") || strings.Contains(said, "not initialised") {
		t.Fatalf("check after: %d\n%s", code, said)
	}
	r := startFrom(t, text)
	w := dial(t, r.Addr())
	eventually(t, "a lock is granted", func() bool { return w.do("SET", "lock:a", "token", "NX", "PX", "5000") == "+OK\r\n" })
	expect(t, "its holder", w.do("GET", "lock:a"), "$5\r\ntoken\r\n")
	expect(t, "another", w.do("SET", "lock:a", "other", "NX", "PX", "5000"), "$-1\r\n")
	expect(t, "its extension", w.do("SET", "lock:a", "token", "IFEQ", "token", "PX", "9000"), "+OK\r\n")
	expect(t, "its release", w.do("DELIFEQ", "lock:a", "token"), ":1\r\n")
	expect(t, "another, then", w.do("SET", "lock:a", "other", "NX", "PX", "5000"), "+OK\r\n")
	for i := range 3 {
		expect(t, "the counter", w.do("INCR", "counter:a"), fmt.Sprintf(":%d\r\n", i+1))
	}
}

func TestAQuorumWhoseServersCannotBeUsedSaysWhichAndWhyButNoPassword(t *testing.T) {
	t.Parallel()
	q, strangers := startSecureQuorum(t), newSecrets(t)
	const wrong = "wrong-donkey-91bc"
	for name, test := range map[string]struct{ text, why string }{
		"wrong authority": {q.text(strangers.ca, quorumPassword), "x509: "},
		"wrong password":  {q.text(q.ca, wrong), "WRONGPASS"},
		"no password":     {q.text(q.ca, "''"), "NOAUTH"},
		"no certificate": {strings.Replace(q.text(q.ca, quorumPassword), fmt.Sprintf(", cert_file: '%s', key_file: '%s'", q.cert, q.key), "", 1),
			"certificate required"},
	} {
		t.Run(name, func(t *testing.T) {
			discreet := func(what, said string) {
				t.Helper()
				if strings.Contains(said, quorumPassword) || strings.Contains(said, wrong) {
					t.Errorf("%s tells the password:\n%s", what, said)
				}
			}
			code, said := quorumInit(t, test.text)
			discreet("quorum init", said)
			if code == 0 || !strings.Contains(said, "nothing was changed: "+q.servers[0].Addr()+" cannot be looked at: ") || !strings.Contains(said, test.why) {
				t.Errorf("quorum init: %d\n%s", code, said)
			}
			code, said = checkConfig(t, test.text)
			discreet("check", said)
			for i := range q.servers {
				node := fmt.Sprintf("quorums.safe.nodes[%d]: cannot be looked at: ", i)
				if _, after, found := strings.Cut(said, node); code != 0 || !found || !strings.Contains(strings.SplitN(after, "\n", 2)[0], test.why) {
					t.Errorf("check does not say why %s: %d\n%s", node, code, said)
				}
			}
			r := startFrom(t, test.text)
			w := dial(t, r.Addr())
			for _, command := range [][]string{{"SET", "lock:a", "token", "NX", "PX", "5000"}, {"INCR", "counter:a"}} {
				var reply string
				eventually(t, fmt.Sprint(command, " says why"), func() bool {
					reply = w.do(command...)
					return strings.HasPrefix(reply, `-NOQUORUM 0/3 servers of quorum "safe" can vote: `) && strings.Contains(reply, test.why)
				})
				for _, s := range q.servers {
					if !strings.Contains(reply, s.Addr()) {
						t.Errorf("%v does not name %s: %q", command, s.Addr(), reply)
					}
				}
				discreet("the reply", reply)
			}
			for _, s := range q.servers {
				eventually(t, "the log says why", func() bool {
					return r.log.contains("server of a quorum may not vote", "server="+s.Addr(), test.why)
				})
			}
			discreet("the log", r.log.String())
		})
	}
}
