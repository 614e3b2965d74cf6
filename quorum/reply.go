package quorum

import (
	"errors"

	"ringmain/resp"
)

var errShape = errors.New("it has another shape")

// maxValues bounds the elements of an answer.
const maxValues = 64 << 10

// texts reads an array of strings, nil where one is missing.
func texts(reply []byte) (list []*string, ok bool) {
	n, rest, ok := resp.Array(reply)
	if !ok || n > maxValues {
		return nil, false
	}
	for range n {
		var elem []byte
		var err error
		if elem, rest, err = resp.Element(rest); err != nil {
			return nil, false
		}
		if resp.IsNull(elem) {
			list = append(list, nil)
			continue
		}
		text, ok := resp.Bulk(elem)
		if !ok {
			return nil, false
		}
		s := string(text)
		list = append(list, &s)
	}
	return list, len(rest) == 0
}

// values reads the flat array that a script has returned.
func values(reply []byte) (list []Value, ok bool) {
	n, rest, ok := resp.Array(reply)
	if !ok || n > maxValues {
		return nil, false
	}
	list = make([]Value, 0, n)
	for range n {
		var elem []byte
		var err error
		if elem, rest, err = resp.Element(rest); err != nil {
			return nil, false
		}
		var v Value
		if v.Null = resp.IsNull(elem); !v.Null {
			if v.Int, ok = resp.Integer(elem); !ok {
				text, ok := resp.Bulk(elem)
				if !ok {
					return nil, false
				}
				v.Text = string(text)
			}
		}
		list = append(list, v)
	}
	return list, len(rest) == 0
}
