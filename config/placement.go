package config

import (
	"fmt"
	"slices"
)

const (
	pointsPerUnit = 640
	// maxRingPoints bounds the points of all pools' rings together, and the
	// entries of all lists of modula.
	maxRingPoints = 2_000_000
	maxWeight     = 100
	// maxMaglevWeights bounds a pool's weights together: each unit needs 100 of
	// the slots of maglev's table, which has up to 655,373.
	maxMaglevWeights = 6_553
	// maxKetamaWeight keeps the sum of all weights within 32 bits.
	maxKetamaWeight = 1_000_000
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
	most := maxWeight
	switch p.Distribution {
	case "jump":
		most = 1 // it gives all servers the same share
	case "ketama":
		most = maxKetamaWeight
	case "modula":
		most = maxRingPoints
	}
	for i, n := range p.Nodes {
		at := fmt.Sprintf("%s.nodes[%d].weight", path, i)
		if most == 1 && n.Weight != 1 {
			v.fault(at, "must be 1 with distribution jump, which knows no weights, is %d", n.Weight)
			continue
		}
		inRange(v, at, n.Weight, 1, most)
	}
	if w := p.weights(); p.Distribution == "maglev" && w > maxMaglevWeights {
		v.fault(path, "the weights must be at most %d together with distribution maglev, are %d", maxMaglevWeights, w)
	}
}

// placementSize checks what the placement of all pools takes.
func (v *validator) placementSize(pools map[string]*Pool) {
	points, entries := 0, 0
	for _, p := range pools {
		switch {
		case p == nil:
		case p.Distribution == "ring":
			points += pointsPerUnit * p.weights()
		case p.Distribution == "modula":
			entries += p.weights()
		}
	}
	if points > maxRingPoints {
		v.fault("pools", "their rings would have %d points (%d for each unit of weight), at most %d are allowed",
			points, pointsPerUnit, maxRingPoints)
	}
	if entries > maxRingPoints {
		v.fault("pools", "the weights with distribution modula must be at most %d together, are %d", maxRingPoints, entries)
	}
}

// weights is the sum of the weights, without what is not valid.
func (p *Pool) weights() int {
	if p.ByDNS() {
		return maxDNSServers
	}
	sum := max(0, min(p.Embedded, maxServers))
	for _, n := range p.Nodes {
		sum += max(0, min(n.Weight, maxRingPoints))
	}
	return sum
}

// scattersBadly reports whether a pool's hash gives such small numbers that
// ketama, which looks for them on a circle of 32 bits, finds one server for
// nearly all of them.
func (p *Pool) scattersBadly() bool {
	return p.Distribution == "ketama" && slices.Contains([]string{"crc16", "crc32"}, p.Hash)
}
