package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// malformed is what a client may send that does not speak the protocol well.
type malformed struct {
	bytes   string
	segment int // sent in random pieces of at most so many bytes; 0: at once
}

// corpus makes up malformed requests, always the same for one seed.
type corpus struct {
	*rand.Rand
	n int // of the case
}

// cases makes n of them.
func (c *corpus) cases(n int) []malformed {
	list := make([]malformed, n)
	for i := range list {
		c.n = i
		text := c.text() + c.sentinel()
		list[i] = malformed{text, c.segment(len(text))}
	}
	return list
}

// sentinel shows by its replies, or their absence, what state the bytes before
// it have left the connection in.
func (c *corpus) sentinel() string {
	return c.one("", "PING\r\n", "\r\nPING\r\n", "\r\n*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING\r\n",
		"\r\nECHO \"still here\"\r\n", "\r\n\r\nPING\r\nQUIT\r\nPING\r\n")
}

func (c *corpus) segment(size int) int {
	switch chance := c.IntN(10); {
	case chance < 6:
		return 0
	case chance < 8 && size < 500:
		return 1
	case size < 5000:
		return 1 + c.IntN(40)
	}
	return 5000
}

func (c *corpus) one(texts ...string) string { return texts[c.IntN(len(texts))] }

func (c *corpus) text() string {
	switch c.IntN(64) {
	case 0:
		return c.long()
	case 1, 2, 3, 4:
		return c.http()
	}
	switch c.IntN(7) {
	case 0:
		return c.lengths()
	case 1:
		return c.lineEnds()
	case 2:
		return c.nesting()
	case 3:
		return c.quoting()
	case 4:
		s := c.valid()
		return s[:c.IntN(len(s))]
	case 5:
		return c.damaged()
	default:
		return c.arguments()
	}
}

// key is the case's own.
func (c *corpus) key() string { return fmt.Sprintf("key%06d", c.n) }

// valid is a pipeline with nothing wrong about it.
func (c *corpus) valid() string {
	var b strings.Builder
	for range 1 + c.IntN(4) {
		k := c.key()
		args := [][]string{
			{"PING"}, {"ECHO", "some text"}, {"SET", k, "value"}, {"GET", k}, {"MGET", k, k + "x", k + "y"},
			{"EXISTS", k + "1", k + "2", k + "3"}, {"PING", "\r\n"}, {"ECHO", ""}, {"TYPE", k + "none"},
		}[c.IntN(9)]
		if c.IntN(4) == 0 && plainWords(args) {
			b.WriteString(strings.Join(args, " ") + c.one("\r\n", "\n"))
		} else {
			b.WriteString(array(args...))
		}
	}
	return b.String()
}

// number is a length as it should not be, but now and then.
func (c *corpus) number(good int) string {
	return c.one(fmt.Sprint(good), fmt.Sprint(good), fmt.Sprint(good), "0", "-1", "-0", "00", "1", "2", "-2", "01", "+1", " 1", "1 ",
		"", "x", "1x", "0x1", "1e3", "1.0", "-", "--1", "-01", "9", "10", "11", "1048576", "1048577", "67108863", "67108864",
		"67108865", "536870912", "536870913", "2147483647", "2147483648", "-2147483648", "4294967297", "4294967300",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
		"18446744073709551617", "99999999999999999999", strings.Repeat("0", 100)+"1", strings.Repeat("1", 1000), "1\x00", "\x001",
		"1\t", "\t1", "١", "+", "4\n", "4\r", fmt.Sprint(c.IntN(100)), fmt.Sprint(c.Int64()))
}

// lengths is a request whose declared lengths are odd.
func (c *corpus) lengths() string {
	args := [][]string{{"PING"}, {"ECHO", "x"}, {"SET", c.key(), "value"}, {"GET", c.key()}}[c.IntN(4)]
	odd := c.IntN(1 + len(args))
	count := fmt.Sprint(len(args))
	if odd == 0 {
		count = c.number(len(args))
	}
	var b strings.Builder
	b.WriteString("*" + count + "\r\n")
	for i, a := range args {
		size := fmt.Sprint(len(a))
		if odd == i+1 {
			size = c.number(len(a))
		}
		b.WriteString("$" + size + "\r\n" + a + "\r\n")
	}
	return b.String()
}

// lineEnds has an end of line, or several, that is not CR LF.
func (c *corpus) lineEnds() string {
	parts := strings.Split(c.valid(), "\r\n")
	odd := c.IntN(len(parts))
	var b strings.Builder
	for i, p := range parts {
		b.WriteString(p)
		switch {
		case i == len(parts)-1:
		case i == odd || c.IntN(20) == 0:
			b.WriteString(c.one("\n", "\r", "", "\r\r\n", "\n\r", "\r\x00", "\x00\r\n", "x\r\n", " \r\n", "\r\n\r\n", "\n\n", "\r\n\n",
				"\r ", "xx", "\t\r\n"))
		default:
			b.WriteString("\r\n")
		}
	}
	return b.String()
}

