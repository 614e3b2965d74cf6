package integration

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ringmain/app"
	"ringmain/config"
	"ringmain/internal/redistest"
	"ringmain/router"
)

// The files that are imported. $1, $2, … are servers as twemproxy writes their
// addresses, $DIR is a folder for sockets, and $PORT is the port of the last pool.
var importedFiles = map[string]string{
	"defaults, aliases, weights and tags": `
plain:
  listen: $DIR/plain.sock 0666
  redis: true
  servers:
    - $1:1
    - $2:1
    - $3:1
    - $4:1
    - $5:1
named:
  listen: $DIR/named.sock
  redis: true
  hash: murmur
  hash_tag: "{}"
  distribution: ketama
  timeout: 400
  auto_eject_hosts: false
  servers:
    - $5:3 a
    - $4:1 b
    - $3:1 c
    - $2:7 d
modula.1:
  listen: 127.0.0.1:$PORT
  redis: true
  hash: crc16
  hash_tag: "$$"
  distribution: modula
  preconnect: true
  servers:
    - $3:2
    - $1:1 x
    - $2:5
`,
	"sockets, the port of memcached, and names": `
sockets:
  listen: $DIR/sockets.sock
  redis: true
  servers:
    - $U1:1
    - $U2:1
    - $U3:2 alias
    - $U4:1
memcached:
  listen: $DIR/memcached.sock
  redis: true
  hash: jenkins
  servers:
    - $M1:1
    - $M2:1
    - $1:1
    - $2:2
mixed:
  listen: 127.0.0.1:$PORT
  redis: true
  hash: one_at_a_time
  distribution: modula
  servers:
    - $U1:1
    - $L1:2
    - $L2:1 two
    - $M1:3
`,
	"one server, large weights, and 25 servers": `
one:
  listen: $DIR/one.sock
  redis: true
  hash_tag: "{}"
  servers:
    - $1:1
heavy:
  listen: $DIR/heavy.sock
  redis: true
  hash: hsieh
  servers:
    - $1:100000
    - $2:1
    - $3:33333 c
many:
  listen: 127.0.0.1:$PORT
  redis: true
  hash: fnv1_32
  servers:
    - $1:1
    - $2:1
    - $3:1
    - $4:1
    - $5:1
    - $6:1
    - $7:1
    - $8:1
    - $9:1
    - $10:1
    - $11:1
    - $12:1
    - $13:1
    - $14:1
    - $15:1
    - $16:1
    - $17:1
    - $18:1
    - $19:1
    - $20:1
    - $21:1
    - $22:1
    - $23:1
    - $24:1
    - $25:1
`,
}

// placeholders are telling servers for the files, and their numbers by the address
// that an imported configuration has for them.
func placeholders(t *testing.T) (replace []string, numbers map[string]int) {
	t.Helper()
	numbers = map[string]int{}
	add := func(placeholder, written, address string) {
		replace = append(replace, placeholder, written)
		numbers[address] = len(numbers)
	}
	sockets := t.TempDir()
	for i := 1; i <= 4; i++ {
		path := filepath.Join(sockets, fmt.Sprintf("%d.sock", i))
		tellingServer(t, path, len(numbers))
		add(fmt.Sprintf("$U%d", i), path, "unix:"+path)
	}
	for i := 1; i <= 2; i++ {
		address := fmt.Sprintf("127.11.21.%d:11211", i)
		tellingServer(t, address, len(numbers))
		add(fmt.Sprintf("$M%d", i), address, address)
		_, port, err := net.SplitHostPort(tellingServer(t, "127.0.0.1:0", len(numbers)))
		if err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprintf("$L%d", i), "localhost:"+port, "localhost:"+port)
	}
	for i := 25; i >= 1; i-- { // $12 before $1
		address := tellingServer(t, "127.0.0.1:0", len(numbers))
		add(fmt.Sprintf("$%d", i), address, address)
	}
	return replace, numbers
}

