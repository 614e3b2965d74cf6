package lock

// Stats count what an Engine has done, and what it keeps.
type Stats struct {
	// Granted are acquisitions of one or several locks, Held those that others were in the way
	// of, and Failed those that found no majority, or too late.
	Granted, Held, Failed uint64
	// Splits are votes of which nobody had a majority: they were tried again, or given up.
	Splits uint64
	// Extended and Released are operations that were carried out.
	Extended, Released uint64
	// Waiting is how many clients wait for a lock to end, Known of how many locks it is known what
	// the servers have, and Chores what is yet to be taken back.
	Waiting, Known, Chores int
}

// Stats are the counts so far.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Waiting, s.Known, s.Chores = e.waiting, len(e.holds), e.chores
	return s
}

// acquired counts how an acquisition ended.
func (s *Stats) acquired(v Verdict) {
	switch v {
	case Yes:
		s.Granted++
	case No:
		s.Held++
	case Failed:
		s.Failed++
	}
}

// countYes has a result that is Yes be counted.
func countYes(n *uint64, done func(Result)) func(Result) {
	return func(r Result) {
		if r.Verdict == Yes {
			*n++
		}
		done(r)
	}
}
