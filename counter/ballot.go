package counter

import "strconv"

// ballot is the number of a round. No two rounds have the same.
type ballot struct {
	n  uint64 // grows with every round of a register; zero: none
	by uint64 // the incarnation of the proposer
}

// ballotLen is the length of a ballot as servers keep it: both numbers in lower-case
// hexadecimal of fixed width, so that Lua, which compares by the server's locale,
// orders them as we do.
const ballotLen = 16 + 1 + 16

const noBallot = "0000000000000000.0000000000000000"

// epochBits is how many of n's bits count within an epoch; those above are its number.
// A server that was emptied takes part in nothing below a new epoch, see Copy. So a
// ballot of an epoch may exist only once a server has told of that epoch: a
// proposer never counts into the next one.
const epochBits = 48

func (b ballot) less(o ballot) bool { return b.n < o.n || b.n == o.n && b.by < o.by }

func (b ballot) String() string { return string(b.append(make([]byte, 0, ballotLen))) }

func (b ballot) append(dst []byte) []byte {
	return appendHex(append(appendHex(dst, b.n), '.'), b.by)
}

// above is n raised by a step; false: that would be the next epoch's.
func above(n, step uint64) (uint64, bool) {
	return n + step, (n+step)>>epochBits == n>>epochBits
}

func appendHex(dst []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>shift&15])
	}
	return dst
}

// parseBallot reads what String wrote.
func parseBallot(s string) (b ballot, ok bool) {
	if len(s) != ballotLen || s[16] != '.' {
		return b, false
	}
	n, ok1 := parseHex(s[:16])
	by, ok2 := parseHex(s[17:])
	return ballot{n, by}, ok1 && ok2
}

// parseHex reads sixteen lower-case digits.
func parseHex(s string) (n uint64, ok bool) {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, len(s) == 16
}

// parseCount reads a plain number.
func parseCount(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}
