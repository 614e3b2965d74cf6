package command

import "slices"

// families are the groups of the commands, sorted, with one for those of all modules,
// and familyOf the index in it of each row's.
var (
	families []string
	familyOf []uint8
)

func init() {
	for i := range table {
		families = append(families, table[i].family())
	}
	familyOf = make([]uint8, len(table))
	slices.Sort(families)
	families = slices.Compact(families)
	for i := range table {
		at, _ := slices.BinarySearch(families, table[i].family())
		familyOf[i] = uint8(at)
	}
}

func (c *Command) family() string {
	if c.Flags&Module != 0 {
		return "module"
	}
	return c.Group
}

// Families are the groups that commands are counted by, in alphabetical order.
func Families() []string { return slices.Clone(families) }

// Family is the index of the command's group in Families.
func (c *Command) Family() int { return int(familyOf[c.id]) }
