package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"ringmain/internal/redistest"
	"ringmain/router"
)

// placementCase is one pool, which twemproxy and router must place alike.
type placementCase struct {
	distribution, hash, tag string
	// servers are as router has them, or at the path of a socket. Those whose
	// Name is not what twemproxy makes of the Address get it as an alias.
	servers []router.Server
}

func (c placementCase) String() string {
	return fmt.Sprintf("%s, %s, tag %q, %d servers", c.distribution, c.hash, c.tag, len(c.servers))
}

// snapshot is the case as router has it.
func (c placementCase) snapshot() (*router.Snapshot, error) {
	return router.New(1, []router.Pool{{
		Name: "main", HashTag: c.tag, Distribution: c.distribution, Hash: c.hash, Servers: c.servers,
	}}, nil)
}

// pool is the case as twemproxy's configuration has it.
func (c placementCase) pool(name string) redistest.TwemproxyPool {
	p := redistest.TwemproxyPool{Name: name, Distribution: c.distribution, Hash: c.hash}
	for _, s := range c.servers {
		line := fmt.Sprintf("%s:%d", s.Address, s.Weight)
		if s.Name != s.Address && s.Name+":11211" != s.Address && s.Name != s.Address+":" {
			line += " " + s.Name
		}
		p.Servers = append(p.Servers, line)
	}
	if c.tag != "" {
		p.More = []string{"hash_tag", strconv.Quote(c.tag)}
	}
	return p
}

// tellingServers are n servers that answer GET with their own number, from 0, and
// the sum of the key they were asked for. They end with the test.
func tellingServers(t *testing.T, n int) []string {
	t.Helper()
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = tellingServer(t, "127.0.0.1:0", i)
	}
	return addresses
}

// tellingServer is server number n at address, whose port may be 0, or at the path of
// a socket.
func tellingServer(t *testing.T, address string, n int) string {
	t.Helper()
	network := "tcp4"
	if filepath.IsAbs(address) {
		network = "unix"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerWithNumber(c, n) // ends with twemproxy
		}
	}()
	return l.Addr().String()
}

