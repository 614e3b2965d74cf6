package admin

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Operator does what the people who run the program ask for. Any goroutine may call
// its methods.
//
// Their errors say what is wrong in one line. NotFound and Refused make those after which
// nothing has changed; after any other it is not known how much was done. When ctx ends,
// only the waiting does.
type Operator interface {
	// Pools are the pools as they are now, in order of their names. They are not changed
	// any more.
	Pools() []PoolState
	// Drain takes a server out as planned. It returns once no key lives there any more.
	Drain(ctx context.Context, pool, node string) error
	// Undrain takes a drained server back. It returns once its keys live there again.
	Undrain(ctx context.Context, pool, node string) error
	// Adopt takes on servers that hold data of which it is not known whose it is: as it
	// is or, with empty, none of it. It returns once the pool is served.
	Adopt(ctx context.Context, pool string, empty bool) error
}

// PoolState is how a pool is.
type PoolState struct {
	Name       string `json:"name"`
	OnNodeDown string `json:"on_node_down"`
	// Trouble is why it does not do what it should, and what to run; empty: it does.
	Trouble string        `json:"trouble,omitempty"`
	Servers []ServerState `json:"servers"`
}

// ServerState is how a server is, for people: State is a word, such as up or down.
type ServerState struct {
	Node  string    `json:"node"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
	// Reason is why it came to that; empty for one that was never anything else.
	Reason string `json:"reason,omitempty"`
	// Falls is how often it has fallen since the program was started.
	Falls int `json:"falls"`
}

// problem is an error of an Operator that has a status of its own.
type problem struct {
	status int
	text   string
}

// Error implements error.
func (p *problem) Error() string { return p.text }

// NotFound is an error that names a pool or a server that there is none of.
func NotFound(format string, args ...any) error {
	return &problem{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

// Refused is an error that says why something cannot be done as things are.
func Refused(format string, args ...any) error {
	return &problem{http.StatusConflict, fmt.Sprintf(format, args...)}
}
