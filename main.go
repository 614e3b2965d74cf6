// Ringmain is a Redis-protocol proxy: clients see one Redis, behind it keys are
// spread over many.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"ringmain/app"
	"ringmain/cli"
	"ringmain/config"
)

func main() {
	ctx, atOnce, stop := interrupts()
	code := run(ctx, atOnce, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// interrupts ends ctx with the first SIGTERM or Ctrl-C, and atOnce with the second.
func interrupts() (ctx, atOnce context.Context, stop func()) {
	ctx, first := context.WithCancel(context.Background())
	atOnce, second := context.WithCancel(context.Background())
	// A log whose reader has gone, or a terminal that was closed, is no reason to
	// leave clients without their replies.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watch sync.WaitGroup
	watch.Go(func() {
		for _, cancel := range []context.CancelFunc{first, second} {
			if _, ok := <-signals; ok {
				cancel()
			}
		}
	})
	return ctx, atOnce, func() {
		signal.Stop(signals)
		close(signals)
		watch.Wait()
		first()
		second()
	}
}

var (
	serveCommand   = cli.Command{Name: "serve", Arguments: "[--config FILE]", Summary: "Serve clients; the command if none is given"}
	versionCommand = cli.Command{Name: "version", Summary: "Print the version, that of Go, and the platform"}
)

// commands are all there are, in the order of the usage text. serve does not wait
// for clients once atOnce has ended.
func commands(atOnce context.Context) []cli.Command {
	first, last := serveCommand, versionCommand
	first.Run, last.Run = server(atOnce), version
	return slices.Concat([]cli.Command{first}, cli.Commands(), []cli.Command{last})
}

// run is the whole program: it returns the exit code.
func run(ctx, atOnce context.Context, args []string, stdout, stderr io.Writer) int {
	name := "serve"
	if len(args) > 0 {
		switch first := args[0]; {
		case slices.Contains([]string{"help", "-h", "-help", "--help"}, first):
			return help(ctx, atOnce, args[1:], stdout, stderr)
		case first == "-version" || first == "--version":
			name, args = "version", args[1:]
		case first == "" || first[0] != '-':
			name, args = first, args[1:]
		}
	}
	for _, c := range commands(atOnce) {
		if c.Name == name {
			return c.Run(ctx, args, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "ringmain: unknown command %q\n\n", name)
	printUsage(stderr)
	return cli.ExitUsage
}

// help is that of the program, or of the command that args name.
func help(ctx, atOnce context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] != "help" && args[0] != "" && args[0][0] != '-' {
		return run(ctx, atOnce, []string{args[0], "--help"}, stdout, stderr)
	}
	printUsage(stdout)
	return cli.ExitOK
}

func printUsage(w io.Writer) {
	fmt.Fprint(w, "usage: ringmain [COMMAND] [ARGUMENTS]\n\nCommands:\n")
	for _, c := range commands(context.Background()) {
		fmt.Fprintf(w, "  %s\n      %s\n", c.Usage(), c.Summary)
	}
	fmt.Fprint(w, "\n`ringmain COMMAND --help` tells more about one.\n")
}

func version(_ context.Context, args []string, stdout, stderr io.Writer) int {
	flags := cli.NewFlags(versionCommand, stdout, stderr)
	rest, code, done := flags.Parse(args)
	if done {
		return code
	}
	if len(rest) > 0 {
		return flags.Wrong("unexpected argument %q", rest[0])
	}
	fmt.Fprintln(stdout, "ringmain", app.Version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	return cli.ExitOK
}

// server is the command serve: it runs the proxy until its context ends, and waits
// for clients then unless atOnce ends, too.
func server(atOnce context.Context) func(context.Context, []string, io.Writer, io.Writer) int {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
		flags := cli.NewFlags(serveCommand, stdout, stderr)
		file := flags.Config()
		rest, code, done := flags.Parse(args)
		if done {
			return code
		}
		if len(rest) > 0 {
			return flags.Wrong("unexpected argument %q", rest[0])
		}
		cfg, err := config.Load(*file)
		if err != nil {
			return flags.Failed(err)
		}
		lines := app.NewLogWriter(stderr)
		log, err := newLog(cfg.Log, lines)
		if err != nil {
			return flags.Failed(err)
		}
		err = runUntil(ctx, atOnce, app.New(cfg, log).Run, time.Duration(cfg.Drain.Delay+cfg.Drain.Timeout))
		lines.Close()
		if err != nil {
			return flags.Failed(err)
		}
		return cli.ExitOK
	}
}

// grace is how long the parts may take to end, once no client is waited for any
// more.
const grace = 3 * time.Second

// runUntil is run, an App's, but gives up waiting for what does not end: an event
// loop that is stuck must not keep the process from ending. drain is how long clients
// may be waited for.
func runUntil(ctx, atOnce context.Context, run func(ctx, atOnce context.Context) error, drain time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, atOnce) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(drain + grace)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
	case <-atOnce.Done():
		late.Reset(grace)
		select {
		case err := <-ended:
			return err
		case <-late.C:
		}
	}
	return errors.New("some part does not end; giving it up")
}

// newLog makes the log that the configuration asks for.
func newLog(cfg config.Log, w io.Writer) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	options.Level = level
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, &options)), nil
	}
	return slog.New(slog.NewTextHandler(w, &options)), nil
}
