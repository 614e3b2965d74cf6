package metric

// Cut is why a client's connection was ended by the proxy.
type Cut uint8

// The reasons for a Cut.
const (
	CutStall     Cut = iota // it took none of its output for too long
	CutOutput               // too much output waited for it
	CutMemory               // memory was short, and the most was held for it
	CutLostReply            // a server was lost in the middle of its reply
	CutProtocol             // what it sent is no request
	CutHTTP                 // it speaks HTTP or TLS
	CutIdle                 // it sent nothing for too long
	CutStranger             // it did not authenticate in time, or sent too much before
	CutKilled               // another client ended it
	CutTracking             // keys cannot be tracked for it any more
	Cuts         int = iota // how many there are
)

var cutNames = [Cuts]string{"stall", "output", "memory", "lost_reply", "protocol", "http", "idle", "unauthenticated", "killed", "tracking"}

// String is the reason as a label's value.
func (c Cut) String() string { return cutNames[c] }

// Refusal is why a client was not let in.
type Refusal uint8

// The reasons for a Refusal.
const (
	RefusedMaxClients Refusal = iota // limits.clients are connected
	RefusedTLS                       // it did not get past the TLS handshake
	Refusals          int     = iota // how many there are
)

var refusalNames = [Refusals]string{"max_clients", "tls"}

// String is the reason as a label's value.
func (r Refusal) String() string { return refusalNames[r] }

// Result is how a command was answered.
type Result uint8

// The results of a command.
const (
	ResultOK          Result = iota // a reply that is no error
	ResultError                     // an error of the server's, or of the proxy as Redis would give it
	ResultClusterDown               // CLUSTERDOWN: nothing was executed
	ResultUncertain                 // UNCERTAIN: it may have been executed
	ResultRefused                   // a command that the proxy does not forward
	Results           int    = iota // how many there are
)

var resultNames = [Results]string{"ok", "error", "clusterdown", "uncertain", "refused"}

// String is the result as a label's value.
func (r Result) String() string { return resultNames[r] }

// ServerError is what can go wrong between the proxy and a server.
type ServerError uint8

// The kinds of a ServerError.
const (
	ErrorConnect   ServerError = iota // it could not be dialled
	ErrorLost                         // a connection was lost
	ErrorDeadline                     // a request was not answered in time
	ErrorHandshake                    // it was reached, but a connection could not be set up
	ErrorProtocol                     // what it sent is no reply, or one that nobody asked for
	ServerErrors   int         = iota // how many there are
)

var serverErrorNames = [ServerErrors]string{"connect", "lost", "deadline", "handshake", "protocol"}

// String is the kind as a label's value.
func (e ServerError) String() string { return serverErrorNames[e] }

// Clients is what a loop counts of all its clients.
type Clients struct {
	Cut [Cuts]uint64
	// Received and Sent are bytes.
	Received, Sent uint64
	// AuthFailures are wrong passwords, and names of no user.
	AuthFailures uint64
}

// Add counts what o has counted.
func (c *Clients) Add(o *Clients) {
	addEach(c.Cut[:], o.Cut[:])
	c.Received += o.Received
	c.Sent += o.Sent
	c.AuthFailures += o.AuthFailures
}

// Commands is what a loop counts of the commands of one family.
type Commands struct {
	Results [Results]uint64
	// Duration is from the request's arrival to its whole reply's being in the
	// client's output, the server's time included.
	Duration Histogram
}

// Add counts what o has counted.
func (c *Commands) Add(o *Commands) {
	addEach(c.Results[:], o.Results[:])
	c.Duration.Add(&o.Duration)
}

// Server is what a loop counts of one server.
type Server struct {
	Errors [ServerErrors]uint64
	// Reconnects are the connections set up in place of lost ones.
	Reconnects uint64
	// Received and Sent are bytes.
	Received, Sent uint64
	// Duration is from a request's being sent to its whole reply's having come.
	Duration Histogram
}

// Add counts what o has counted.
func (s *Server) Add(o *Server) {
	addEach(s.Errors[:], o.Errors[:])
	s.Reconnects += o.Reconnects
	s.Received += o.Received
	s.Sent += o.Sent
	s.Duration.Add(&o.Duration)
}

func addEach(sum, more []uint64) {
	for i, n := range more {
		sum[i] += n
	}
}
