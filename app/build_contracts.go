package app

import (
	"time"

	"ringmain/command"
	"ringmain/config"
	"ringmain/counter"
	"ringmain/lock"
	"ringmain/proxy"
	"ringmain/quorum"
)

// fenceDeadline bounds what it takes to draw a fencing number.
const fenceDeadline = 500 * time.Millisecond

// kept are the patterns of the keys that a quorum keeps, as the engines know them.
type kept struct {
	locks    []lock.Pattern
	counters []counter.Pattern
}

// planContracts makes the contracts of the configured patterns, and has each quorum know
// those that it keeps.
func (a *App) planContracts() (list []proxy.Contract) {
	for _, p := range a.cfg.Patterns() {
		contract := proxy.Contract{Name: p.Name(), Kind: p.Kind, Matches: command.NewGlob(p.Keys).Matches}
		if !p.Owner() {
			contract.Executor, contract.Allows = a.executor(p)
		}
		list = append(list, contract)
	}
	return list
}

// executor is who carries out commands on the keys of a pattern, and which these are.
func (a *App) executor(p config.Pattern) (x *executor, allows string) {
	q := a.quorumNamed(p.Quorum)
	x = &executor{quorum: q}
	switch p.Kind {
	case proxy.KindLock:
		l := a.cfg.Locks[p.Index]
		x.pattern = len(q.patterns.locks)
		pattern := lock.Pattern{
			Name: p.Name(), MinTTL: time.Duration(l.MinTTL), MaxTTL: time.Duration(l.MaxTTL), DefaultTTL: time.Duration(l.DefaultTTL),
			DriftFactor: l.DriftFactor, NodeTimeoutFactor: l.NodeTimeoutFactor, SplitRetries: l.SplitRetries, PadTTL: l.PadTTL,
			Fencing: l.Fencing == "auto", AllowDel: l.AllowDel, MaxHold: time.Duration(l.MaxHold),
		}
		q.patterns.locks = append(q.patterns.locks, pattern)
		x.engine, allows = func() quorum.Engine { return q.locks }, pattern.Allows()
	default:
		c := a.cfg.Counters[p.Index]
		x.pattern = len(q.patterns.counters)
		q.patterns.counters = append(q.patterns.counters, counter.Pattern{
			Name: p.Name(), Deadline: time.Duration(c.Deadline), MaxBatch: c.MaxBatch, MaxKeys: c.MaxKeys,
			IdentityReads: c.Read == "identity",
		})
		x.engine, x.brief, allows = func() quorum.Engine { return q.counters }, true, counter.Allows
	}
	return x, allows
}

func (a *App) quorumNamed(name string) *agreed {
	for _, q := range a.quorums {
		if q.name == name {
			return q
		}
	}
	panic("no quorum " + name) // the configuration has been checked
}
