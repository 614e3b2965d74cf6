package integration

import (
	"strings"
	"testing"
)

// trackingScenes are played on Ringmain and on one Redis.
var trackingScenes = map[string]string{
	"keys that were read": `
		A CLIENT TRACKING ON
		A GET k~
		b SET k~ 1
		A<
		A GET k~
		A MGET k~ l~ m~
		b SET l~ 1
		A<
		b SET l~ 2
		A PING
		A CLIENT TRACKING OFF
		A GET k~
		b SET k~ 2
		A PING`,
	"one's own writes": `
		A CLIENT TRACKING ON
		A GET k~
		A> SET k~ 1
		A< 2
		A CLIENT TRACKING OFF
		A CLIENT TRACKING ON NOLOOP
		A GET k~
		A SET k~ 1
		A GET k~
		b SET k~ 2
		A<`,
	"opting in": `
		A CLIENT TRACKING ON OPTIN
		A GET k~
		b SET k~ 1
		A PING
		A CLIENT CACHING YES
		A GET k~
		A GET l~
		b SET l~ 2
		b SET k~ 2
		A<
		A> CLIENT CACHING YES
		A> MULTI
		A> PTTL k~
		A> GET k~
		A> EXEC
		A< 5
		b SET k~ 3
		A<
		A CLIENT CACHING YES
		A MGET k~ l~
		b MSET k~ 3 l~ 3
		A< 2`,
	"opting out": `
		A CLIENT TRACKING ON OPTOUT
		A CLIENT CACHING NO
		A GET k~
		A GET l~
		b SET k~ 1
		b SET l~ 1
		A<`,
	"broadcast": `
		A CLIENT TRACKING ON BCAST PREFIX x~ PREFIX y~
		b SET x~1 1
		A<
		b SET z~ 1
		b SET y~1 1
		A<
		A CLIENT TRACKINGINFO
		A CLIENT TRACKING ON BCAST PREFIX z~
		b SET z~ 2
		A<`,
	"wrong": `
		A CLIENT TRACKING ON PREFIX a
		A CLIENT TRACKING ON BCAST OPTIN
		A CLIENT TRACKING ON OPTIN OPTOUT
		A CLIENT TRACKING maybe
		A CLIENT TRACKING ON nosuch
		A CLIENT CACHING YES
		A CLIENT TRACKING ON OPTIN
		A CLIENT CACHING NO
		A CLIENT CACHING maybe
		A CLIENT TRACKING ON BCAST
		A CLIENT TRACKING ON OPTOUT
		A CLIENT TRACKING OFF
		A CLIENT TRACKING ON BCAST PREFIX ab PREFIX abc
		A CLIENT TRACKING ON BCAST PREFIX ab
		A CLIENT TRACKING ON BCAST PREFIX a
		A CLIENT TRACKING ON`,
	"told": `
		A CLIENT TRACKINGINFO
		A CLIENT GETREDIR
		A CLIENT TRACKING ON OPTIN NOLOOP
		A CLIENT CACHING YES
		A CLIENT TRACKINGINFO
		A CLIENT GETREDIR
		A GET k~
		A CLIENT TRACKINGINFO
		A RESET
		A CLIENT TRACKINGINFO
		b CLIENT TRACKINGINFO
		b CLIENT TRACKING ON
		b CLIENT TRACKINGINFO
		b GET k~`,
	"transactions with watched keys": `
		A CLIENT TRACKING ON
		A WATCH k~
		b SET k~ 1
		A MULTI
		A GET k~
		A EXEC
		A WATCH k~
		A MULTI
		A GET l~
		A EXEC
		b SET l~ 1
		A<
		A WATCH k~
		A UNWATCH
		A GET k~
		b SET k~ 2
		A<`,
	"blocking": `
		A CLIENT TRACKING ON
		A GET k~
		A> BLPOP l~ 0
		blocked 1
		b SET k~ 1
		A<
		b RPUSH l~ x
		A<`,
}

func TestTrackingTellsAsRedisDoes(t *testing.T) {
	st := newStage(t, 3, loops(2))
	for name, scene := range trackingScenes {
		st.play(t, name, scene)
	}
}

// A client that keeps copies is told to forget them all when it cannot be told which
// have changed.
func TestATrackingClientIsToldToForgetWhenAServerIsLost(t *testing.T) {
	st := newStage(t, 3)
	w := dial(t, st.proxy.addr)
	w.do("HELLO", "3")
	expect(t, "CLIENT TRACKING", w.do("CLIENT", "TRACKING", "ON"), "+OK\r\n")
	for _, key := range strings.Split("abcdefghijklmnopqrst", "") {
		expect(t, "GET "+key, w.do("GET", key), "_\r\n")
	}
	st.servers[0].Kill()
	expect(t, "the push", w.next(), ">2\r\n$10\r\ninvalidate\r\n_\r\n")
	if err := st.servers[0].Restart(); err != nil {
		t.Fatal(err)
	}
	// Each key is tracked again, wherever it lives, once it is read again.
	other := dial(t, st.proxy.addr)
	for _, key := range strings.Split("abcdefghijklmnopqrst", "") {
		eventually(t, key+" can be read", func() bool { return w.do("GET", key) == "_\r\n" })
		eventually(t, key+" can be written", func() bool { return other.do("SET", key, "1") == "+OK\r\n" })
		expect(t, "the push", w.next(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n"+key+"\r\n")
	}
}