// nutcrackerOf runs twemproxy with a file, and returns its path.
func nutcrackerOf(t *testing.T, text string, replace []string) string {
	t.Helper()
	p, err := redistest.TwemproxyOf(redistest.TwemproxyPool{Name: "unused", Servers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	arguments := p.Args
	var file string
	p.Args = func(port int, dir string) ([]string, error) {
		args, err := arguments(port, dir)
		file = filepath.Join(dir, "imported.yml")
		text := strings.NewReplacer(append([]string{"$DIR", dir, "$PORT", strconv.Itoa(port)}, replace...)...).Replace(text)
		for i := range args {
			if args[i] == "-c" {
				args[i+1] = file
			}
		}
		if err != nil {
			return nil, err
		}
		return args, os.WriteFile(file, []byte(text), 0o600)
	}
	redistest.StartProgram(t, p)
	return file
}

func TestAnImportedConfigurationPlacesKeysAsTheRunningTwemproxyDoes(t *testing.T) {
	keys := placementKeys(1000)
	batches := batchesOf(keys)
	replace, numbers := placeholders(t)
	listeners := 0
	for name, text := range importedFiles {
		imported, err := config.LoadNutcracker(nutcrackerOf(t, text, replace))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		pools, routes := app.Placement(imported.Config)
		snapshot, err := router.New(1, pools, routes)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, l := range imported.Config.Listeners {
			if err := compareImported(l, snapshot, numbers, batches); err != nil {
				t.Errorf("%s, pool %s: %v", name, l.Pool, err)
			}
			listeners++
		}
	}
	t.Logf("%d pools of %d files, %d keys each", listeners, len(importedFiles), len(keys))
}

// compareImported asks the twemproxy that has the listener's address where the
// keys are.
func compareImported(l config.Listener, snapshot *router.Snapshot, numbers map[string]int, batches []keyBatch) error {
	scope, ok := snapshot.ScopeOf(l.Pool)
	if !ok {
		return errors.New("there is no such pool")
	}
	return comparePlaces(l.Address, batches, func(key []byte) int {
		return numbers[snapshot.Servers[snapshot.Pick(scope, key).Server].Address]
	})
}

func TestACacheIsFoundWhereTwemproxyLeftIt(t *testing.T) {
	const password = `p: "${HOME}" #\`
	for name, test := range map[string]struct {
		password, settings string
		database           int
	}{
		"a database": {"", "redis_db: 5", 5},
		// twemproxy selects the database before it has authenticated, which fails.
		"a database and a password": {password, "redis_db: 5\n  redis_auth: '" + password + "'", 0},
		"a password and a tag":      {password, "hash_tag: \"{}\"\n  redis_auth: '" + password + "'", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var options []string
			if test.password != "" {
				options = []string{"requirepass", test.password}
			}
			text := "cache:\n  listen: 127.0.0.1:$PORT\n  redis: true\n  " + test.settings + "\n  servers:\n"
			for i, s := range startRedis(t, 3, options...) {
				text += fmt.Sprintf("    - %s:%d\n", s.Addr(), i+1)
			}
			imported, err := config.LoadNutcracker(nutcrackerOf(t, text, nil))
			if err != nil {
				t.Fatal(err)
			}
			if got := imported.Config.Pools["cache"].Database; got != test.database {
				t.Errorf("database %d, want %d", got, test.database)
			}
			imported.Config.Admin.Address = "" // several run on one machine
			moveCache(t, imported.Config, test.password)
		})
	}
}

// moveCache writes through the running twemproxy and reads through Ringmain.
func moveCache(t *testing.T, cfg *config.Config, password string) {
	t.Helper()
	old, err := redistest.Dial(cfg.Listeners[0].Address, gross)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if password != "" {
		ask(t, old, "OK", "AUTH", password)
	}
	values := map[string]string{} // a key may be drawn twice
	for i, key := range placementKeys(300) {
		values[string(key)] = strconv.Itoa(i)
		ask(t, old, "OK", "SET", string(key), strconv.Itoa(i))
	}
	cfg.Listeners[0].Address = "127.0.0.1:0" // twemproxy still has the other one
	moved, err := redistest.Dial(serve(t, cfg).addr, gross)
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	for key, value := range values {
		ask(t, moved, value, "GET", key)
	}
}

// ask sends one command and wants one reply.
func ask(t *testing.T, c *redistest.Conn, want string, args ...string) {
	t.Helper()
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Receive(); err != nil || got != want {
		t.Fatalf("%.60q: got %v, %v, want %s", args, got, err, want)
	}
}
