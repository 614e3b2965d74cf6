package app

import (
	"ringmain/command"
	"ringmain/proxy/users"
)

// users are those whom clients can be; nil if there are none.
func (a *App) users() *users.Set {
	if len(a.cfg.Users) == 0 {
		return nil
	}
	set := users.New()
	for _, u := range a.cfg.Users {
		set.Add(users.User{Name: u.Name, Access: accesses[u.Access], KeyPrefix: u.KeyPrefix}, u.Password.Reveal())
	}
	return set
}

var accesses = map[string]command.Access{"read": command.AccessRead, "write": command.AccessWrite, "admin": command.AccessAdmin}
