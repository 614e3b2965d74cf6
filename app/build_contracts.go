package app

import (
	"time"

	"ringmain/command"
	"ringmain/config"
	"ringmain/counter"
	"ringmain/proxy"
	"ringmain/quorum"
)

// fenceDeadline bounds what it takes to draw a fencing number.
const fenceDeadline = 500 * time.Millisecond

// kept are the patterns of the keys that a quorum keeps, as the engines know them.
type kept struct {
	counters []counter.Pattern
}

// planContracts makes the contracts of the configured patterns, and has each quorum know
// those that it keeps.
func (a *App) planContracts() (list []proxy.Contract) {
	for _, p := range a.cfg.Patterns() {
		contract := proxy.Contract{Name: p.Name(), Kind: p.Kind, Matches: command.NewGlob(p.Keys).Matches}
		if !p.Owner() {
			contract.Executor = a.executor(p)
		}
		list = append(list, contract)
	}
	return list
}

// executor is who carries out commands on the keys of a pattern.
func (a *App) executor(p config.Pattern) proxy.Executor {
	q := a.quorumNamed(p.Quorum)
	x := &executor{quorum: q}
	switch p.Kind {
	case proxy.KindLock:
		x.engine = func() quorum.Engine { return refusing{} }
	default:
		c := a.cfg.Counters[p.Index]
		x.pattern = len(q.patterns.counters)
		q.patterns.counters = append(q.patterns.counters, counter.Pattern{
			Name: p.Name(), Deadline: time.Duration(c.Deadline), MaxBatch: c.MaxBatch, MaxKeys: c.MaxKeys,
			IdentityReads: c.Read == "identity",
		})
		x.engine, x.borrows = func() quorum.Engine { return q.counters }, true
	}
	return x
}

func (a *App) quorumNamed(name string) *agreed {
	for _, q := range a.quorums {
		if q.name == name {
			return q
		}
	}
	panic("no quorum " + name) // the configuration has been checked
}

// refusing carries out nothing.
type refusing struct{}

// Do implements quorum.Engine.
func (refusing) Do(_ quorum.Command, done func([]byte)) (cancel func()) {
	done([]byte("-NOQUORUM locks cannot be taken by this version\r\n"))
	return nil
}
