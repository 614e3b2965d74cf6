package difftest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Bounds of one reply. What goes beyond is an error, so that a server that has
// lost its way shows at once.
const (
	maxReply = 64 << 20 // bytes
	maxDepth = 16
	maxLine  = 64 << 10
)

// Value is one reply, or an element of one.
type Value struct {
	// Kind is the type byte: + - : $ * _ # , ( ! = % ~ >
	Kind byte
	// Null: a null of either protocol; there is nothing more.
	Null bool
	// Text is the line of a simple value, the payload of a bulk one.
	Text string
	// Elems are those of an aggregate; of a map keys and values in turn.
	Elems []Value
}

// IsError reports whether v is an error reply.
func (v *Value) IsError() bool { return v.Kind == '-' || v.Kind == '!' }

// IsAggregate reports whether v has elements, or could have.
func (v *Value) IsAggregate() bool {
	switch v.Kind {
	case '*', '%', '~', '>':
		return !v.Null
	}
	return false
}

// Int is the number in an integer reply or a string.
func (v *Value) Int() (int64, bool) {
	n, err := strconv.ParseInt(v.Text, 10, 64)
	return n, err == nil && !v.Null && !v.IsAggregate()
}

// Reply is one reply with the bytes it came as.
type Reply struct {
	Value
	Raw string
}

// Reader reads replies from a connection. It is for one goroutine.
type Reader struct {
	r   *bufio.Reader
	raw []byte
}

// NewReader makes a Reader.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, maxLine)} }

// Read reads one reply. With an error the reply's Raw holds what came of it; the
// connection is of no use then.
func (r *Reader) Read() (Reply, error) {
	r.raw = r.raw[:0]
	v, err := r.value(0)
	return Reply{v, string(r.raw)}, err
}

// Rest reads everything up to the end of the stream.
func (r *Reader) Rest() (string, error) {
	b, err := io.ReadAll(io.LimitReader(r.r, maxReply))
	return string(b), err
}

func (r *Reader) line() (string, error) {
	b, err := r.r.ReadSlice('\n')
	r.raw = append(r.raw, b...)
	if err != nil {
		return "", err
	}
	if len(b) < 2 || b[len(b)-2] != '\r' {
		return "", fmt.Errorf("the line %q does not end in CR LF", b)
	}
	return string(b[:len(b)-2]), nil
}

func (r *Reader) value(depth int) (Value, error) {
	line, err := r.line()
	if err != nil {
		return Value{}, err
	}
	if line == "" {
		return Value{}, errors.New("a reply begins with an empty line")
	}
	v := Value{Kind: line[0], Text: line[1:]}
	switch v.Kind {
	case '+', '-', ':', ',', '(', '#':
		return v, v.check()
	case '_':
		v.Null = true
		return v, v.check()
	case '$', '!', '=':
		return r.payload(v)
	case '*', '~', '%', '>':
		return r.elements(v, depth)
	}
	return v, fmt.Errorf("no reply begins with %q", line)
}

// check looks at the text of a value of one line.
func (v *Value) check() error {
	good := true
	switch v.Kind {
	case ':':
		n, ok := v.Int()
		good = ok && strconv.FormatInt(n, 10) == v.Text
	case '#':
		good = v.Text == "t" || v.Text == "f"
	case '_':
		good = v.Text == ""
	case ',':
		_, err := strconv.ParseFloat(v.Text, 64)
		good = err == nil
	}
	if !good {
		return fmt.Errorf("%q is no value of type %q", v.Text, v.Kind)
	}
	return nil
}

// length reads the number in a header; -1 makes the value null.
func (v *Value) length(most int) (int, error) {
	n, err := strconv.Atoi(v.Text)
	if err != nil || strconv.Itoa(n) != v.Text || n < -1 || n > most {
		return 0, fmt.Errorf("%q is no length", v.Text)
	}
	if n == -1 && v.Kind != '$' && v.Kind != '*' {
		return 0, fmt.Errorf("a null of type %q", v.Kind)
	}
	v.Text, v.Null = "", n == -1
	return max(n, 0), nil
}

func (r *Reader) payload(v Value) (Value, error) {
	n, err := v.length(maxReply)
	if err != nil || v.Null {
		return v, err
	}
	start := len(r.raw)
	if start+n > maxReply {
		return v, errors.New("the reply is too long")
	}
	r.raw = append(r.raw, make([]byte, n+2)...)
	if _, err := io.ReadFull(r.r, r.raw[start:]); err != nil {
		return v, err
	}
	if string(r.raw[start+n:]) != "\r\n" {
		return v, fmt.Errorf("a string of %d bytes does not end in CR LF", n)
	}
	v.Text = string(r.raw[start : start+n])
	return v, nil
}

func (r *Reader) elements(v Value, depth int) (Value, error) {
	if depth == maxDepth {
		return v, errors.New("the reply is nested too deep")
	}
	n, err := v.length(maxReply / 8)
	if err != nil {
		return v, err
	}
	if v.Kind == '%' {
		n *= 2
	}
	for range n {
		e, err := r.value(depth + 1)
		if err != nil {
			return v, err
		}
		if len(r.raw) > maxReply {
			return v, errors.New("the reply is too long")
		}
		v.Elems = append(v.Elems, e)
	}
	return v, nil
}
