package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// MaxAddresses bounds the servers that the names of one pool may give.
const MaxAddresses = 256

// Resolver looks names up; *net.Resolver is one. Any goroutine may call it.
type Resolver interface {
	// LookupNetIP gives the addresses of a host: those of version 4 for the network ip4,
	// of version 6 for ip6.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// NameSettings say which names Names looks up.
type NameSettings struct {
	// Names are host:port.
	Names    []string
	Resolver Resolver
	// Interval is between two look-ups when nothing seems to happen, Timeout bounds one.
	Interval, Timeout time.Duration
	Log               *slog.Logger
}

// nameSpacing is the least time between two look-ups of the names.
const nameSpacing = time.Second

// Names keeps looking up the names of a pool's servers.
type Names struct {
	// Changed is told which addresses there are now, sorted. It is called on the goroutine
	// of Run, which looks nothing up before it returns.
	Changed func(ctx context.Context, addresses []string)

	settings NameSettings
	soon     chan struct{}
	known    [][]netip.Addr // by name
	said     []string       // by name: what the log has of it already; "": nothing is wrong
	tooMany  bool           // said, too

	mu        sync.Mutex
	addresses []string // of all names together, sorted
	unknown   string   // why there are none
}

// NewNames makes a Names; it looks nothing up before Ask or Run.
func NewNames(s NameSettings) *Names {
	return &Names{
		settings: s, soon: make(chan struct{}, 1), known: make([][]netip.Addr, len(s.Names)),
		said: make([]string, len(s.Names)), unknown: "it has not been looked up",
	}
}

// Ask looks all names up once; if ctx ends meanwhile, Run does it at once. It is called before
// Run, or not at all.
func (n *Names) Ask(ctx context.Context) {
	if !n.ask(ctx) {
		n.Soon()
	}
}

// Addresses are the servers as far as they are known, sorted by address: at most
// MaxAddresses. Any goroutine may call it. The result is not to be modified.
func (n *Names) Addresses() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.addresses
}

// Unknown is a clause that says why no address is known. Any goroutine may call it.
func (n *Names) Unknown() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return "has no known address: " + n.unknown
}

// Soon has the names looked up before long. It never waits; any goroutine may call it.
func (n *Names) Soon() {
	select {
	case n.soon <- struct{}{}:
	default:
	}
}

// Run looks the names up until ctx ends.
func (n *Names) Run(ctx context.Context) error {
	for {
		select {
		case <-n.soon:
		case <-time.After(n.settings.Interval):
		case <-ctx.Done():
			return nil
		}
		if before := n.Addresses(); n.ask(ctx) && ctx.Err() == nil {
			if now := n.Addresses(); !slices.Equal(before, now) {
				n.Changed(ctx, now)
			}
		}
		pause(ctx, min(nameSpacing, n.settings.Interval))
	}
}

// ask looks all names up; it reports false if ctx has ended meanwhile.
func (n *Names) ask(ctx context.Context) bool {
	results := make([]found, len(n.settings.Names))
	var all sync.WaitGroup
	for i, name := range n.settings.Names {
		all.Go(func() { results[i] = n.lookUp(ctx, name) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return false
	}
	var together []netip.AddrPort
	why := ""
	for i, name := range n.settings.Names {
		var problem string
		n.known[i], problem = follow(n.known[i], results[i])
		n.report(i, problem)
		if why == "" {
			why = problem
		}
		_, digits, _ := net.SplitHostPort(name)
		port, _ := strconv.ParseUint(digits, 10, 16)
		for _, a := range n.known[i] {
			together = append(together, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	addresses, left := bounded(together)
	if left > 0 && !n.tooMany {
		n.settings.Log.Warn("names have too many addresses: the others are not used", "used", MaxAddresses, "others", left)
	}
	n.tooMany = left > 0
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses, n.unknown = addresses, why
	return true
}

// bounded are the first MaxAddresses of the addresses, sorted, each once; left is how many
// there are besides.
func bounded(all []netip.AddrPort) (addresses []string, left int) {
	slices.SortFunc(all, netip.AddrPort.Compare)
	all = slices.Compact(all)
	left = max(0, len(all)-MaxAddresses)
	for _, a := range all[:len(all)-left] {
		addresses = append(addresses, a.String())
	}
	return addresses, left
}

// found is what looking a name up has brought, for version 4 and 6 of IP.
type found [2]struct {
	addresses []netip.Addr
	err       error
}

var networks = [2]string{"ip4", "ip6"}

func (n *Names) lookUp(ctx context.Context, name string) (f found) {
	host, _, _ := net.SplitHostPort(name)
	if a, err := netip.ParseAddr(host); err == nil {
		f[0].addresses = []netip.Addr{a.Unmap()}
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, n.settings.Timeout)
	defer cancel()
	var both sync.WaitGroup
	for i, network := range networks {
		both.Go(func() { f[i].addresses, f[i].err = n.settings.Resolver.LookupNetIP(ctx, network, host) })
	}
	both.Wait()
	return f
}

// follow is which addresses a name has, given those that were known of it, and what looking
// it up has brought. problem says what was wrong with that; "": nothing was.
//
// A version of IP of which nothing was to be learned keeps what was known of it: servers do
// not go because an answer was lost. A name without any address keeps all that was known,
// too: more likely somebody has made a mistake than given up all servers on purpose, and if
// they are gone indeed, their keys are where they would be served again.
func follow(known []netip.Addr, f found) (now []netip.Addr, problem string) {
	none := 0
	for version, got := range f {
		switch {
		case got.err == nil && len(got.addresses) > 0:
			for _, a := range got.addresses {
				now = append(now, a.Unmap())
			}
		case got.err == nil || isNotFound(got.err):
			none++
		default:
			problem = clip(got.err.Error())
			for _, a := range known {
				if a.Is4() == (version == 0) {
					now = append(now, a)
				}
			}
		}
	}
	if none == len(f) {
		problem = "the name has no address"
		if err := f[0].err; err != nil {
			problem = clip(err.Error())
		}
	}
	if len(now) == 0 {
		now = known
	}
	slices.SortFunc(now, netip.Addr.Compare)
	return slices.Compact(now), problem
}

// isNotFound tells that a name, or an address of that version for it, does not exist, from
// not having learned whether it does.
func isNotFound(err error) bool {
	var failed *net.DNSError
	return errors.As(err, &failed) && failed.IsNotFound
}

// report writes to the log what is new about a name.
func (n *Names) report(i int, problem string) {
	name := n.settings.Names[i]
	switch said := n.said[i]; {
	case (problem == "") == (said == ""): // the words may have the port of a connection
	case problem == "":
		n.settings.Log.Info("name is looked up again", "name", name)
	default:
		n.settings.Log.Warn("looking a name up fails: what is known of its servers stays", "name", name, "cause", problem,
			"known", fmt.Sprint(n.known[i]))
	}
	n.said[i] = problem
}
