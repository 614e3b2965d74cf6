package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinel is one to ask, on connections of its own.
type sentinel struct {
	address string
	client  *redis.SentinelClient
	soon    chan struct{}
	// said is what the log has of it already.
	said string
}

func newSentinel(address string, s Settings) *sentinel {
	return &sentinel{address: address, soon: make(chan struct{}, 1), client: redis.NewSentinelClient(&redis.Options{
		Addr: address, Username: s.Username, Password: s.Password, ClientName: s.ClientName, Protocol: 2, DisableIdentity: true,
		DialTimeout: s.Timeout, ReadTimeout: s.Timeout, WriteTimeout: s.Timeout, PoolTimeout: s.Timeout,
		MaxRetries: -1, PoolSize: 1, DialerRetries: 1,
	})}
}

func (s *sentinel) close() { _ = s.client.Close() }

// ask asks for one primary. The epoch is asked for first, so that an address is never taken
// for newer than it is. An error means that the sentinel does not answer.
func (s *sentinel) ask(ctx context.Context, name string) (Answer, error) {
	state, err := s.client.Master(ctx, name).Result()
	if isUnknown(err) {
		return Answer{}, nil
	}
	if err != nil {
		return Answer{}, err
	}
	epoch, err := strconv.ParseUint(state["config-epoch"], 10, 64)
	if err != nil {
		return Answer{}, fmt.Errorf("SENTINEL MASTER gives no config-epoch: %q", clip(state["config-epoch"]))
	}
	// Unlike SENTINEL MASTER this gives the new primary as soon as it is one.
	at, err := s.client.GetMasterAddrByName(ctx, name).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return Answer{}, nil
	case err != nil:
		return Answer{}, err
	case len(at) != 2 || !isHost(at[0]) || !isPort(at[1]):
		return Answer{}, fmt.Errorf("SENTINEL GET-MASTER-ADDR-BY-NAME gives no address: %q", clip(strings.Join(at, " ")))
	}
	return Answer{net.JoinHostPort(at[0], at[1]), epoch}, nil
}

// isUnknown tells that a sentinel does not know a name.
func isUnknown(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.HasPrefix(err.Error(), "ERR No such master")
}

func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	}
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, strange)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// report writes to the log what is new about the sentinel.
func (s *sentinel) report(to Settings, r round) {
	text := ""
	if r.err != nil {
		text = clip(r.err.Error())
	} else if i := slices.Index(r.answers, Answer{}); i >= 0 {
		text = fmt.Sprintf("it knows no primary called %q", to.Masters[i])
	}
	// Reasons such as the port of a connection change each time.
	kind := text
	if r.err != nil && !isReply(r.err) {
		kind = "unreachable"
	}
	switch {
	case kind == s.said:
	case kind == "":
		to.Log.Info("sentinel answers again", "sentinel", s.address)
	default:
		to.Log.Warn("sentinel does not tell where the primaries are", "sentinel", s.address, "cause", text)
	}
	s.said = kind
}

// isReply tells an error that the sentinel has sent from one of the connection.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// maxShown bounds what is shown of a text from outside.
const maxShown = 200

func clip(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return s
}

const (
	// silence is how long a subscription may bring nothing before it is asked for a sign
	// of life.
	silence = 5 * time.Second
	// again is the pause after a subscription that was lost or could not be made.
	again = time.Second
)

// listen calls news whenever the sentinel tells that a primary has been replaced, and when
// it may have missed telling. It returns when ctx ends.
func (s *sentinel) listen(ctx context.Context, news func()) {
	for ctx.Err() == nil {
		subscription := s.client.Subscribe(ctx, "+promoted-slave", "+switch-master")
		stop := context.AfterFunc(ctx, func() { _ = subscription.Close() })
		receive(ctx, subscription, news)
		stop()
		_ = subscription.Close()
		pause(ctx, again)
	}
}

// receive takes what a subscription brings, until it fails.
func receive(ctx context.Context, subscription *redis.PubSub, news func()) {
	for asked := false; ctx.Err() == nil; {
		message, err := subscription.ReceiveTimeout(ctx, silence)
		var timeout net.Error
		switch {
		case err == nil:
			if asked = false; !isPong(message) {
				news()
			}
		case errors.As(err, &timeout) && timeout.Timeout() && !asked:
			if asked = true; subscription.Ping(ctx) != nil {
				return
			}
		default:
			return
		}
	}
}

func isPong(message any) bool {
	_, is := message.(*redis.Pong)
	return is
}
