package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"ringmain/config"
)

var importCommand = Command{
	Name: "import", Arguments: "nutcracker FILE [--output FILE]",
	Summary: "Make a configuration of twemproxy's",
	Details: `FILE is twemproxy's (nutcracker.yml). Each of its pools becomes a listener with a pool
of its own, which places every key on the same server. What has no counterpart is
named on the standard error output, and at the top of the configuration.`,
}

// importFile writes a configuration that is made of another program's.
func importFile(_ context.Context, args []string, stdout, stderr io.Writer) int {
	flags := NewFlags(importCommand, stdout, stderr)
	output := flags.String("output", "", "the `FILE` to write, which must not exist yet; else the standard output")
	rest, code, done := flags.Parse(args)
	switch {
	case done:
		return code
	case len(rest) == 0:
		return flags.Wrong("which program's configuration? There is nutcracker")
	case rest[0] != "nutcracker":
		return flags.Wrong("unknown program %q; there is nutcracker", rest[0])
	case len(rest) == 1:
		return flags.Wrong("which file?")
	case len(rest) > 2:
		return flags.Wrong("unexpected argument %q", rest[2])
	}
	if _, err := os.Lstat(*output); *output != "" && err == nil {
		return flags.Failed(fmt.Errorf("%s exists already", *output))
	}
	imported, err := config.LoadNutcracker(rest[1])
	if faults := (config.Faults)(nil); errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintln(stderr, f.Error())
		}
		fmt.Fprintf(stderr, "%s is not imported: %s\n", rest[1], count(len(faults), "fault"))
		return ExitError
	}
	if err != nil {
		return flags.Failed(err)
	}
	for _, note := range imported.Notes {
		fmt.Fprintln(stderr, note.Error())
	}
	if *output == "" {
		_, err = stdout.Write(imported.YAML)
	} else {
		err = writeNew(*output, imported.YAML)
	}
	if err != nil {
		return flags.Failed(err)
	}
	c := imported.Config
	fmt.Fprintf(stderr, "%s: %s, %s, %s\n", cmp.Or(*output, "imported"), count(len(c.Listeners), "listener"),
		count(len(c.Pools), "pool"), count(len(imported.Notes), "note"))
	return ExitOK
}

// writeNew writes a file that does not exist yet. It may hold a password, so it is
// its owner's alone.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
