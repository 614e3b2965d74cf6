package quorum

import (
	"strconv"
	"strings"
)

// Identity is what a server of a set keeps under IdentityKey: it shows that the server has
// all that it has acknowledged since it got it.
type Identity struct {
	// Set is random for each initialisation of a set, and the same on all its servers. Of a
	// set that initialises itself it is Nodes: its servers have nothing to agree on it by.
	Set string
	// Index is the server's place in the configuration.
	Index int
	// Nodes is a hash of the configured list of servers.
	Nodes string
	// Generation is random, and another one whenever the server has got an identity anew.
	Generation string
}

// String is the identity as it is stored.
func (i Identity) String() string {
	return i.Set + " " + strconv.Itoa(i.Index) + " " + i.Nodes + " " + i.Generation
}

// ParseIdentity reads what String has written.
func ParseIdentity(text string) (i Identity, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) != 4 || parts[0] == "" || parts[2] == "" || parts[3] == "" {
		return Identity{}, false
	}
	index, err := strconv.Atoi(parts[1])
	if err != nil || index < 0 {
		return Identity{}, false
	}
	return Identity{Set: parts[0], Index: index, Nodes: parts[2], Generation: parts[3]}, true
}
