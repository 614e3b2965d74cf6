package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	// File is the name that Parse was given; empty for a configuration that
	// was built in code.
	File string
	// Line and Column count from 1. Zero: not known, or the whole file.
	Line, Column int
	// Path names the value, such as pools.main.nodes[1].weight. Empty: the
	// whole file.
	Path string
	// Message says what must be, and what is.
	Message string
}

// Error is file:line:column: path: message, without the parts not known.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	for _, n := range []int{f.Line, f.Column} {
		if n > 0 {
			fmt.Fprintf(&b, ":%d", n)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Faults is the error of Load, Parse and Validate: all that is wrong, in the
// order of the file.
type Faults []Fault

// maxFaultsShown keeps the message of a file that is something else altogether
// within a screen or two.
const maxFaultsShown = 50

// Error has one fault a line.
func (fs Faults) Error() string {
	lines := make([]string, 0, min(len(fs), maxFaultsShown+1))
	for i, f := range fs {
		if i == maxFaultsShown {
			lines = append(lines, fmt.Sprintf("and %d more", len(fs)-i))
			break
		}
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// orNil keeps an empty list from becoming an error that is not nil.
func (fs Faults) orNil() error {
	if len(fs) == 0 {
		return nil
	}
	sortFaults(fs)
	return fs
}

// sortFaults brings faults into the order of the file.
func sortFaults(fs []Fault) {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
}
