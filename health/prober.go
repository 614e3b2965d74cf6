package health

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Target is a server to probe.
type Target struct {
	// Network is tcp or unix, Address what net.Dial takes.
	Network, Address   string
	Username, Password string
	ClientName         string
	// TLS is nil for plain connections. It is called for each connection.
	TLS func() *tls.Config
	// Timeout bounds a whole probe, dialling included.
	Timeout time.Duration
	// Replica: the server is to be a replica whose link to its primary is up, rather than
	// a primary.
	Replica bool
}

// Quiet keeps the client library from writing to the process's standard error output:
// what it would say of a server, outcomes say.
var Quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// Prober asks one server whether it can be used, on a connection of its own, one
// probe at a time.
type Prober struct {
	client  *redis.Client
	timeout time.Duration
	replica bool // is what is expected
}

// NewProber makes a prober; it connects when first asked. Close ends it.
func NewProber(t Target) *Prober {
	return &Prober{client: NewClient(t), timeout: t.Timeout, replica: t.Replica}
}

// NewClient makes a client that asks a server on one connection of its own, and sends nothing
// twice; it connects when first used. Each command has the target's timeout. Close ends it.
func NewClient(t Target) *redis.Client {
	Quiet()
	dialer := &net.Dialer{Timeout: t.Timeout}
	return redis.NewClient(&redis.Options{
		OnConnect: t.logIn, Protocol: 2, DisableIdentity: true,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if t.TLS == nil {
				return dialer.DialContext(ctx, t.Network, t.Address)
			}
			d := tls.Dialer{NetDialer: dialer, Config: t.TLS()}
			conn, err := d.DialContext(ctx, t.Network, t.Address)
			if err != nil {
				return nil, err
			}
			return refusable{conn}, nil
		},
		DialTimeout: t.Timeout, ReadTimeout: t.Timeout, WriteTimeout: t.Timeout, PoolTimeout: t.Timeout,
		MaxRetries: -1, PoolSize: 1, MaxActiveConns: 1, DialerRetries: 1,
	})
}

// logIn sends AUTH, as the data path does: HELLO would let a password pass that nobody has
// asked for. Then it gives the connection its name: the library would do so before, which a
// server that asks for a password refuses. Without the name a server is as good.
func (t *Target) logIn(ctx context.Context, conn *redis.Conn) error {
	var err error
	switch {
	case t.Password == "":
	case t.Username == "":
		err = conn.Auth(ctx, t.Password).Err()
	default:
		err = conn.AuthACL(ctx, t.Username, t.Password).Err()
	}
	if isReply(err) {
		if text, _, repeats := strings.Cut(err.Error(), ", with args beginning with:"); repeats {
			err = refusal(text)
		}
	}
	if err != nil || t.ClientName == "" {
		return err
	}
	if err = conn.ClientSetName(ctx, t.ClientName).Err(); isReply(err) {
		return nil
	}
	return err
}

// Close ends the prober's connection.
func (p *Prober) Close() error { return p.client.Close() }

// Probe asks the server. It returns within the timeout, and at once when ctx ends.
func (p *Prober) Probe(ctx context.Context) Outcome {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var ping *redis.StatusCmd
	var role *redis.Cmd
	_, err := p.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		ping, role = pipe.Ping(ctx), pipe.Do(ctx, "ROLE")
		return nil
	})
	switch {
	case ping.Err() != nil:
		return judgeError(ping.Err())
	case ping.Val() == "": // it was not sent: the connection could not be made
		return judgeError(err)
	}
	if p.replica {
		return judgeReplica(role)
	}
	return judgeRole(role)
}

// refusal is an error that the server has sent, without what it repeats of the command: one that
// does not know AUTH repeats the password. It implements redis.Error.
type refusal string

func (r refusal) Error() string { return string(r) }

// RedisError implements redis.Error.
func (r refusal) RedisError() {}

// isReply tells an error that the server has sent from one of the connection.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// replies says what a server's errors mean, by the word they begin with.
var replies = map[string]Outcome{
	"LOADING":    {Failed, "is loading its data"},
	"MASTERDOWN": {Failed, "is a replica that has lost its primary"},
	"BUSY":       {Busy, "is busy with a script"},
	"NOAUTH":     {Failed, "refuses the proxy's login (it asks for a password)"},
	"WRONGPASS":  {Failed, "refuses the proxy's login (wrong user or password)"},
}

func judgeError(err error) Outcome {
	if isReply(err) {
		word, _, _ := strings.Cut(err.Error(), " ")
		if o, known := replies[word]; known {
			return o
		}
		if word == "NOPERM" { // it answers, and who may do what is not at stake
			return Outcome{Kind: OK}
		}
		return Outcome{Failed, "answers with an error (" + clip(err.Error()) + ")"}
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return Outcome{Failed, "refuses connections"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout), isTimeout(err):
		return Outcome{Failed, "does not answer"}
	}
	return Outcome{Failed, "cannot be reached (" + clip(err.Error()) + ")"}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// judgeRole looks whether the server is a primary. One that does not say is taken for
// one.
func judgeRole(role *redis.Cmd) Outcome {
	parts, err := role.Slice()
	if err != nil || len(parts) == 0 {
		return Outcome{Kind: OK}
	}
	if name, _ := parts[0].(string); name == "slave" {
		return Outcome{Failed, "is a replica, where a primary is expected"}
	}
	return Outcome{Kind: OK}
}

// judgeReplica looks whether the server is a replica that follows its primary. One that
// does not say is not taken for one: what it has may be of any age.
func judgeReplica(role *redis.Cmd) Outcome {
	parts, err := role.Slice()
	if err != nil || len(parts) == 0 {
		return Outcome{Failed, "does not tell whether it is a replica"}
	}
	if name, _ := parts[0].(string); name != "slave" || len(parts) < 4 {
		return Outcome{Failed, "is a primary, where a replica is expected"}
	}
	switch link, _ := parts[3].(string); link {
	case "connected":
		return Outcome{Kind: OK}
	case "sync":
		return Outcome{Failed, "is still copying its primary's data"}
	}
	return Outcome{Failed, "has lost its primary"}
}

// maxShown bounds what is shown of an error from outside.
const maxShown = 200

func clip(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return s
}
