// Package cli holds the commands of the program other than serve: they look at a
// configuration, at where keys live, at another program's configuration, at how a
// running Ringmain is, or ask that to drain servers. They open no port, and contact no
// Redis server but those of quorums.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit codes of the program.
const (
	ExitOK    = 0
	ExitError = 1 // it could not do what it should
	ExitUsage = 2 // the command line is wrong
)

// Command is one of the program's commands.
type Command struct {
	// Name is its first argument, and Arguments are those that follow, for the
	// usage text.
	Name, Arguments string
	// Summary is one line of what it does.
	Summary string
	// Details are paragraphs for its own help; they may be empty.
	Details string
	// Run carries it out with the arguments behind its name, and returns the exit
	// code. It returns early when ctx ends.
	Run func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// Commands are all of this package, in the order of the usage text.
func Commands() []Command {
	return []Command{
		checkCommand.with(check), explainCommand.with(explain), importCommand.with(importFile), probeCommand.with(probe),
		drainCommand.with(drain), undrainCommand.with(undrain), adoptCommand.with(adopt),
		quorumCommand.with(atQuorum),
	}
}

// with completes a command whose Run refers to the rest of it.
func (c Command) with(run func(context.Context, []string, io.Writer, io.Writer) int) Command {
	c.Run = run
	return c
}

// Usage is the line that shows how a command is called.
func (c Command) Usage() string {
	return strings.TrimRight("ringmain "+c.Name+" "+c.Arguments, " ")
}

// Flags are the flags of one command.
type Flags struct {
	*flag.FlagSet
	command        Command
	stdout, stderr io.Writer
}

// NewFlags makes flags for a command, which are then defined as those of package
// flag are. Help is written to stdout, what is wrong to stderr.
func NewFlags(c Command, stdout, stderr io.Writer) *Flags {
	f := &Flags{flag.NewFlagSet(c.Name, flag.ContinueOnError), c, stdout, stderr}
	f.SetOutput(io.Discard)
	return f
}

// Config defines the flag --config, which names the configuration's file.
func (f *Flags) Config() *string {
	return f.String("config", "config.yaml", "the configuration's `FILE`")
}

// Parse reads the flags wherever they stand among args, up to an argument --, and
// returns the other arguments. If done, the command is to end with code: its help
// was asked for, or its flags were wrong.
func (f *Flags) Parse(args []string) (rest []string, code int, done bool) {
	for {
		all := args
		err := f.FlagSet.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			f.help()
			return nil, ExitOK, true
		}
		if err != nil {
			return nil, f.Wrong("%v", err), true
		}
		args = f.Args()
		read := len(all) - len(args)
		if len(args) == 0 || read > 0 && all[read-1] == "--" {
			return append(rest, args...), 0, false
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// Wrong tells what is wrong with the command line, and how it should be. It
// returns the exit code.
func (f *Flags) Wrong(format string, args ...any) int {
	fmt.Fprintf(f.stderr, "ringmain %s: %s\nusage: %s\n", f.command.Name, fmt.Sprintf(format, args...), f.command.Usage())
	return ExitUsage
}

// Failed tells why a command cannot do what it should. It returns the exit code.
func (f *Flags) Failed(err error) int {
	fmt.Fprintf(f.stderr, "ringmain %s: %v\n", f.command.Name, err)
	return ExitError
}

func (f *Flags) help() {
	c := f.command
	fmt.Fprintf(f.stdout, "usage: %s\n\n%s.\n", c.Usage(), c.Summary)
	if c.Details != "" {
		fmt.Fprintf(f.stdout, "\n%s\n", c.Details)
	}
	first := true
	f.VisitAll(func(one *flag.Flag) {
		if first {
			fmt.Fprintln(f.stdout, "\nFlags:")
			first = false
		}
		argument, text := flag.UnquoteUsage(one)
		if one.DefValue != "" && one.DefValue != "false" {
			text += " (default " + one.DefValue + ")"
		}
		fmt.Fprintf(f.stdout, "  %s\n      %s\n", strings.TrimRight("--"+one.Name+" "+argument, " "), text)
	})
}
