package looptest

import (
	"errors"
	"time"

	"ringmain/ioloop"
)

// dialTests: attempts to connect that fail.
var dialTests = []test{
	{"a refused dial fails with an error", func(e *env) {
		client := newProbe(e)
		address := e.h.Refusing(e.T)
		e.do(func() { e.loop.Dial(address, gross, client) })
		e.wait("it fails", func() bool { return client.openErr != nil })
		e.do(func() {
			if errors.Is(client.openErr, ioloop.ErrDialTimeout) || errors.Is(client.openErr, ioloop.ErrAborted) {
				e.Errorf("Opened(nil, %v)", client.openErr)
			}
		})
	}},
	{"a dial without an answer ends with ErrDialTimeout", func(e *env) {
		client := newProbe(e)
		address := e.h.Silent(e.T)
		start := e.now()
		e.do(func() { e.loop.Dial(address, 50*time.Millisecond, client) })
		e.wait("it fails", func() bool { return client.openErr != nil })
		e.do(func() {
			if d := e.loop.Now().Sub(start); !errors.Is(client.openErr, ioloop.ErrDialTimeout) || d < 50*time.Millisecond {
				e.Errorf("Opened(nil, %v) after %v", client.openErr, d)
			}
		})
	}},
	{"a malformed address fails with an error, later", func(e *env) {
		for _, address := range []string{"", "no-port", "127.0.0.1", "[::1", "127.0.0.1:http:1"} {
			client := newProbe(e)
			e.do(func() {
				e.loop.Dial(address, gross, client)
				if client.finished {
					e.Errorf("Dial(%q) calls Opened at once", address)
				}
			})
			e.wait("the dial of "+address+" fails", func() bool { return client.openErr != nil })
		}
	}},
	{"a name that does not resolve is ErrNoAddress", func(e *env) {
		client := newProbe(e)
		e.do(func() { e.loop.Dial("nowhere.invalid:6379", gross, client) })
		e.wait("it fails", func() bool { return client.openErr != nil })
		e.do(func() {
			if !errors.Is(client.openErr, ioloop.ErrNoAddress) {
				e.Errorf("Opened(nil, %v)", client.openErr)
			}
		})
	}},
	{"a dial may be made from Opened and from Closed", func(e *env) {
		server := newProbe(e)
		address := e.listen(server)
		refusing := e.h.Refusing(e.T)
		first, second, third := newProbe(e), newProbe(e), newProbe(e)
		first.opened = func() { e.loop.Dial(address, gross, second) }
		second.opened = func() { second.abort() }
		second.onClosed = func() { e.loop.Dial(refusing, gross, third) }
		e.do(func() { e.loop.Dial(refusing, gross, first) })
		e.wait("the third has failed", func() bool { return third.openErr != nil })
	}},
}
