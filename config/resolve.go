package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	// defaultMaxLoops bounds the loops that nobody asked for: each has its own
	// connection to every server.
	defaultMaxLoops = 4
	// defaultMaxMemory bounds the memory that nobody asked for.
	defaultMaxMemory = GiB
	// maxSecret is the largest password that a Redis server reads from a
	// client that it does not know yet.
	maxSecret = 16 * KiB
)

// resolve replaces the values that stand for others, and notes what it lowers.
func (c *Config) resolve(root fs.FS) {
	if c.Loops == 0 {
		c.Loops = min(runtime.GOMAXPROCS(0), defaultMaxLoops)
	}
	limit, limited := memoryLimit(root)
	l := &c.Limits
	switch {
	case l.Memory == 0 && limited:
		l.Memory = min(limit/2, defaultMaxMemory)
	case l.Memory == 0:
		l.Memory = defaultMaxMemory
	case limited && l.Memory > limit:
		c.note("limits.memory is %v, but the cgroup allows the process only %v", l.Memory, limit)
	}
	c.lower("limits.client_output", &l.ClientOutput)
	c.lower("limits.node_queue", &l.NodeQueue)
	for _, p := range c.Pools {
		for i := range p.Nodes {
			n := &p.Nodes[i]
			n.Name = n.name()
		}
	}
	c.noteUnmatched()
}

// noteUnmatched notes which users' keys are neither locks nor counters because all of them have a
// prefix that no pattern has.
func (c *Config) noteUnmatched() {
	for _, kind := range []string{"lock", "counter"} {
		patterns := slices.DeleteFunc(c.Patterns(), func(p Pattern) bool { return p.Kind != kind })
		for i, u := range c.Users {
			matches := func(p Pattern) bool { return mayBegin(p.Keys, u.KeyPrefix) }
			if u.KeyPrefix != "" && len(patterns) > 0 && !slices.ContainsFunc(patterns, matches) {
				c.note("no pattern of %[1]ss matches keys that begin with %[2]q, as all keys of users[%[3]d] do: none of them is a %[1]s", kind, u.KeyPrefix, i)
			}
		}
	}
}

// mayBegin reports whether keys with a prefix may match a pattern. It looks at what stands before the
// pattern's first special character.
func mayBegin(pattern, prefix string) bool {
	literal := pattern
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		literal = pattern[:i]
		return strings.HasPrefix(literal, prefix) || strings.HasPrefix(prefix, literal)
	}
	return strings.HasPrefix(literal, prefix)
}

// lower keeps one buffer from taking more than a quarter of the memory.
func (c *Config) lower(path string, v *Size) {
	if most := c.Limits.Memory / 4; *v > most {
		c.note("%s is lowered from %v to %v, a quarter of limits.memory (%v)", path, *v, most, c.Limits.Memory)
		*v = most
	}
}

func (c *Config) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// readSecrets fetches the passwords from where the file says they are.
func (c *Config) readSecrets() Faults {
	v := &validator{}
	v.readToken(&c.Admin)
	for name, p := range c.Pools {
		v.readSecret(join("pools", name)+".auth", p.Auth.source())
		v.readSecret(join("pools", name)+".sentinel.auth", p.Sentinel.Auth.source())
	}
	for name, q := range c.Quorums {
		v.readSecret(join("quorums", name)+".auth", q.Auth.source())
	}
	for i := range c.Users {
		v.readSecret(fmt.Sprintf("users[%d]", i), c.Users[i].source())
	}
	return v.faults
}

// ReadToken makes the token of what LoadAdmin has returned the token itself. The error is
// Faults.
func (a *Admin) ReadToken() error {
	v := &validator{}
	v.readToken(a)
	return v.faults.orNil()
}

func (v *validator) readToken(a *Admin) {
	v.readSecret("admin", a.source())
	if token := a.Token.Reveal(); strings.ContainsFunc(token, notVisible) {
		v.fault("admin", "the token must be visible ASCII characters without blanks")
	}
}

func (v *validator) readSecret(path string, s source) {
	if s.given() != 1 {
		return
	}
	if key, err := s.read(); err != nil {
		v.fault(path+"."+key, "%v", err)
	}
}

// source is where a password or a token comes from: the fields for it of a structure,
// and what their keys begin with.
type source struct {
	key       string
	secret    *Secret
	file, env *string
}

func (a *Auth) source() source {
	return source{"password", &a.Password, &a.PasswordFile, &a.PasswordEnv}
}
func (u *User) source() source {
	return source{"password", &u.Password, &u.PasswordFile, &u.PasswordEnv}
}
func (a *Admin) source() source { return source{"token", &a.Token, &a.TokenFile, &a.TokenEnv} }

// given is how many places the secret may come from.
func (s source) given() int {
	n := 0
	for _, text := range []string{s.secret.Reveal(), *s.file, *s.env} {
		if text != "" {
			n++
		}
	}
	return n
}

// read makes the secret itself the only source. It returns the key that named the
// one it was read from; the error names the place.
func (s source) read() (key string, err error) {
	switch {
	case *s.file != "":
		text, err := secretFile(*s.file)
		if err != nil {
			return s.key + "_file", err
		}
		*s.secret, *s.file = NewSecret(text), ""
	case *s.env != "":
		text := os.Getenv(*s.env)
		if text == "" {
			return s.key + "_env", fmt.Errorf("environment variable %q is not set, or empty", clip(*s.env))
		}
		if Size(len(text)) > maxSecret {
			return s.key + "_env", fmt.Errorf("environment variable %q is longer than %v", clip(*s.env), maxSecret)
		}
		*s.secret, *s.env = NewSecret(text), ""
	}
	return "", nil
}

// secretFile reads a small regular file, without its final line break.
func secretFile(name string) (string, error) {
	data, err := smallFile(name, maxSecret+2)
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case text == "":
		return "", fmt.Errorf("%q is empty", clip(name))
	case Size(len(text)) > maxSecret:
		return "", fmt.Errorf("%q is longer than %v", clip(name), maxSecret)
	}
	return text, nil
}

// fileError is an error of the file system with the file's name quoted and
// clipped, as messages show all that the file says.
func fileError(name string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%q: %w", clip(name), err)
}

// noCgroupLimit is where numbers begin that version 1 writes for no limit: the
// largest number of whole pages.
const noCgroupLimit = 1 << 60

// CgroupMemory is how much memory the process's cgroup allows it, if there is a
// limit: the smallest of the cgroup and those around it.
func CgroupMemory() (Size, bool) { return memoryLimit(os.DirFS("/")) }

// memoryLimit is the smallest limit of the process's cgroup and those around
// it, of either version.
func memoryLimit(root fs.FS) (Size, bool) {
	data, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	least, found := Size(0), false
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var base, file string
		switch {
		case parts[0] == "0" && parts[1] == "":
			base, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// In a container the path may be the host's, of which only the root
		// can be seen.
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			if v, err := limitIn(root, path.Join(base, dir, file)); err == nil && (!found || v < least) {
				least, found = v, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return least, found
}

var errNoLimit = errors.New("no limit")

func limitIn(root fs.FS, file string) (Size, error) {
	data, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil || v <= 0 || v >= noCgroupLimit {
		return 0, errNoLimit
	}
	return Size(v), nil
}
