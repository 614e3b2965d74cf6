// Package simredis is a model of a Redis server, for tests: a factory of
// ioloop handlers that read commands and write replies as Redis 7.0 does. Host
// runs it on a loop of the simulated network.
//
// It has strings, lists, numbered databases, transactions, blocking, publish and
// subscribe, tracking, and scripts of one call, or whose effect it is taught; a test
// holds its replies against those of a real server. Keys expire only as they are looked
// at, by a wall clock that can be set.
//
// It keeps its data over connections and, by Snapshot and Restart, over its own
// death. What the network or a paused host still holds of a connection is
// executed when the loop gets to it, unless CLIENT KILL came first.
package simredis

import (
	"fmt"
	"math/rand/v2"
	"time"

	"ringmain/ioloop"
)

const (
	databases = 16
	version   = "7.0.15"
)

// Options are a server's settings.
type Options struct {
	// Password is required of clients by AUTH or HELLO; empty: none.
	Password string
	// Seed determines the run ids.
	Seed uint64
}

// Server is one model server. It is used on its loop only, or while that does
// not run.
type Server struct {
	// OnExecute, if set, is called before each command that is about to be
	// executed. args is valid during the call only. It may kill the server: the
	// command is then not executed. Commands of a transaction or a script are
	// announced, too, each as its turn comes.
	OnExecute func(clientID int64, args [][]byte)
	// AfterExecute, if set, is called when the command is executed and its reply
	// not yet sent; for a transaction or a script as a whole.
	AfterExecute func(clientID int64, args [][]byte)

	loop     ioloop.Loop
	options  Options
	rng      *rand.Rand
	clock    time.Duration // how far the wall clock is off the loop's
	loadedAt time.Time     // until then the data is being loaded
	dbs      [databases]database
	clients  []*client // by id
	nextID   int64
	runID    string
	started  time.Time
	executed map[string]int
	ready    []place // lists that came to be since blocked clients were served
	waiting  []*client
	scripts  map[string]string // bodies by their SHA1
	effects  map[string]Effect // of bodies that the model cannot read
	changes  []change          // that clients in BCAST mode are yet to be told
}

// New makes an empty server on a loop. Accept makes its handlers.
func New(loop ioloop.Loop, options Options) *Server {
	s := &Server{loop: loop, options: options, rng: rand.New(rand.NewPCG(options.Seed, 6379)), executed: map[string]int{}}
	s.Restart(Snapshot{})
	return s
}

// Accept is the handler of a new connection.
func (s *Server) Accept() ioloop.Handler { return &client{s: s, proto: 2} }

// RunID is the id of the present incarnation, 40 hexadecimal digits.
func (s *Server) RunID() string { return s.runID }

// Executed is how often a command, in lower case, has been executed since the
// server was made, over all its incarnations.
func (s *Server) Executed(command string) int { return s.executed[command] }

// Snapshot is the data of a server at some time. The zero one is empty.
type Snapshot struct{ dbs [databases]database }

// Snapshot copies the data.
func (s *Server) Snapshot() Snapshot { return Snapshot{copyAll(s.dbs)} }

// Restart begins a new incarnation with the data of a snapshot: a new run id,
// client ids from 1, and all clients of the old one forgotten without a word.
func (s *Server) Restart(from Snapshot) {
	s.forgetClients()
	s.dbs = copyAll(from.dbs)
	s.nextID = 0
	s.scripts = map[string]string{}
	s.started, s.loadedAt = s.loop.Now(), time.Time{}
	s.runID = fmt.Sprintf("%016x%016x%08x", s.rng.Uint64(), s.rng.Uint64(), s.rng.Uint32())
}

// Load has the server, from now on for a time, answer LOADING to all that needs
// its data, as one that reads its dump after a restart does.
func (s *Server) Load(d time.Duration) { s.loadedAt = s.loop.Now().Add(d) }

// StepClock sets the server's wall clock, by which keys expire, ahead by d, or back
// if that is negative.
func (s *Server) StepClock(d time.Duration) { s.clock += d }

// now is the server's wall clock.
func (s *Server) now() time.Time { return s.loop.Now().Add(s.clock) }

// forgetClients has nothing more executed for the clients there are.
func (s *Server) forgetClients() {
	for _, c := range s.clients {
		c.gone = true
		c.stopWaiting()
	}
	s.clients, s.ready, s.changes = nil, nil, nil
}

// Get is the string at a key, for checkers. It reports false if there is none.
func (s *Server) Get(db int, key string) (string, bool) {
	v := s.lookup(place{db, key})
	if v == nil || v.isList {
		return "", false
	}
	return string(v.text), true
}

// Set puts a string at a key past the protocol, for tests.
func (s *Server) Set(db int, key, text string) {
	s.database(db)[key] = &value{text: []byte(text)}
	s.changed(nil, place{db, key})
}

// Len is how many keys a database holds that have not expired.
func (s *Server) Len(db int) int { return s.dbs[db].len(s.now()) }

// Blocked is how many clients wait in a blocking command.
func (s *Server) Blocked() int { return len(s.waiting) }

func (s *Server) database(i int) database {
	if s.dbs[i] == nil {
		s.dbs[i] = database{}
	}
	return s.dbs[i]
}
