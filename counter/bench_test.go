package counter

import (
	"fmt"
	"testing"

	"ringmain/quorum"
)

// late are servers that answer when they are told to, as over a network: what comes meanwhile
// waits for the next round.
type late struct {
	*calm
	answers []func()
}

func (l *late) Call(c quorum.Call, done func(quorum.Answer)) {
	l.answers = append(l.answers, func() { l.calm.Call(c, done) })
}

func (l *late) answer() {
	for len(l.answers) > 0 {
		answers := l.answers
		l.answers = nil
		for _, f := range answers {
			f()
		}
	}
}

// BenchmarkIncr is what an INCR costs beside the network and the servers: with so many clients
// that wait for each other on one key, and over many keys.
func BenchmarkIncr(b *testing.B) {
	for _, m := range []struct{ keys, clients int }{{1, 1}, {1, 64}, {1000, 1000}} {
		b.Run(fmt.Sprintf("keys=%d/clients=%d", m.keys, m.clients), func(b *testing.B) {
			d := newDesk(3)
			l := &late{calm: d.calm}
			d.engine.servers = l
			var commands []quorum.Command
			for i := range m.keys {
				commands = append(commands, command(fmt.Sprintf("incr k%d", i)))
			}
			replies := 0
			done := func([]byte) { replies++ }
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.engine.Do(commands[i%m.keys], done)
				if i%m.clients == m.clients-1 {
					l.answer()
				}
			}
			l.answer()
			b.ReportMetric(float64(d.engine.Stats().Rounds)/float64(replies), "rounds/op")
		})
	}
}
