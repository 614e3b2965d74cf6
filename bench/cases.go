package main

import (
	"fmt"
	"slices"
	"strings"
)

// operation is a command that redis-benchmark sends.
type operation string

const (
	opGet  operation = "GET"
	opSet  operation = "SET"
	opMget operation = "MGET"
)

// mgetKeys is how many keys one MGET asks for.
const mgetKeys = 10

// benchCase is one load: it is measured on every target in turn.
type benchCase struct {
	op       operation
	pipeline int
	clients  int
	size     int // of a value, bytes
}

func (c benchCase) String() string {
	return fmt.Sprintf("%-4s P=%-2d c=%-4d %s", c.op, c.pipeline, c.clients, sizeName(c.size))
}

func sizeName(n int) string {
	if n >= 1024 {
		return fmt.Sprintf("%d KiB", n/1024)
	}
	return fmt.Sprintf("%d B", n)
}

// keySpace is how many keys there are for values of the given size: many, so
// that they spread over the servers, and no more than fit into memory.
func keySpace(size int) int {
	switch {
	case size >= 64<<10:
		return 2000
	case size >= 1<<10:
		return 50000
	}
	return 100000
}

// fullCases are in order of size, so that keys are loaded once for each.
func fullCases() []benchCase {
	var cases []benchCase
	add := func(pipeline, clients, size int) {
		for _, op := range []operation{opGet, opSet, opMget} {
			cases = append(cases, benchCase{op, pipeline, clients, size})
		}
	}
	for _, pipeline := range []int{1, 16} {
		for _, clients := range []int{50, 500, 5000} {
			add(pipeline, clients, 64)
		}
	}
	for _, pipeline := range []int{1, 16} {
		for _, clients := range []int{50, 500} {
			add(pipeline, clients, 1<<10)
		}
	}
	add(1, 50, 64<<10)
	return cases
}

func quickCases() []benchCase {
	return []benchCase{
		{opGet, 1, 50, 64}, {opSet, 1, 50, 64},
		{opGet, 16, 50, 64}, {opSet, 16, 50, 64},
	}
}

// abCases are what two builds of ours are compared by.
func abCases(quick bool) []benchCase {
	if quick {
		return quickCases()
	}
	return append(quickCases(),
		benchCase{opMget, 1, 50, 64}, benchCase{opMget, 16, 50, 64},
		benchCase{opGet, 16, 500, 1 << 10}, benchCase{opSet, 16, 500, 1 << 10})
}

// matching are the cases with the given words in their name.
func matching(cases []benchCase, words string) []benchCase {
	return slices.DeleteFunc(cases, func(c benchCase) bool { return !strings.Contains(c.String(), words) })
}

// sizes are the value sizes of cases, each once, in order.
func sizes(cases []benchCase) []int {
	var all []int
	for _, c := range cases {
		if len(all) == 0 || all[len(all)-1] != c.size {
			all = append(all, c.size)
		}
	}
	return all
}
