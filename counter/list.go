package counter

// list is a ring of proposers, each of which is in one list at most.
type list struct {
	root proposer
	n    int
}

func (l *list) init() { l.root.before, l.root.behind = &l.root, &l.root }

// push appends.
func (l *list) push(p *proposer) {
	last := l.root.before
	p.before, p.behind = last, &l.root
	last.behind, l.root.before = p, p
	l.n++
}

func (l *list) remove(p *proposer) {
	p.before.behind, p.behind.before = p.behind, p.before
	p.before, p.behind = nil, nil
	l.n--
}

// first is nil if there is none.
func (l *list) first() *proposer { return l.after(&l.root) }

// after is the next one, nil behind the last.
func (l *list) after(p *proposer) *proposer {
	if p.behind == &l.root {
		return nil
	}
	return p.behind
}
