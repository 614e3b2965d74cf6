package topology

import "encoding/json"

// MarkerKey is the key, in a server's refuge, of what says to a process that starts whom it
// may trust.
const MarkerKey = "__ringmain:marker"

// maxMarker bounds what is read of one.
const maxMarker = 1 << 20

// marker is the value of MarkerKey.
type marker struct {
	Pool        string `json:"pool"`
	Epoch       uint64 `json:"epoch"`
	Incarnation string `json:"incarnation"`
	// RunID is of the process that it was written to: it says nothing of another one.
	RunID string `json:"run_id"`
	// Servers are all that have been in use: see Controller.member.
	Servers []string `json:"servers"`
}

// unknownMarker is what a server's marker is taken to be while one is being written.
const unknownMarker = "?"

func (m *marker) encode() string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(b)
}

// readMarker reports false for what is no marker of the pool, or not written as encode does:
// what a later version says is not understood.
func readMarker(text, pool string) (m marker, ok bool) {
	if text == "" || len(text) > maxMarker || json.Unmarshal([]byte(text), &m) != nil || m.encode() != text {
		return marker{}, false
	}
	return m, m.Pool == pool && m.Epoch > 0
}

// viewName is what markers of one view have in common.
type viewName struct {
	epoch       uint64
	incarnation string
}

// sighting is what a starting process sees of a server.
type sighting struct {
	runID  string
	marker marker
	marked bool // with a marker of this pool
	data   bool // it has keys besides that
	refuge bool // and of those some in the refuge
}

// valid reports whether the marker was written to the process that has it.
func (g *sighting) valid() bool { return g.marked && g.marker.RunID == g.runID }

// lastView is the newest that a quorum of servers has a valid marker of. A single server may
// have a newer one, which a late message of a dead process has left.
func lastView(seen []*sighting, quorum int) (last marker, ok bool) {
	holders := map[viewName]int{}
	for _, g := range seen {
		if g == nil || !g.valid() {
			continue
		}
		name := viewName{g.marker.Epoch, g.marker.Incarnation}
		if holders[name]++; holders[name] >= quorum && (!ok || g.marker.Epoch > last.Epoch) {
			last, ok = g.marker, true
		}
	}
	return last, ok
}

// knownFrom gives those that any marker says have been in use.
func knownFrom(seen []*sighting) map[string]bool {
	names := map[string]bool{}
	for _, g := range seen {
		if g != nil && g.marked {
			for _, name := range g.marker.Servers {
				names[name] = true
			}
		}
	}
	return names
}
