package proxy

import (
	"bytes"

	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/proxy/fanout"
	"ringmain/proxy/pubsub"
	"ringmain/resp"
	"ringmain/router"
)

var (
	spublishID      = command.ByName([]byte("spublish")).ID()
	channelsID      = command.ByName([]byte("pubsub|channels")).ID()
	shardChannelsID = command.ByName([]byte("pubsub|shardchannels")).ID()
	numsubID        = command.ByName([]byte("pubsub|numsub")).ID()
	shardNumsubID   = command.ByName([]byte("pubsub|shardnumsub")).ID()
	numpatID        = command.ByName([]byte("pubsub|numpat")).ID()
)

// publish is PUBLISH and SPUBLISH: the message goes to one server of the fleet. Every proxy
// listens to all of them, so which does not matter, as long as the messages of a channel
// take the same way.
func (s *Session) publish(cmd *command.Command, r *resp.Request, size int) bool {
	channel := r.Args[1]
	if isReserved(channel) {
		s.fail(errReservedChannel)
		return true
	}
	place := s.publishPlace(channel)
	s.editing = firstPublished
	if s.core.Peers.listening.Begun() {
		s.editing = s.newPublished(cmd, channel).sent(place)
	}
	return s.sendWhole(place, cmd, r, size)
}

// queuePublish keeps a PUBLISH for the transaction's server, whichever that will be.
func (s *Session) queuePublish(cmd *command.Command, r *resp.Request) {
	switch channel := r.Args[1]; {
	case isReserved(channel):
		s.abort()
		s.fail(errReservedChannel)
	case s.channelFleet().Partial:
		s.abort()
		s.notSupported(cmd, "not within MULTI where keys live in several pools, because clients listen to the servers of one")
	default:
		s.queueForServer(cmd, r)
		if last := len(s.tx.queued) - 1; !s.tx.aborted {
			s.tx.queued[last].published = s.newPublished(cmd, channel)
		}
	}
}

// publishPlace is the place that messages of a channel go to: by its hash, or, if
// that server is down, the next one that is up.
func (s *Session) publishPlace(channel []byte) router.Place {
	f := s.channelFleet()
	first := int(xxhash.Sum64(channel) % uint64(f.Count))
	for i := range f.Count {
		if place := f.Place((first + i) % f.Count); s.connTo(place).Refusal() == nil {
			return place
		}
	}
	return f.Place(first)
}

// published is a PUBLISH or SPUBLISH on its way.
type published struct {
	counts  *pubsub.Counts
	pool    int32 // the fleet's first server
	kind    pubsub.Kind
	channel []byte
}

func (s *Session) newPublished(cmd *command.Command, channel []byte) *published {
	p := &published{counts: &s.core.Peers.listening, pool: s.channelFleet().First, channel: bytes.Clone(channel)}
	if cmd.ID() == spublishID {
		p.kind = pubsub.Shard
	}
	return p
}

// sent is called before the command is sent. The edit turns the server's reply into the
// client's: the server's receivers, less the proxy's own subscriptions, and those of all
// loops here.
func (p *published) sent(place router.Place) edit {
	m := p.counts.NewPublishing(p.pool, p.kind, p.channel, int(place.Server-p.pool))
	return func(_ *Session, reply []byte) []byte {
		n, ok := resp.Integer(reply)
		if !ok {
			return reply
		}
		return redcon.AppendInt(nil, m.Receivers(n))
	}
}

var replyZero = []byte(":0\r\n")

// firstPublished is the edit for what is sent before anybody has listened. If somebody has
// begun to since, the only receivers that are sure not to be the proxy are none.
func firstPublished(s *Session, reply []byte) []byte {
	if _, ok := resp.Integer(reply); ok && s.core.Peers.listening.Begun() {
		return replyZero
	}
	return reply
}

// pubsubFleet is PUBSUB, of all servers and of the proxy's own clients.
func (s *Session) pubsubFleet(cmd *command.Command, r *resp.Request, size int) bool {
	f := s.core.snapshot.Keys(s.listener, true)
	switch {
	case f.Count == 0:
		s.failAllOut(f)
		return true
	case !s.admitted(f.Count, f.Place, size):
		return false
	case s.refused(f.Count, f.Place):
		return true
	}
	m := s.newFleetMerge(cmd, f, f.Count, f.Place, size)
	for part := range m.parts {
		m.parts[part].Keys = 2 * (len(r.Args) - 2)
	}
	s.sendFleet(m, func(dst []byte, _ int) []byte { return resp.AppendCommand(dst, r.Args...) })
	return true
}

// pubsubKind is how the replies to a PUBSUB command are merged.
func pubsubKind(cmd *command.Command) fanout.Kind {
	switch cmd.ID() {
	case numpatID:
		return fanout.Sum
	case numsubID, shardNumsubID:
		return fanout.Counts
	}
	return fanout.Union
}

// listeners has a merge of PUBSUB count the proxy's own clients in place of the
// subscriptions that it has on the servers for them.
func (m *merge) listeners(w *fanout.Whole) {
	counts, pool := &m.s.core.Peers.listening, m.fleet.first
	switch m.cmd.ID() {
	case channelsID, shardChannelsID:
		w.Shows = func(_ int, channel []byte) bool { return !isReserved(channel) }
	case numpatID:
		w.More = func([]byte) (clients, own int) {
			return counts.Patterns(pool)
		}
	default:
		kind := pubsub.Channel
		if m.cmd.ID() == shardNumsubID {
			kind = pubsub.Shard
		}
		w.More = func(channel []byte) (clients, own int) {
			return counts.Listeners(pool, kind, channel)
		}
	}
}
