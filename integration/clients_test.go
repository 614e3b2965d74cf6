package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ringmain/internal/redistest"
)

// What a client does, by the names of its steps. Each step has keys of its own.
const (
	stepConnect   = "connect"   // what it sends on connecting is answered; PING; the protocol that it speaks by default
	stepMebibytes = "mebibytes" // 1,000 values of 1 MiB in one pipeline, compared byte for byte
	stepValues    = "values"    // bytes of every kind come back; hashes; what does not exist
	stepPipeline  = "pipeline"  // 1,000 commands at once, each result in its place
	stepMany      = "many"      // MSET and MGET of 200 keys
	stepMulti     = "multi"     // MULTI and EXEC
	stepWatch     = "watch"     // WATCH with a conflict through another connection, and without
	stepBlock     = "block"     // BLPOP that another connection wakes, and one that times out
	stepPubsub    = "pubsub"    // each message once, by channel and by pattern; after unsubscribing none
	stepScan      = "scan"      // SCAN finds each of 1,000 keys
	stepScript    = "script"    // EVALSHA, NOSCRIPT, EVAL, EVALSHA
	stepErrors    = "errors"    // errors are the library's, and the connection goes on
	stepCache     = "cache"     // a value is kept at the client until it is written elsewhere
	stepKilled    = "killed"    // the connection is killed; the library connects again
	stepRestarted = "restarted" // what it is connected to starts anew; the library connects again
)

// clientSteps are those of every client.
var clientSteps = []string{stepConnect, stepMebibytes, stepValues, stepPipeline, stepMany, stepMulti, stepWatch, stepBlock,
	stepPubsub, stepScan, stepScript, stepErrors, stepKilled, stepRestarted}

// client is one client library.
type client struct {
	program func(t *testing.T) []string
	cluster bool     // it wants a Redis Cluster
	more    []string // steps of its own, which come first but for connecting
}

func (c client) steps() []string { return slices.Concat(clientSteps[:1], c.more, clientSteps[1:]) }

// clients are programs under clients/, each with one client library that has its
// default settings.
var clients = map[string]client{
	"redis-py": {program: interpreted("/usr/bin/python3", "python/steps.py")},
	"redis-rb": {program: interpreted("/usr/bin/ruby", "ruby/steps.rb")},
	"phpredis": {program: interpreted("/usr/bin/php", "php/steps.php")},
	"hiredis":  {program: hiredis},

	"ioredis":            {program: node("ioredis.js", "single")},
	"ioredis cluster":    {program: node("ioredis.js", "cluster"), cluster: true},
	"node-redis":         {program: node("node-redis.js", "single")},
	"node-redis cluster": {program: node("node-redis.js", "cluster"), cluster: true},

	"go-redis":         {program: golang("go-redis")},
	"go-redis cluster": {program: golang("go-redis-cluster"), cluster: true},
	"redigo":           {program: golang("redigo")},
	"rueidis":          {program: golang("rueidis"), more: []string{stepCache}},
}

// interpreted is a program of Debian's own interpreter: only that one finds the
// libraries of Debian's packages.
func interpreted(interpreter, file string) func(*testing.T) []string {
	return func(*testing.T) []string { return []string{interpreter, clientFile(file)} }
}

// node prefers the Node that `make deps` installs where the machine's is too old.
func node(words ...string) func(*testing.T) []string {
	return func(*testing.T) []string {
		binary := clientFile("node/runtime/node_modules/.bin/node")
		if _, err := os.Stat(binary); err != nil {
			binary = "node"
		}
		return append([]string{binary, clientFile("node/" + words[0])}, words[1:]...)
	}
}

func golang(library string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		path, err := golangProgram()
		if err != nil {
			t.Fatal(err)
		}
		return []string{path, library}
	}
}

// golangProgram is built once, and like the other programs without the race detector.
var golangProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryDir, "golang")
	return path, compile("go", "build", "-o", path, "./"+clientFile("golang"))
})

func hiredis(t *testing.T) []string {
	path := filepath.Join(t.TempDir(), "steps")
	if err := compile("gcc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", path, clientFile("c/steps.c"), "-lhiredis"); err != nil {
		t.Fatal(err)
	}
	return []string{path}
}

func compile(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: run `make deps`\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// TestTheClientsProgramsAreRight runs them on Redis itself. What takes longest
// there proves least, and is left to torture.
func TestTheClientsProgramsAreRight(t *testing.T) {
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var redis *redistest.Server
			if c.cluster {
				redis = startCluster(t)
			} else {
				redis = redistest.Start(t)
			}
			steps := c.steps()
			if !torture() {
				steps = slices.DeleteFunc(steps, func(step string) bool { return step == stepMebibytes })
			}
			clientTarget{Server: redis, nodes: []*redistest.Server{redis}, sharded: c.cluster}.try(t, c.program(t), steps)
		})
	}
}

// One after the other: each keeps a machine of few cores busy.
func TestEveryClientWorksUnchangedWithItsDefaults(t *testing.T) {
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			redis := startRedis(t, 3)
			proxy := startProcess(t, servers(redis...), loops(0))
			clientTarget{Server: proxy, nodes: redis, sharded: true}.try(t, c.program(t), c.steps())
		})
	}
}

// startCluster starts a Redis Cluster of one server.
func startCluster(t *testing.T) *redistest.Server {
	t.Helper()
	s := redistest.Start(t, "cluster-enabled", "yes", "cluster-announce-ip", "127.0.0.1")
	if _, err := s.Do("CLUSTER", "ADDSLOTSRANGE", 0, 16383); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster serves", func() bool {
		info, err := s.Do("CLUSTER", "INFO")
		return err == nil && strings.Contains(info.(string), "cluster_state:ok")
	})
	return s
}
