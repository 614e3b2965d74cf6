// Package users knows whom clients can be: names, passwords and what each may do. It
// is read-only once made; any goroutine may use it.
package users

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"

	"ringmain/command"
	"ringmain/proxy/tenant"
)

// Default is the name of the user that a client is taken to mean who names none.
const Default = "default"

// User is one of those whom clients can be. It is not changed once made.
type User struct {
	Name string
	// Access is the most that the user may do.
	Access command.Access
	// KeyPrefix is what the user's keys and channels begin with on the servers, and
	// what the user does not see of them. Empty: all keys are the user's.
	KeyPrefix string
	// Tenant puts the KeyPrefix before keys; nil if there is none. It is the same for
	// all users with that KeyPrefix. Add sets it.
	Tenant *tenant.Tenant

	digest digest
}

// digest is what is kept of a password.
type digest [sha256.Size]byte

// Set is all users. None of their passwords is kept.
type Set struct {
	key     [sha256.Size]byte // random, so that digests tell nothing outside this process
	byName  map[string]*User
	tenants map[string]*tenant.Tenant // by their prefixes
	nobody  User                      // has the password that nobody knows
}

// New makes an empty Set.
func New() *Set {
	s := &Set{byName: map[string]*User{}, tenants: map[string]*tenant.Tenant{}}
	_, _ = rand.Read(s.key[:]) // never fails
	_, _ = rand.Read(s.nobody.digest[:])
	return s
}

// Add adds a user, whose name is not there yet. It is called before the Set is used.
func (s *Set) Add(u User, password string) {
	u.digest = s.digest([]byte(password))
	if u.KeyPrefix != "" {
		if s.tenants[u.KeyPrefix] == nil {
			s.tenants[u.KeyPrefix] = tenant.New(u.KeyPrefix)
		}
		u.Tenant = s.tenants[u.KeyPrefix]
	}
	s.byName[u.Name] = &u
}

// Knows reports whether there is a user of that name. A nil Set is of no users: clients
// are the default one, then.
func (s *Set) Knows(name string) bool {
	if s == nil {
		return name == Default
	}
	return s.byName[name] != nil
}

// Authenticate gives the user of that name and password; nil if there is none. It
// takes as long for a name that is not known as for a password that is wrong.
func (s *Set) Authenticate(name, password []byte) *User {
	given := s.digest(password)
	u, known := s.byName[string(name)]
	if !known {
		u = &s.nobody
	}
	if subtle.ConstantTimeCompare(u.digest[:], given[:]) != 1 || !known {
		return nil
	}
	return u
}

func (s *Set) digest(password []byte) (d digest) {
	mac := hmac.New(sha256.New, s.key[:])
	_, _ = mac.Write(password) // never fails
	mac.Sum(d[:0])
	return d
}
