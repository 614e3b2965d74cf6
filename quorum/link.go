package quorum

// Link carries requests to a Set's servers, which it knows by their index. It is used on
// the Set's loop only.
//
// It tells the Set of what it meets by Set.Connected and Set.Changed.
type Link interface {
	// Send sends a whole request, whose bytes are copied. Exactly once, perhaps before Send
	// returns, and within the set's node_timeout, to gets the reply or is told that there is
	// none.
	Send(server int, request []byte, to Receiver)
	// Expect has requests reach the process of a run id only, and no other one that may have
	// taken its place; "": any process.
	Expect(server int, runID string)
	// Down is why requests to a server fail at once, a clause such as "is unreachable"; "": they
	// are sent.
	Down(server int) string
}

// Receiver takes the outcome of a request.
type Receiver interface {
	// Replied hands over the whole reply, an error perhaps. The bytes are valid during the
	// call only.
	Replied(reply []byte)
	// Failed tells that there is no reply. sent: the server may execute the request all the
	// same. reason is a clause without the server's name.
	Failed(sent bool, reason string)
}
