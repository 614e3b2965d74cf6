package local

import (
	"strings"

	"github.com/tidwall/redcon"

	"ringmain/command"
)

// help is the HELP of a command with subcommands: those that are supported here.
func help(_ *Answers, c *Call) {
	container := command.Container(c.Args[0])
	name := strings.ToUpper(container.Name)
	lines := []string{name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	for sub := range container.Subcommands() {
		if sub.Policy == command.Refused || sub == c.Command {
			continue
		}
		_, word, _ := strings.Cut(sub.Name, "|")
		lines = append(lines, strings.ToUpper(word), "    "+sub.Summary+".")
	}
	lines = append(lines, "HELP", "    Print this help.")
	c.Out = redcon.AppendArray(c.Out, len(lines))
	for _, line := range lines {
		c.Out = redcon.AppendString(c.Out, line)
	}
}
