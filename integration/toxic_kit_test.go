package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// toxicLink is a way to a server that can be made slow, cut, or swallow what is sent.
type toxicLink struct{ proxy *toxiproxy.Proxy }

func startToxic(t testing.TB, target string) *toxicLink {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "link", "127.0.0.1:0", target)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return &toxicLink{proxy}
}

func (l *toxicLink) Addr() string { return l.proxy.Listen }

// poison has one kind of toxic, with its attributes as JSON, work on a stream (upstream is
// towards the server) for as long as it takes.
func (l *toxicLink) poison(stream, kind, attributes string, outage func()) error {
	text := fmt.Sprintf(`{"name": "it", "type": %q, "stream": %q, "attributes": %s}`, kind, stream, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		return err
	}
	outage()
	return l.proxy.Toxics.RemoveToxic(context.Background(), "it")
}

// poisons are faults of a victim's link.
func poisons() (all []fault) {
	for _, p := range []struct{ name, kind, attributes string }{
		{"slow", "latency", `{"latency": 60, "jitter": 30}`},
		{"very slow", "latency", `{"latency": 700, "jitter": 200}`},
		{"a black hole", "timeout", `{"timeout": 0}`},
		{"reset", "reset_peer", `{"timeout": 30}`},
		{"cut in mid-message", "limit_data", `{"bytes": 3001}`},
		{"in small pieces", "slicer", `{"average_size": 200, "size_variation": 150, "delay": 10}`},
	} {
		for _, stream := range []string{"upstream", "downstream"} {
			all = append(all, fault{p.name + " " + stream, func(v *victim) error {
				return v.link.poison(stream, p.kind, p.attributes, v.outage)
			}})
		}
	}
	return all
}

// poisoned gives each victim a link of its own, through which the proxy is to reach it.
func poisoned(t testing.TB, victims []*victim) (links []addresser) {
	t.Helper()
	for _, v := range victims {
		v.link = startToxic(t, v.Server.Addr())
		links = append(links, v.link)
	}
	return links
}
