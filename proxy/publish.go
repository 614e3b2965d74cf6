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
	if !s.core.Peers.listening.Idle() {
		s.editing = s.receiversEdit(cmd, &place, channel)
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
		s.editing = s.receiversEdit(cmd, &s.tx.place, channel)
		s.queueForServer(cmd, r)
		s.editing = nil
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

// receiversEdit turns a server's reply to PUBLISH or SPUBLISH into the client's: the
// server's receivers, and those of all loops here, less the proxy's own subscriptions.
// place is looked at when the reply comes.
func (s *Session) receiversEdit(cmd *command.Command, place *router.Place, channel []byte) edit {
	counts := &s.core.Peers.listening
	kind := pubsub.Channel
	if cmd.ID() == spublishID {
		kind = pubsub.Shard
	}
	first := s.channelFleet().First
	name := bytes.Clone(channel)
	return func(_ *Session, reply []byte) []byte {
		n, ok := resp.Integer(reply)
		if !ok {
			return reply
		}
		clients, own := counts.Receivers(first, kind, name, int(place.Server-first))
		return redcon.AppendInt(nil, max(0, n-int64(own))+int64(clients))
	}
}

// pubsubFleet is PUBSUB, of all servers and of the proxy's own clients.
func (s *Session) pubsubFleet(cmd *command.Command, r *resp.Request, size int) bool {
	f := s.channelFleet()
	if !s.admitted(f.Count, f.Place, size) {
		return false
	}
	if s.refused(f.Count, f.Place) {
		return true
	}
	m := s.newFleetMerge(cmd, f, 1, size)
	request := resp.AppendCommand(s.scratch(), r.Args...)
	s.core.keepScratch(request)
	for part := range m.parts {
		m.parts[part].Keys = 2 * (len(r.Args) - 2)
		s.connTo(f.Place(part)).Send(m, uint64(part), request, false, cmd.Slow)
	}
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
		w.More = func([]byte) int64 {
			clients, own := counts.Patterns(pool)
			return int64(clients - own)
		}
	default:
		kind := pubsub.Channel
		if m.cmd.ID() == shardNumsubID {
			kind = pubsub.Shard
		}
		w.More = func(channel []byte) int64 {
			clients, own := counts.Listeners(pool, kind, channel)
			return int64(clients - own)
		}
	}
}
