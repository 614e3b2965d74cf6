package command

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Lookup finds the command of a request, whatever the case of its name: of a
// container (CLIENT ID …) the subcommand, or the container itself if the name
// stands alone. It is nil for an empty request and for what the table does not
// have; Container then tells an unknown subcommand from an unknown command.
// Nothing is allocated, nothing of args is kept.
func Lookup(args [][]byte) *Command {
	if len(args) == 0 {
		return nil
	}
	c := index.find(nil, args[0])
	if c != nil && len(args) > 1 && len(c.children) > 0 {
		return index.find(c, args[1])
	}
	return c
}

// ByName finds a command by its name as COMMAND INFO takes it: "get",
// "CLIENT|id". It is nil if there is none.
func ByName(name []byte) *Command {
	word, sub, isSub := bytes.Cut(name, []byte("|"))
	c := index.find(nil, word)
	if c != nil && isSub {
		return index.find(c, sub)
	}
	return c
}

// Container is the command of that name if it has subcommands, else nil.
func Container(name []byte) *Command {
	c := index.find(nil, name)
	if c == nil || len(c.children) == 0 {
		return nil
	}
	return c
}

// slots is a power of two, at least four times the number of rows, so that
// probing is short.
const slots = 1 << slotBits

const (
	slotBits = 12
	maxRows  = slots / 4
)

// nameIndex is an open hash table of the rows by their container and the last
// word of their name.
type nameIndex struct {
	slots [slots]uint16 // a row number plus one; 0 is empty
	words [maxRows]foldedWord
}

var index nameIndex

func (x *nameIndex) add(c *Command) {
	w := foldWord(c.word)
	x.words[c.id] = w
	i := w.hash(c.parent)
	for x.slots[i] != 0 {
		i = (i + 1) % slots
	}
	x.slots[i] = uint16(c.id + 1)
}

func (x *nameIndex) find(parent *Command, word []byte) *Command {
	w := endsOf(word)
	for i := w.hash(parent); x.slots[i] != 0; i = (i + 1) % slots {
		row := x.slots[i] - 1
		if x.words[row%maxRows].matches(w) && table[row].parent == parent && (w.n <= 16 || equalFold(word, table[row].word)) {
			return &table[row]
		}
	}
	return nil
}

// wordEnds are the first and the last eight bytes of a word, which overlap if it
// is shorter than 16: all of it, unless it is longer. One shorter than eight is
// in first alone.
type wordEnds struct {
	first, last uint64
	n           int
}

func endsOf(word []byte) wordEnds {
	n := len(word)
	switch {
	case n >= 8:
		return wordEnds{binary.LittleEndian.Uint64(word), binary.LittleEndian.Uint64(word[n-8:]), n}
	case n >= 4:
		return wordEnds{uint64(binary.LittleEndian.Uint32(word)) | uint64(binary.LittleEndian.Uint32(word[n-4:]))<<32, 0, n}
	case n > 0:
		return wordEnds{uint64(word[0]) | uint64(word[n/2])<<8 | uint64(word[n-1])<<16, 0, n}
	}
	return wordEnds{}
}

// caseBit is the bit in which upper and lower case differ.
const caseBit = 0x20

// hash takes upper and lower case for the same, and more bytes that differ in
// that bit only.
func (w wordEnds) hash(parent *Command) uint64 {
	const everyByte = 0x0101010101010101 * caseBit
	h := (w.first | everyByte) ^ bits.RotateLeft64(w.last|everyByte, 27) ^ uint64(w.n)<<5
	if parent != nil {
		h += uint64(parent.id+1) << 40
	}
	h *= 0x9e3779b97f4a7c15
	return (h ^ h>>32) * 0x9e3779b97f4a7c15 >> (64 - slotBits)
}

// foldedWord is a word in lower case to compare with in any case. letters has
// caseBit set in each byte that is a letter, as only these have a case.
type foldedWord struct {
	wordEnds
	letters wordEnds
}

func foldWord(lower string) foldedWord {
	letters := []byte(lower)
	for i, ch := range letters {
		letters[i] = 0
		if 'a' <= ch && ch <= 'z' {
			letters[i] = caseBit
		}
	}
	return foldedWord{endsOf([]byte(lower)), endsOf(letters)}
}

func (f *foldedWord) matches(w wordEnds) bool {
	return w.n == f.n && w.first|f.letters.first == f.first && w.last|f.letters.last == f.last
}

// equalFold reports whether word is name, which is in lower case and as long.
func equalFold(word []byte, name string) bool {
	for i, ch := range word {
		if 'A' <= ch && ch <= 'Z' {
			ch |= caseBit
		}
		if ch != name[i] {
			return false
		}
	}
	return true
}
