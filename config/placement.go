package config

import (
	"fmt"
	"slices"
)

const (
	pointsPerUnit = 640
	maxRingPoints = 2_000_000
	maxWeight     = 100
)

// Distributions are the ways to spread keys that a pool may name.
func Distributions() []string {
	return []string{"ring", "ketama", "modula", "jump", "maglev"}
}

// Hashes are the functions that a pool may name. All but the first are
// twemproxy's of that name, with its peculiarities.
func Hashes() []string {
	return []string{
		"xxh64", "one_at_a_time", "md5", "crc16", "crc32", "crc32a", "fnv1_64", "fnv1a_64", "fnv1_32", "fnv1a_32",
		"hsieh", "murmur", "jenkins",
	}
}

// placement checks how the keys of a pool are spread.
func (v *validator) placement(path string, p *Pool) {
	v.oneOf(path+".distribution", p.Distribution, Distributions()...)
	v.oneOf(path+".hash", p.Hash, Hashes()...)
	for i, n := range p.Nodes {
		at := fmt.Sprintf("%s.nodes[%d].weight", path, i)
		if p.Distribution == "jump" {
			if n.Weight != 1 {
				v.fault(at, "must be 1 with distribution jump, which knows no weights, is %d", n.Weight)
			}
			continue
		}
		inRange(v, at, n.Weight, 1, maxWeight)
	}
}

// weights is the sum of the weights that are valid.
func (p *Pool) weights() int {
	sum := max(0, min(p.Embedded, maxServers))
	for _, n := range p.Nodes {
		sum += max(0, min(n.Weight, maxWeight))
	}
	return sum
}

// scattersBadly reports whether a pool's hash gives such small numbers that
// ketama, which looks for them on a circle of 32 bits, finds one server for
// nearly all of them.
func (p *Pool) scattersBadly() bool {
	return p.Distribution == "ketama" && slices.Contains([]string{"crc16", "crc32"}, p.Hash)
}
