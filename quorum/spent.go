package quorum

// Why a server is not believed although its identity is in order.
const (
	rolledBack = "has an identity from before it was repaired: an old copy of its data was put back. Empty it (FLUSHALL), and it is repaired"
	unkept     = "was started without appendonly, and may lack what it had acknowledged: empty it (FLUSHALL), and it is repaired"
)

// maxSpent bounds the identities of one server that are remembered.
const maxSpent = 64

// spent are identities of a server, by their generation, that show nothing any more. The servers
// themselves do not tell; a proxy knows what it has seen.
type spent struct {
	list []spentOne
	// current is the generation that the server had last; "": none yet.
	current string
	// lapsed is the generation that a process had which kept nothing when it was first seen: what
	// it began with is what some dump had. If it is started anew as it should be it has all that
	// its append-only file has; but if it is only told to keep things from now on, that file is
	// written over.
	lapsed string
}

type spentOne struct{ generation, why string }

// began takes note of a process that was not seen before, with its identity, if it has one.
func (p *spent) began(id Identity, appendOnly bool) {
	p.lapsed = ""
	if !appendOnly {
		p.lapsed = id.Generation
	}
}

// judge is why an identity, of a server that keeps things as it should, shows nothing; "": it
// shows that all is there.
func (p *spent) judge(id Identity) string {
	if id.Generation == p.lapsed {
		p.lapsed = ""
		p.add(id.Generation, unkept)
	}
	for _, s := range p.list {
		if s.generation == id.Generation {
			return s.why
		}
	}
	if p.current != "" && p.current != id.Generation { // it has got a new one, which only repairs give
		p.add(p.current, rolledBack)
	}
	p.current = id.Generation
	return ""
}

func (p *spent) add(generation, why string) {
	for _, s := range p.list {
		if s.generation == generation {
			return
		}
	}
	if len(p.list) == maxSpent {
		p.list = append(p.list[:0], p.list[1:]...)
	}
	p.list = append(p.list, spentOne{generation, why})
}
