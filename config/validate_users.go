package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxUsers     = 1000
	maxUserName  = 64
	maxKeyPrefix = 256
)

func (v *validator) users(c *Config) {
	if len(c.Users) > maxUsers {
		v.fault("users", "must be at most %d, are %d", maxUsers, len(c.Users))
		return
	}
	names := map[string]int{}
	for i := range c.Users {
		u, path := &c.Users[i], fmt.Sprintf("users[%d]", i)
		v.userName(path+".name", u.Name)
		if first, twice := names[u.Name]; twice && u.Name != "" {
			v.fault(path+".name", "%q is the name of users[%d] too", clip(u.Name), first)
		} else {
			names[u.Name] = i
		}
		switch given := u.source().given(); {
		case given == 0:
			v.fault(path, "must have password_file, password_env or password")
		case given > 1:
			v.fault(path, "password, password_file and password_env exclude each other")
		}
		if Size(len(u.Password.Reveal())) > maxSecret {
			v.fault(path+".password", "must be at most %v", maxSecret)
		}
		v.oneOf(path+".access", u.Access, "read", "write", "admin")
		v.keyPrefix(path+".key_prefix", u.KeyPrefix, c.Pools)
	}
	v.tenants(c.Users)
}

func (v *validator) userName(path, name string) {
	if name == "" || len(name) > maxUserName || strings.ContainsFunc(name, notVisible) {
		v.fault(path, "must be 1 to %d visible ASCII characters, is %q", maxUserName, clip(name))
	}
}

// keyPrefix checks that no key with the prefix is the proxy's own and no such channel
// Redis's (__keyspace@0__:…), and that it leaves the hash tags of the keys behind it
// as they are, or has one itself.
func (v *validator) keyPrefix(path, prefix string, pools map[string]*Pool) {
	switch {
	case prefix == "":
		return
	case len(prefix) > maxKeyPrefix || strings.ContainsFunc(prefix, notVisible):
		v.fault(path, "must be at most %d visible ASCII characters, is %q", maxKeyPrefix, clip(prefix))
	case prefix == "_" || strings.HasPrefix(prefix, "__"):
		v.fault(path, "keys and channels that begin with __ are those of Redis and of the proxy")
	}
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		if p := pools[name]; p != nil && len(p.HashTag) == 2 && !wholeTag(prefix, p.HashTag) {
			v.fault(path, "%q has no %q for its first %q, or nothing between them: keys behind it would lose their hash tags (pool %s)",
				clip(prefix), p.HashTag[1:], p.HashTag[:1], clip(name))
			return
		}
	}
}

// wholeTag reports whether a prefix has a whole hash tag, or none.
func wholeTag(prefix, tag string) bool {
	_, behind, opened := strings.Cut(prefix, tag[:1])
	return !opened || strings.Index(behind, tag[1:]) > 0
}

// tenants finds prefixes of which one is the beginning of another, so that one user
// would see another's keys.
func (v *validator) tenants(users []User) {
	order := make([]int, 0, len(users))
	for i := range users {
		if users[i].KeyPrefix != "" {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(users[a].KeyPrefix, users[b].KeyPrefix) })
	// What begins with a text follows it without a gap.
	var outer []int
	for _, i := range order {
		prefix := users[i].KeyPrefix
		for len(outer) > 0 && !strings.HasPrefix(prefix, users[outer[len(outer)-1]].KeyPrefix) {
			outer = outer[:len(outer)-1]
		}
		if n := len(outer); n > 0 && users[outer[n-1]].KeyPrefix != prefix {
			o := outer[n-1]
			v.fault(fmt.Sprintf("users[%d].key_prefix", i), "%q begins with that of users[%d], %q, who would see its keys",
				clip(prefix), o, clip(users[o].KeyPrefix))
			continue
		}
		outer = append(outer, i)
	}
}

func (v *validator) userWarnings(c *Config, d *decoder) {
	for i := range c.Users {
		u, path := &c.Users[i], fmt.Sprintf("users[%d]", i)
		v.passwordWarning(path+".password", u.Password, d)
		for n, r := range c.Routes {
			if u.KeyPrefix != "" && len(r.Prefix) > len(u.KeyPrefix) && strings.HasPrefix(r.Prefix, u.KeyPrefix) {
				v.fault(path+".key_prefix", "routes[%d] sends some of its keys to another pool: this user's SCAN and KEYS do not see those", n)
			}
		}
	}
}
