package resp

import (
	"reflect"
	"testing"
)

func TestRepliesAreRead(t *testing.T) {
	type reading struct {
		text, fault string
		v           int64
		null        bool
	}
	for reply, want := range map[string]reading{
		"+OK\r\n":                   {text: "OK"},
		"$3\r\nabc\r\n":             {text: "abc"},
		"$-1\r\n":                   {null: true},
		"*-1\r\n":                   {null: true},
		"_\r\n":                     {null: true},
		"=7\r\ntxt:abc\r\n":         {text: "abc"},
		":-9223372036854775808\r\n": {v: -1 << 63},
		":-9223372036854775809\r\n": {}, ":9223372036854775808\r\n": {},
		":-12\r\n":                          {v: -12},
		"-ERR x\r\n":                        {fault: "ERR x"},
		"!5\r\nERR y\r\n":                   {fault: "ERR y"},
		"|1\r\n+a\r\n+b\r\n|0\r\n:7\r\n":    {v: 7},
		"|1\r\n+a\r\n*1\r\n_\r\n-ERR z\r\n": {fault: "ERR z"},
		"":                                  {}, "+": {}, "$5\r\nab": {}, "=2\r\nab\r\n": {}, ":x\r\n": {}, "|9\r\n": {}, "$": {}, ":1": {},
	} {
		b := []byte(reply)
		var got reading
		text, isText := Bulk(b)
		fault, isFault := ErrorText(b)
		got.text, got.fault, got.null = string(text), string(fault), IsNull(b)
		v, isInteger := Integer(b)
		if isInteger {
			got.v = v
		}
		if got != want {
			t.Errorf("%q: %+v, want %+v", reply, got, want)
		}
		if isText != (want.text != "") || isFault != (want.fault != "") || isInteger != (want.v != 0) || IsError(b) != isFault {
			t.Errorf("%q: text %v, error %v, integer %v, IsError %v", reply, isText, isFault, isInteger, IsError(b))
		}
	}
}

func TestElementsOfAnAggregateAreCutOutOneByOne(t *testing.T) {
	for reply, want := range map[string][]string{
		"*3\r\n$1\r\na\r\n*1\r\n:1\r\n$-1\r\n": {"$1\r\na\r\n", "*1\r\n:1\r\n", "$-1\r\n"},
		"%1\r\n+a\r\n|1\r\n+b\r\n+c\r\n:1\r\n": {"+a\r\n", "|1\r\n+b\r\n+c\r\n:1\r\n"},
		"|1\r\n+b\r\n+c\r\n~1\r\n_\r\n":        {"_\r\n"},
		">1\r\n+x\r\n":                         {"+x\r\n"},
	} {
		n, rest, ok := Array([]byte(reply))
		var got []string
		for range n {
			elem, after, err := Element(rest)
			if err != nil {
				t.Fatalf("%q: %v", reply, err)
			}
			got, rest = append(got, string(elem)), after
		}
		if !ok || len(rest) != 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %q left, %v", reply, got, rest, ok)
		}
	}
	for _, reply := range []string{"", "*-1\r\n", "+a\r\n", "*x\r\n", "*", "*2", "*2000000\r\n"} {
		if _, _, ok := Array([]byte(reply)); ok {
			t.Errorf("%q is no array", reply)
		}
	}
	if _, _, err := Element([]byte("$3\r\nab")); err != ErrIncomplete {
		t.Error(err)
	}
	if _, _, err := Element([]byte("$x\r\n")); err != errHeader {
		t.Error(err)
	}
}
