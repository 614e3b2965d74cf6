// Command golang tries clients that are written in Go, each with its default
// settings: golang go-redis|go-redis-cluster|rueidis|redigo HOST PORT sharded|whole
// STEP..., and libraries of locks: golang redsync|redislock HOST PORT sharded|whole
// STEP...
//
// Each step prints one line, "ok STEP" or "FAIL STEP: reason".
package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
)

// library is a client as applications use it. Replies are what describe knows.
type library interface {
	// do executes any command; the word after its name is its key, if it has one.
	do(words ...string) (any, error)
	mget(keys ...string) (any, error)
	// pipeline sends all commands before it waits for a reply.
	pipeline(commands [][]string) ([]any, error)
	multi(commands [][]string) ([]any, error)
	// watch watches key, calls between, and executes one command in a transaction.
	watch(key string, between func(), words ...string) (conflict bool, err error)
	blpop(key string, seconds float64) (any, error)
	// subscribe delivers messages until stop is called.
	subscribe(channel, pattern string, deliver func(channel, text string)) (stop func(), err error)
	scan(pattern string) ([]string, error)
	// script runs a script as the library does it, which is by its digest first.
	script(text, key, arg string) (any, error)
	// isServerError reports whether a server has replied with an error.
	isServerError(error) bool
	// protocol is the version that it speaks by default.
	protocol() string
	// needsTags reports whether it refuses keys of several slots itself.
	needsTags() bool
}

// cacher is a library that keeps values at the client.
type cacher interface {
	get(key string) (value string, hit bool, err error)
}

var libraries = map[string]func(addr string) (library, error){
	"go-redis":         newGoRedis,
	"go-redis-cluster": newGoRedisCluster,
	"rueidis":          newRueidis,
	"redigo":           newRedigo,
}

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: golang LIBRARY HOST PORT sharded|whole STEP...")
		os.Exit(2)
	}
	addr := net.JoinHostPort(os.Args[2], os.Args[3])
	play := playerOf(os.Args[1], addr, os.Args[4] == "sharded")
	for _, name := range os.Args[5:] {
		if err := try(play, name); err != nil {
			fmt.Printf("FAIL %s: %q\n", name, err)
			continue
		}
		fmt.Println("ok", name)
	}
}

// playerOf is what plays a library's steps, by their names.
func playerOf(library, addr string, sharded bool) func(step string) {
	if _, ok := lockLibraries[library]; ok {
		return newLockPlayer(library, addr).play
	}
	return newPlayer(library, addr, sharded).play
}

// try plays one step. A step ends at the first thing that is wrong.
func try(play func(step string), name string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	play(name)
	return nil
}

// ask prints what the test is to do.
func ask(words ...string) { fmt.Println(">", strings.Join(words, " ")) }

// describe writes a reply as "a 1 nil [b c]", maps as lists by name.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case []byte:
		return string(v)
	case []any:
		words := make([]string, len(v))
		for i, e := range v {
			words[i] = describe(e)
		}
		return "[" + strings.Join(words, " ") + "]"
	case map[any]any:
		return describePairs(v)
	case map[string]any:
		return describePairs(v)
	default:
		return fmt.Sprint(v)
	}
}

func describePairs[K comparable](m map[K]any) string {
	var pairs []string
	for k, e := range m {
		pairs = append(pairs, describe(k)+" "+describe(e))
	}
	slices.Sort(pairs)
	return "[" + strings.Join(pairs, " ") + "]"
}

// same ends the step unless a call has given what it should.
func same[T any](want string) func(T, error) {
	return func(got T, err error) {
		if err != nil {
			panic(err)
		}
		if text := describe(got); text != want {
			panic(fmt.Sprintf("%.200q, want %.200q", text, want))
		}
	}
}

// must ends the step unless a call has succeeded.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
