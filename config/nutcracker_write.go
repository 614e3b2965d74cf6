package config

import (
	"fmt"
	"strconv"
	"strings"
)

// write is the configuration as YAML. It says what differs from the defaults, and
// at its top what the operator should know.
func (i *nutcrackerImport) write(name string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by `ringmain import nutcracker` of %s.\n", strconv.Quote(name))
	b.WriteString("# It places every key as that file does: the names of the nodes decide, keep them.\n")
	if len(i.notes) > 0 {
		b.WriteString("#\n# What is different, by the lines of that file:\n")
	}
	for _, n := range i.notes {
		fmt.Fprintf(&b, "#   %d: %s: %s\n", n.Line, n.Path, n.Message)
	}
	b.WriteString("\nlisteners:\n")
	for _, l := range i.cfg.Listeners {
		fmt.Fprintf(&b, "  - address: %s\n", quoteYAML(l.Address))
		if l.Pool != "" {
			fmt.Fprintf(&b, "    pool: %s\n", quoteYAML(l.Pool))
		}
		if l.AllowOpen {
			b.WriteString("    allow_open: true\n")
		}
	}
	if i.cfg.Limits.Clients > 0 {
		fmt.Fprintf(&b, "\nlimits:\n  clients: %d\n", i.cfg.Limits.Clients)
	}
	b.WriteString("\npools:\n")
	for _, theirs := range i.names {
		ours := i.ours[theirs]
		fmt.Fprintf(&b, "  %s:\n", quoteYAML(ours))
		writePool(&b, i.cfg.Pools[ours])
	}
	return []byte(b.String())
}

func writePool(b *strings.Builder, p *Pool) {
	fmt.Fprintf(b, "    distribution: %s\n    hash: %s\n    hash_tag: %s\n", p.Distribution, p.Hash, quoteYAML(p.HashTag))
	if p.Database != 0 {
		fmt.Fprintf(b, "    database: %d\n", p.Database)
	}
	fmt.Fprintf(b, "    preconnect: %v\n", p.Preconnect)
	fmt.Fprintf(b, "    timeouts:\n      request: %v\n      slow: %v\n", p.Timeouts.Request, p.Timeouts.Slow)
	if password := p.Auth.Password.Reveal(); password != "" {
		b.WriteString("    auth:\n      # Better in a file or an environment variable: password_file, password_env.\n")
		fmt.Fprintf(b, "      password: %s\n", quoteYAML(password))
	}
	b.WriteString("    nodes:\n")
	for _, n := range p.Nodes {
		fmt.Fprintf(b, "      - {name: %s, address: %s, weight: %d}\n", quoteYAML(n.Name), quoteYAML(n.Address), n.Weight)
	}
}

// quoteYAML makes a value in double quotes of text, which must be UTF-8. Go's
// escapes of such texts are YAML's, too; that of the beginning of a variable is
// our own.
func quoteYAML(text string) string {
	return strconv.Quote(strings.ReplaceAll(text, "${", "$${"))
}
