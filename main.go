// Ringmain is a Redis-protocol proxy: clients see one Redis, behind it keys are
// spread over many.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"ringmain/app"
	"ringmain/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `usage: ringmain [serve] [--config FILE]
       ringmain version
`

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // it could not start, or not go on
	exitUsage = 2 // the command line is wrong
)

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	name := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	switch name {
	case "serve":
		return serve(ctx, args, stderr)
	case "version":
		fmt.Fprintln(stdout, "ringmain", app.Version)
		return exitOK
	}
	fmt.Fprintf(stderr, "ringmain: unknown command %q\n%s", name, usage)
	return exitUsage
}

func serve(ctx context.Context, args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("ringmain serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	file := flags.String("config", "config.yaml", "the configuration `FILE`")
	if err := flags.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return exitOK
		}
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "ringmain: unexpected argument %q\n%s", flags.Arg(0), usage)
		return exitUsage
	}
	cfg, err := config.Load(*file)
	if err != nil {
		fmt.Fprintf(stderr, "ringmain: %v\n", err)
		return exitError
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if err := app.New(cfg, log).Run(ctx); err != nil {
		fmt.Fprintf(stderr, "ringmain: %v\n", err)
		return exitError
	}
	return exitOK
}
