// Ringmain is a Redis-protocol proxy: clients see one Redis, behind it keys are
// spread over many.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"ringmain/app"
	"ringmain/cli"
	"ringmain/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

var (
	serveCommand   = cli.Command{Name: "serve", Arguments: "[--config FILE]", Summary: "Serve clients; the command if none is given"}
	versionCommand = cli.Command{Name: "version", Summary: "Print the version"}
)

// commands are all there are, in the order of the usage text.
func commands() []cli.Command {
	first, last := serveCommand, versionCommand
	first.Run, last.Run = serve, version
	return slices.Concat([]cli.Command{first}, cli.Commands(), []cli.Command{last})
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	name := "serve"
	if len(args) > 0 {
		switch first := args[0]; {
		case slices.Contains([]string{"help", "-h", "-help", "--help"}, first):
			return help(ctx, args[1:], stdout, stderr)
		case first == "-version" || first == "--version":
			name, args = "version", args[1:]
		case first == "" || first[0] != '-':
			name, args = first, args[1:]
		}
	}
	for _, c := range commands() {
		if c.Name == name {
			return c.Run(ctx, args, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "ringmain: unknown command %q\n\n", name)
	printUsage(stderr)
	return cli.ExitUsage
}

// help is that of the program, or of the command that args name.
func help(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] != "help" && args[0] != "" && args[0][0] != '-' {
		return run(ctx, []string{args[0], "--help"}, stdout, stderr)
	}
	printUsage(stdout)
	return cli.ExitOK
}

func printUsage(w io.Writer) {
	fmt.Fprint(w, "usage: ringmain [COMMAND] [ARGUMENTS]\n\nCommands:\n")
	for _, c := range commands() {
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
	fmt.Fprintln(stdout, "ringmain", app.Version)
	return cli.ExitOK
}

// serve runs the proxy until ctx ends.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) int {
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
	log, err := newLog(cfg.Log, stderr)
	if err != nil {
		return flags.Failed(err)
	}
	if err := app.New(cfg, log).Run(ctx); err != nil {
		return flags.Failed(err)
	}
	return cli.ExitOK
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
