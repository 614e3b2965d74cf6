package topology

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ringmain/resp"
)

// homes is the database in which the pool's own keys are.
const homes = 0

// ask is Call for a command whose reply is no error.
func (c *Controller) ask(server, database int, args ...string) ([]byte, error) {
	reply, err := c.world.Call(server, database, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	if text, isError := resp.ErrorText(reply); isError {
		return nil, fmt.Errorf("%s: %s", args[0], text)
	}
	return reply, nil
}

var errReply = errors.New("the reply is not that of a Redis server")

// text is ask for a command whose reply is a string; null is "".
func (c *Controller) text(server, database int, args ...string) (string, error) {
	reply, err := c.ask(server, database, args...)
	if err != nil || resp.IsNull(reply) {
		return "", err
	}
	b, ok := resp.Bulk(reply)
	if !ok {
		return "", fmt.Errorf("%s: %w", args[0], errReply)
	}
	return string(b), nil
}

func (c *Controller) number(server, database int, args ...string) (int64, error) {
	reply, err := c.ask(server, database, args...)
	if err != nil {
		return 0, err
	}
	n, ok := resp.Integer(reply)
	if !ok {
		return 0, fmt.Errorf("%s: %w", args[0], errReply)
	}
	return n, nil
}

// runID is the present one of a server.
func (c *Controller) runID(server int) (string, error) {
	info, err := c.text(server, homes, "INFO", "server")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok && id != "" {
			return id, nil
		}
	}
	return "", fmt.Errorf("INFO: no run_id: %w", errReply)
}

// mark writes the marker of an epoch. An error says that it may be written, or not.
func (c *Controller) mark(server int, epoch uint64) error {
	s := &c.servers[server]
	text := c.markerOf(server, epoch)
	s.marker = unknownMarker
	if _, err := c.ask(server, c.set.Refuge, "SET", MarkerKey, text); err != nil {
		return err
	}
	s.marker = text
	return nil
}

func (c *Controller) markerOf(server int, epoch uint64) string {
	m := marker{Pool: c.set.Pool, Epoch: epoch, Incarnation: c.set.Incarnation, RunID: c.servers[server].runID}
	for i := range c.servers {
		if name := c.member(i); c.known[name] {
			m.Servers = append(m.Servers, name)
		}
	}
	return m.encode()
}

// member is what markers call a server that has been in use: another one that gets its name
// may be anybody's.
func (c *Controller) member(i int) string { return c.set.Nodes[i] + " " + c.set.Addresses[i] }

// markOthers writes the marker of an epoch on all that are up, but not on one.
func (c *Controller) markOthers(except int, epoch uint64) error {
	for i := range c.servers {
		if i == except || c.servers[i].state != up {
			continue
		}
		if err := c.mark(i, epoch); err != nil {
			return fmt.Errorf("node %q: %w", c.servers[i].name, err)
		}
	}
	return nil
}

// empty removes all that a server has.
func (c *Controller) empty(server int) error {
	s := &c.servers[server]
	s.marker = unknownMarker
	if _, err := c.ask(server, homes, "FLUSHALL", "ASYNC"); err != nil {
		return err
	}
	s.marker, s.record = "", nil
	return nil
}

// FlushRefuge is the script that flushes a refuge, whose marker is KEYS[1]. It stays as it
// is, or becomes ARGV[1] if that is not empty: so no process that starts meets a server
// that seems to be anybody's.
const FlushRefuge = `local marker = ARGV[1]
if marker == '' then marker = redis.call('GET', KEYS[1]) end
redis.call('FLUSHDB', 'ASYNC')
if marker then redis.call('SET', KEYS[1], marker) end
return 1`

// emptyRefuge removes what a server holds for others. marker is the new one; "": it stays.
func (c *Controller) emptyRefuge(server int, marker string) error {
	s := &c.servers[server]
	if marker != "" {
		s.marker = unknownMarker
	}
	if _, err := c.number(server, c.set.Refuge, "EVAL", FlushRefuge, "1", MarkerKey, marker); err != nil {
		return err
	}
	if marker != "" {
		s.marker = marker
	}
	return nil
}

// deleted is how many keys are deleted in one request.
const deleted = 1000

// delete removes keys from a server's home, and from the set as far as it has succeeded.
func (c *Controller) delete(server int, keys map[string]struct{}) error {
	for len(keys) > 0 {
		args := append(make([]string, 0, deleted+1), "UNLINK")
		for key := range keys {
			if args = append(args, key); len(args) > deleted {
				break
			}
		}
		if _, err := c.number(server, homes, args...); err != nil {
			return err
		}
		for _, key := range args[1:] {
			delete(keys, key)
		}
	}
	return nil
}

// strangers are the connections of other incarnations: those that this one has not made but
// bear such a name.
func (c *Controller) strangers(server int) (ids []string, err error) {
	list, err := c.text(server, homes, "CLIENT", "LIST")
	if err != nil {
		return nil, err
	}
	own := NamePrefix + c.set.Incarnation
	for line := range strings.Lines(list) {
		id, name := "", ""
		for _, field := range strings.Fields(line) {
			if v, ok := strings.CutPrefix(field, "id="); ok {
				id = v
			} else if v, ok := strings.CutPrefix(field, "name="); ok {
				name = v
			}
		}
		if strings.HasPrefix(name, NamePrefix) && name != own && id != "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// nobody is an id that no connection has.
const nobody = "9223372036854775807"

// clear ends what other incarnations have left on a server, so that nothing of it is
// executed any more.
func (c *Controller) clear(server int) error {
	if c.servers[server].cleared {
		return nil
	}
	// A server that refuses it is found out before anything depends on it.
	if _, err := c.number(server, homes, "CLIENT", "KILL", "ID", nobody); err != nil {
		if !refuses(err) {
			return err
		}
		c.end("node " + strconv.Quote(c.servers[server].name) + " refuses CLIENT KILL, without which a write that the network holds back may be executed late")
		c.servers[server].cleared = true
		return nil
	}
	ids, err := c.strangers(server)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := c.number(server, homes, "CLIENT", "KILL", "ID", id); err != nil {
			return err
		}
	}
	c.servers[server].cleared = true
	return nil
}

// refuses reports whether an error says that the server does not have or permit a command.
func refuses(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, ": noperm") || strings.Contains(text, ": err unknown")
}

// look is what a starting process sees of a server.
func (c *Controller) look(server int) (*sighting, error) {
	g := &sighting{}
	var err error
	if g.runID, err = c.runID(server); err != nil {
		return nil, err
	}
	text, err := c.text(server, c.set.Refuge, "GET", MarkerKey)
	if err != nil {
		return nil, err
	}
	g.marker, g.marked = readMarker(text, c.set.Pool)
	info, err := c.text(server, homes, "INFO", "keyspace")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(info) {
		database, keys, ok := keysIn(line)
		if ok && database == c.set.Refuge {
			if g.marked {
				keys--
			}
			g.refuge = keys > 0
		}
		g.data = g.data || keys > 0
	}
	return g, nil
}

// keysIn reads a line such as db0:keys=1,expires=0.
func keysIn(line string) (database, keys int, ok bool) {
	name, fields, ok := strings.Cut(strings.TrimSpace(line), ":keys=")
	if !ok {
		return 0, 0, false
	}
	count, _, _ := strings.Cut(fields, ",")
	database, err := strconv.Atoi(strings.TrimPrefix(name, "db"))
	keys, err2 := strconv.Atoi(count)
	return database, keys, err == nil && err2 == nil
}