// nesting puts what is no bulk string where Redis takes nothing else.
func (c *corpus) nesting() string {
	element := func() string {
		return c.one("*1\r\n$4\r\nPING\r\n", "*-1\r\n", "*0\r\n", "+PING\r\n", "-ERR x\r\n", ":1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
			"(1\r\n", "%1\r\n+a\r\n+b\r\n", "~0\r\n", "=7\r\ntxt:abc\r\n", "|1\r\n+a\r\n+b\r\n", ">1\r\n+x\r\n", "$4\r\nPING\r\n", "$0\r\n\r\n",
			"$-1\r\n", "\r\n", "\n", "PING\r\n", "\x00\r\n", "\xff\r\n", "!3\r\nERR\r\n", "$?\r\n;1\r\na\r\n;0\r\n", "*?\r\n", ".\r\n")
	}
	n := 1 + c.IntN(3)
	text := fmt.Sprintf("*%d\r\n", n)
	if c.IntN(4) == 0 {
		text = ""
	}
	for range n {
		text += element()
	}
	if c.IntN(10) == 0 {
		text = strings.Repeat("*1\r\n", c.IntN(500)) + text
	}
	return text
}

// quoting is an inline request with blanks, quotes and escapes anywhere.
func (c *corpus) quoting() string {
	var b strings.Builder
	b.WriteString(c.one("ECHO ", "echo ", "PING ", "  ECHO\t", "\"ECHO\" ", "'PING' ", "\"\\x50ING\" ", "SET "+c.key()+" ", "", " "))
	for range c.IntN(12) {
		b.WriteString(c.one("a", "b c", " ", "\t", "\v", "\f", "\"", "'", "\\", "\\\"", "\\'", "\\n", "\\r", "\\t", "\\b", "\\a", "\\x41", "\\xZZ",
			"\\x4", "\\x", "\\X41", "\\\\", "\"\"", "''", "\" \"", "' '", "\"a b\"", "'a b'", "\"a\"b", "\x00", "\xff", "é", "\r", "*1", "$4", "x", "\"\\x0d\\x0a\""))
	}
	return b.String() + c.one("\r\n", "\n", "\r\n", "\r", "\r\r\n")
}

// http is what a browser sends, or something like it.
func (c *corpus) http() string {
	method := c.one("POST", "post", "GET", "PUT", "HEAD", "OPTIONS", "CONNECT", "PRI", "Post")
	text := method + c.one(" / HTTP/1.1\r\n", " /x HTTP/1.0\n", " * HTTP/2.0\r\n\r\nSM\r\n", "\r\n", " /", " /"+c.key()+"\r\n")
	for range c.IntN(4) {
		text += c.one("Host: 127.0.0.1\r\n", "host: x\r\n", "HOST: x\n", "Host:\r\n", "Hosts: x\r\n", "Accept: */*\r\n",
			"Content-Length: 4\r\n", "User-Agent: \"x\r\n", "Cookie: a='b\r\n", "\r\n", "PING\r\n", "SET "+c.key()+" v\r\n")
	}
	if c.IntN(8) == 0 {
		text = array(c.one("POST", "host:", "Host"), "x") + text
	}
	if c.IntN(8) == 0 { // the beginning of TLS
		text = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + text
	}
	return text
}

// damaged is a good pipeline with a few bytes changed.
func (c *corpus) damaged() string {
	b := []byte(c.valid())
	for range 1 + c.IntN(3) {
		if len(b) == 0 {
			break
		}
		i := c.IntN(len(b))
		switch c.IntN(4) {
		case 0:
			b[i] ^= 1 << c.IntN(8)
		case 1:
			b = append(b[:i], b[i+1:]...)
		case 2:
			b[i] = c.one("\r", "\n", "*", "$", "0", "9", "-", " ", "\x00", "\"", "\xff")[0]
		default:
			j := i + c.IntN(len(b)-i)
			b = append(b[:j:j], b[i:]...) // a piece comes twice
		}
	}
	return string(b)
}

// arguments is well formed, but says odd things.
func (c *corpus) arguments() string {
	name := c.one("", " ", "\x00", "PING\x00", "PI\x00NG", "\r\n", "nosuch", "no such", "PING ", " PING", "\"PING\"", "PÎNG", "\xff\xfe",
		strings.Repeat("x", 127), strings.Repeat("y", 300), "PING", "ECHO", "GET", "CLIENT", "SELECT", "HELLO", "CONFIG", "pInG", "MSET",
		"CLIENT|ID", "config|get", "%s%n", "*1", "post:", "SET")
	args := []string{name}
	for range c.IntN(5) {
		args = append(args, c.one("", "x", "\x00", "a\x00b", "\r\n", "SETNAME", "GETNAME", "nosuch", "a b", "0", "+0", "00", "-0", "0 ", " 0", "-1",
			"99", "3x", "+3", "03", "2147483648", "9223372036854775808", "AUTH", "\xff", strings.Repeat("z", 127), strings.Repeat("w", 200), c.key()))
	}
	if c.IntN(3) == 0 && plainWords(args) {
		return strings.Join(args, " ") + "\r\n"
	}
	return array(args...)
}

// long has a line near or far beyond what Redis takes. Between 64 and 160 KiB it
// depends on how the bytes arrive there, so none is of that length.
func (c *corpus) long() string {
	n := []int{1000, 16_000, 33_000, 60_000, 64_000, 300_000}[c.IntN(6)]
	filling := strings.Repeat(c.one("x", "1", "0", " ", "\"", "-", "\\", "\x00", "y "), n)[:n]
	switch c.IntN(6) {
	case 0:
		return "*" + filling + "\r\n"
	case 1:
		return "*1\r\n$" + filling + "\r\n"
	case 2:
		return "ECHO " + filling + "\r\n"
	case 3:
		return array("ECHO", filling)
	case 4:
		return "*2\r\n$4\r\nECHO\r\n" + filling
	}
	return filling
}
