package router

// Split is keys grouped by place: the working memory and the result of
// Snapshot.Split. The zero value is ready; it is meant to be kept and used
// again, so that splitting allocates nothing once it has grown. It holds about 12
// bytes for each key of the largest request it has seen: whoever keeps one drops
// it after a huge request. One Split is for one goroutine at a time. What its methods give is valid until the next Split.
type Split struct {
	groups  []group
	byKey   []int32 // group of each key
	ordered []int32 // key numbers, group by group
	// heads[s] is one more than the newest group of server s; 0: none. Groups of
	// one server, which differ in the database, are chained.
	heads []int32
}

// group is one place of a Split.
type group struct {
	place Place
	next  int32 // one more than the previous group of the same server; 0: none
	end   int32 // in Split.ordered, where it ends; it begins where the one before ends
}

// Split groups keys by their places for a client of scope. The keys are args[0], args[step], args[2*step], …:
// for a command of keys only, step is 1; for one of keys and values in turn, 2.
// step is at least 1. Keys are numbered from 0 in that order; one that occurs
// twice counts twice. args is not kept.
//
// homes says that keys have no place but their home.
//
// The cost grows with the number of keys, not of groups.
func (s *Snapshot) Split(into *Split, scope Scope, homes bool, args [][]byte, step int) {
	into.reset(len(s.Servers))
	for i := 0; i < len(args); i += step {
		p := s.Pick(scope, args[i])
		if p.Rerouted && homes {
			p = s.Home(scope, args[i])
		}
		into.add(p)
	}
	into.order()
}

// Groups is how many places there are. Groups are numbered from 0 in the order
// in which their first keys come.
func (b *Split) Groups() int { return len(b.groups) }

// Keys is how many keys there are.
func (b *Split) Keys() int { return len(b.byKey) }

// Place is the place of group g.
func (b *Split) Place(g int) Place { return b.groups[g].place }

// KeysOf is the numbers of the keys in group g, ascending. Not to be modified.
func (b *Split) KeysOf(g int) []int32 {
	begin := int32(0)
	if g > 0 {
		begin = b.groups[g-1].end
	}
	return b.ordered[begin:b.groups[g].end]
}

// GroupOf is the group of key number i. Going through the keys in order and
// taking each time the next reply of the key's group puts replies in order.
func (b *Split) GroupOf(i int) int { return int(b.byKey[i]) }

func (b *Split) reset(servers int) {
	for _, g := range b.groups {
		if int(g.place.Server) < len(b.heads) {
			b.heads[g.place.Server] = 0
		}
	}
	if len(b.heads) < servers {
		b.heads = make([]int32, servers)
	}
	b.groups, b.byKey = b.groups[:0], b.byKey[:0]
}

// add counts a key for its group.
func (b *Split) add(p Place) {
	g := b.heads[p.Server]
	for g != 0 && b.groups[g-1].place != p {
		g = b.groups[g-1].next
	}
	if g == 0 {
		b.groups = append(b.groups, group{place: p, next: b.heads[p.Server]})
		g = int32(len(b.groups))
		b.heads[p.Server] = g
	}
	b.groups[g-1].end++
	b.byKey = append(b.byKey, g-1)
}

// order fills ordered, turning each group's count of keys into its end.
func (b *Split) order() {
	if cap(b.ordered) < len(b.byKey) {
		b.ordered = make([]int32, len(b.byKey), cap(b.byKey))
	}
	b.ordered = b.ordered[:len(b.byKey)]
	begin := int32(0)
	for i := range b.groups {
		g := &b.groups[i]
		count := g.end
		g.end = begin
		begin += count
	}
	for key, g := range b.byKey {
		end := &b.groups[g].end
		b.ordered[*end] = int32(key)
		*end++
	}
}
