package command

import "slices"

// families are the groups of the commands, sorted, and familyOf the index in it of
// each row's.
var (
	families []string
	familyOf []uint8
)

func init() {
	for i := range table {
		families = append(families, table[i].Group)
	}
	familyOf = make([]uint8, len(table))
	slices.Sort(families)
	families = slices.Compact(families)
	for i := range table {
		at, _ := slices.BinarySearch(families, table[i].Group)
		familyOf[i] = uint8(at)
	}
}

// Families are the groups that commands are counted by, in alphabetical order.
func Families() []string { return slices.Clone(families) }

// Family is the index of the command's group in Families.
func (c *Command) Family() int { return int(familyOf[c.id]) }
