package backend

import "sync"

// maxTroubles bounds what is remembered: a server words its refusals as it likes.
const maxTroubles = 16

// trouble keeps the log from repeating, for every loop, connection and attempt,
// why a server cannot be used. Any goroutine may use it.
type trouble struct {
	mu   sync.Mutex
	said map[string]bool
}

// first reports whether what is yet to be said, and takes it as said.
func (t *trouble) first(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said[what] || len(t.said) >= maxTroubles {
		return false
	}
	if t.said == nil {
		t.said = map[string]bool{}
	}
	t.said[what] = true
	return true
}

// over forgets all, and reports whether there was anything.
func (t *trouble) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := len(t.said) > 0
	t.said = nil
	return was
}
