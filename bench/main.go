// Program bench measures Ringmain side by side with twemproxy, and two builds
// of Ringmain with each other: in front of the same redis-servers, on the same
// machine, alternating, with medians of several rounds.
//
// Run it from the module's root:
//
//	go run ./bench                    # everything, under half an hour
//	go run ./bench -quick             # GET and SET of 64 B, under two minutes
//	go run ./bench -ab OLD NEW        # two binaries of ours
//	go run ./bench -startup           # time from start to the first reply
//	go run ./bench -tls               # clients with TLS, under two minutes
//	go run ./bench -quorum            # locks and counters, under ten minutes
//	go run ./bench -quorum -quick     # the same, under two minutes
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are what the command line chose.
type options struct {
	quick   bool
	ab      bool
	startup bool
	tls     bool
	quorum  bool
	rounds  int           // of the comparison
	pairs   int           // of -ab
	loops   int           // of Ringmain
	idle    int           // connections of the memory measurement, 0 for none
	slice   time.Duration // aimed length of one measurement
	budget  time.Duration // of everything
	only    string        // part of the names of the cases to run, empty for all
	out     string        // folder for the results
	data    string        // folder for the servers' data of -quorum, empty for the system's temporary one
	binary  string        // Ringmain's; empty builds it from this tree
	targets []string
	args    []string // what follows the flags
}

// minPairs is how many pairs -ab needs before its interval means anything.
const minPairs = 9

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.budget,
		fmt.Errorf("the time budget of %v is used up (see -budget)", o.budget))
	defer cancel()
	if err := raiseFileLimit(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: file limit:", err)
	}
	mode := runComparison
	switch {
	case o.ab:
		mode = runAB
	case o.startup:
		mode = runStartup
	case o.tls:
		mode = runTLS
	case o.quorum:
		mode = runQuorum
	}
	err = mode(ctx, o)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // and not what broke because of it
	}
	return err
}

func parse(args []string) (options, error) {
	var o options
	var targets string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.BoolVar(&o.quick, "quick", false, "GET and SET of 64 B with 50 clients only; with -quorum: fewer and shorter runs")
	f.BoolVar(&o.ab, "ab", false, "compare two binaries of Ringmain: bench -ab OLD NEW")
	f.BoolVar(&o.startup, "startup", false, "measure the time from start to the first reply")
	f.BoolVar(&o.tls, "tls", false, "compare clients with TLS to clients without, and to twemproxy behind stunnel")
	f.BoolVar(&o.quorum, "quorum", false, "compare counters to plain INCR and to etcd, and locks to redsync, on three servers with fsync")
	f.IntVar(&o.rounds, "rounds", 0, "rounds of the comparison (default 5, or 9 with -quorum, 3 with -quick)")
	f.IntVar(&o.pairs, "pairs", 11, "pairs of -ab, at least 9")
	f.IntVar(&o.loops, "loops", 1, "event loops of Ringmain; twemproxy has one")
	f.IntVar(&o.idle, "idle", -1, "idle connections of the memory measurement, 0 for none (default 10000, or 2000 with -quick)")
	f.DurationVar(&o.slice, "slice", 0, "aimed length of one measurement (default 1.3s, or 2s with -quick and -ab, 0.8s with -quorum -quick)")
	f.DurationVar(&o.budget, "budget", 0, "end after this time, with what was measured so far (default 29m, or 10m with -quorum)")
	f.StringVar(&o.only, "only", "", "run only cases with this in their name, such as \"P=16 c=50 \"")
	f.StringVar(&o.out, "out", "bench/results", "folder for the results")
	f.StringVar(&o.data, "data", "", "folder for the servers' data of -quorum, on a real disk (default: the system's for temporary files)")
	f.StringVar(&o.binary, "ringmain", "", "binary of Ringmain (default: built from this tree)")
	f.StringVar(&targets, "targets", "ringmain,twemproxy,direct", "what to measure; direct is one redis-server")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.args, o.targets = f.Args(), strings.Split(targets, ",")
	return o.complete()
}

// complete fills in the defaults that depend on the mode, and checks the rest.
func (o options) complete() (options, error) {
	set := func(p *int, full, quick int, unset bool) {
		if unset {
			*p = full
			if o.quick {
				*p = quick
			}
		}
	}
	set(&o.rounds, 5, 3, o.rounds == 0 && !o.quorum)
	set(&o.rounds, 9, 3, o.rounds == 0)
	set(&o.idle, 10000, 2000, o.idle < 0)
	if o.slice == 0 {
		o.slice = 2 * time.Second
		if !o.quick && !o.ab {
			o.slice = 1300 * time.Millisecond
		}
		if o.quorum && o.quick {
			o.slice = 800 * time.Millisecond
		}
	}
	if o.budget == 0 {
		o.budget = 29 * time.Minute
		if o.quorum {
			o.budget = 10 * time.Minute
		}
	}
	switch {
	case o.ab && len(o.args) != 2:
		return o, errors.New("-ab takes two binaries: bench -ab OLD NEW")
	case !o.ab && len(o.args) > 0:
		return o, fmt.Errorf("unexpected argument %q", o.args[0])
	case o.pairs < minPairs || o.pairs > 1000:
		return o, fmt.Errorf("-pairs %d: must be %d to 1000", o.pairs, minPairs)
	case o.rounds < 1 || o.rounds > 1000:
		return o, fmt.Errorf("-rounds %d: must be 1 to 1000", o.rounds)
	case o.slice < 100*time.Millisecond || o.slice > time.Minute:
		return o, fmt.Errorf("-slice %v: must be 100ms to 1m", o.slice)
	case o.idle > 25000:
		return o, fmt.Errorf("-idle %d: at most 25000, one machine has no more ports for one address", o.idle)
	}
	return o, nil
}
