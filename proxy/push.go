package proxy

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/metric"
	"ringmain/resp"
)

// Bounds of what is owed to a client that is given pushes, as those of Redis
// (client-output-buffer-limit pubsub): it does not ask for each, so its window does
// not bound them.
const (
	maxPushed     = 32 << 20
	softPushed    = 8 << 20
	softPushedFor = 60 * time.Second
)

// push gives the client what answers no command: a message, an invalidation. It
// stands never within a reply, and behind every reply, or part of one, that has
// come before it.
func (s *Session) push(b []byte) {
	switch {
	case s.gone || s.ending:
		return
	case s.held == 0 && !s.begun(s.replies.head):
		s.write(b)
	default:
		muted := s.mute
		s.mute = false
		s.fill(b)
		s.mute = muted
	}
	s.boundPushes(len(b))
}

// boundPushes cuts a client off that does not read what is pushed to it: n bytes more.
// Replies that it has asked for do not count.
func (s *Session) boundPushes(n int) {
	now := s.core.loop.Elapsed()
	s.pushed = min(s.pushed+n, s.owed())
	switch {
	case s.pushed <= softPushed:
		s.pushedOver = 0
	case s.pushed > min(maxPushed, s.core.Limits.ClientOutput):
		s.cut(metric.CutOutput, fmt.Sprintf("it is owed more than %d bytes of messages and does not read them",
			min(maxPushed, s.core.Limits.ClientOutput)))
	case s.pushedOver == 0:
		s.pushedOver = now
	case now-s.pushedOver >= softPushedFor:
		s.cut(metric.CutOutput, fmt.Sprintf("it has been owed more than %d bytes of messages for %v", softPushed, softPushedFor))
	}
}

// withoutReserved is an invalidation without the proxy's own keys; empty if it has no
// others.
func withoutReserved(push []byte) []byte {
	if !bytes.Contains(push, []byte(reserved)) {
		return push
	}
	_, rest, _ := resp.Array(push)
	_, list, err := resp.Element(rest)
	n, keys, ok := resp.Array(list)
	if err != nil || !ok {
		return push
	}
	var shown []byte
	count := 0
	for range n {
		element, after, _ := resp.Element(keys)
		if key, _ := resp.Bulk(element); !isReserved(key) {
			shown = append(shown, element...)
			count++
		}
		keys = after
	}
	if count == 0 {
		return nil
	}
	head := push[:len(push)-len(list)]
	return append(redcon.AppendArray(bytes.Clone(head), count), shown...)
}