// answerWithNumber serves one connection until it ends.
func answerWithNumber(c net.Conn, n int) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 16<<10)
	var key, out []byte
	for {
		var err error
		if key, err = readGet(r, key[:0]); err != nil {
			return
		}
		out = appendReply(out, n, key)
		if r.Buffered() == 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

// appendReply appends the whole reply of server n to a GET of key.
func appendReply(b []byte, n int, key []byte) []byte {
	return append(appendTold(append(b, '+'), n, key), "\r\n"...)
}

// appendTold appends what server n tells of key.
func appendTold(b []byte, n int, key []byte) []byte {
	return strconv.AppendUint(append(strconv.AppendInt(b, int64(n), 10), ' '), xxhash.Sum64(key), 16)
}

// readGet appends the key of the next request, which must be a GET.
func readGet(r *bufio.Reader, key []byte) ([]byte, error) {
	const start = "*2\r\n$3\r\nGET\r\n$"
	b, err := r.Peek(len(start))
	if err != nil {
		return nil, err
	}
	if !bytes.EqualFold(b, []byte(start)) {
		return nil, fmt.Errorf("not a GET: %q", b)
	}
	_, _ = r.Discard(len(start)) // it is there
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(string(bytes.TrimSuffix(line, []byte("\r\n"))))
	if err != nil {
		return nil, err
	}
	key = slices.Grow(key, n+2)[:n+2]
	_, err = io.ReadFull(r, key)
	return key[:n], err
}

// placementKeys are n keys of all the kinds that hash functions and tags treat
// differently. They are the same each time.
func placementKeys(n int) [][]byte {
	rng := rand.New(rand.NewPCG(11, 11))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	words := []string{"", "user", "ключ", "鍵", "é", "{", "}", "{}", "$", "$$", "x", "\x80", "\xff", "\r\n", "session:42"}
	keys := make([][]byte, n)
	for i := range keys {
		switch k := i % 20; {
		case k < 4:
			keys[i] = fmt.Appendf(nil, "key:%d", rng.Uint32N(1e9))
		case k < 6:
			keys[i] = strconv.AppendInt(nil, int64(i), 10)
		case k < 9:
			keys[i] = random(1 + rng.IntN(40))
		case k < 15:
			for range 2 + rng.IntN(6) {
				keys[i] = append(keys[i], words[rng.IntN(len(words))]...)
			}
			keys[i] = append(keys[i], random(rng.IntN(3))...)
		case k < 16:
			keys[i] = fmt.Appendf(nil, "a%d{}{tag%d}", rng.Uint32(), rng.Uint32N(50))
		case k < 17:
			keys[i] = fmt.Appendf(nil, "a}%d{tag%d}b}", rng.Uint32(), rng.Uint32N(500))
		case k < 18:
			keys[i] = fmt.Appendf(nil, "$%d$é{%d", rng.Uint32N(500), rng.Uint32())
		case i%400 == 19:
			keys[i] = random(1 + rng.IntN(6<<10))
		default:
			keys[i] = random(40 + rng.IntN(200))
		}
		if len(keys[i]) == 0 {
			keys[i] = []byte("x") // the empty one has a test of its own
		}
	}
	return keys
}

// keysAtOnce is how many keys are asked for in one pipeline: twemproxy keeps 16 KiB
// for each request under way.
const keysAtOnce = 2500

// keyBatch is keys with a pipeline of GETs for them.
type keyBatch struct {
	keys [][]byte
	gets []byte
}

func batchesOf(keys [][]byte) []keyBatch {
	var all []keyBatch
	for some := range slices.Chunk(keys, keysAtOnce) {
		all = append(all, keyBatch{some, getsOf(some)})
	}
	return all
}

// getsOf is a pipeline of GETs.
func getsOf(keys [][]byte) []byte {
	var b []byte
	for _, key := range keys {
		b = fmt.Appendf(b, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key)
	}
	return b
}

// comparePlacement runs one twemproxy for all cases and reports every case of
// which a key is placed otherwise by router.
func comparePlacement(t *testing.T, cases []placementCase, batches []keyBatch) {
	t.Helper()
	var pools []redistest.TwemproxyPool
	for i, c := range cases {
		pools = append(pools, c.pool("p"+strconv.Itoa(i)))
	}
	pools = append(pools, placementCase{"modula", "md5", "", cases[0].servers[:1]}.pool("last"))
	program, err := redistest.TwemproxyOf(pools...)
	if err != nil {
		t.Fatal(err)
	}
	server := redistest.StartProgram(t, program)
	defer server.Kill()
	for i, c := range cases {
		if err := compareCase(server.TwemproxySocket(pools[i].Name), c, batches); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// compareCase asks twemproxy at address where the keys are.
func compareCase(address string, c placementCase, batches []keyBatch) error {
	snapshot, err := c.snapshot()
	if err != nil {
		return err
	}
	return comparePlaces(address, batches, func(key []byte) int { return int(snapshot.Pick(router.ByRoutes, key).Server) })
}

// comparePlaces asks twemproxy at address, in front of telling servers, where the
// keys are; ours is the number of the server that we say has a key.
func comparePlaces(address string, batches []keyBatch, ours func(key []byte) int) error {
	conn, err := redistest.Dial(address, 5*time.Minute)
	if err != nil {
		return err
	}
	defer conn.Close()
	replies := bufio.NewReaderSize(conn.Conn, 64<<10)
	differ, asked, example := 0, 0, ""
	var want []byte
	for _, b := range batches {
		if _, err := conn.Write(b.gets); err != nil {
			return err
		}
		for _, key := range b.keys {
			got, err := replies.ReadSlice('\n')
			if err != nil {
				return fmt.Errorf("key %d, %.40q: %w", asked, key, err)
			}
			asked++
			want = appendReply(want[:0], ours(key), key)
			if bytes.Equal(got, want) {
				continue
			}
			if differ++; differ == 1 {
				example = fmt.Sprintf("%.40q: %q, we say %q", key, got, want)
			}
		}
	}
	if differ > 0 {
		return fmt.Errorf("%d of %d keys differ: %s", differ, asked, example)
	}
	return nil
}
