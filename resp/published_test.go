package resp

import (
	"bytes"
	"testing"
)

func TestMessagesAreToldFromReplies(t *testing.T) {
	for _, test := range []struct {
		in   string
		want *Published
	}{
		{"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", &Published{Channel: []byte("c"), Payload: []byte("hi")}},
		{"*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$0\r\n\r\n", &Published{Shard: true, Channel: []byte("c"), Payload: []byte{}}},
		{"*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$4\r\na\r\nb\r\n", &Published{Pattern: []byte("c*"), Channel: []byte("c"), Payload: []byte("a\r\nb")}},
		{"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", nil},
		{"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n:1\r\n", nil},
		{"*4\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n$1\r\ny\r\n", nil},
		{"*3\r\n$8\r\npmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", nil},
		{"*2\r\n$4\r\npong\r\n$0\r\n\r\n", nil},
		{"+PONG\r\n", nil},
		{"-ERR x\r\n", nil},
		{"*-1\r\n", nil},
		{"*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nx\r\n", nil},
	} {
		got, ok := ReadPublished([]byte(test.in))
		switch {
		case ok != (test.want != nil):
			t.Errorf("%q is a message: %v", test.in, ok)
		case ok && !(bytes.Equal(got.Pattern, test.want.Pattern) && (got.Pattern == nil) == (test.want.Pattern == nil) && got.Shard == test.want.Shard &&
			bytes.Equal(got.Channel, test.want.Channel) && bytes.Equal(got.Payload, test.want.Payload)):
			t.Errorf("%q: %+v", test.in, got)
		}
	}
}

func TestConfirmationsNameCommandAndChannel(t *testing.T) {
	for in, want := range map[string][2]string{
		"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n":          {"subscribe", "c"},
		"*3\r\n$12\r\npunsubscribe\r\n$2\r\na*\r\n:0\r\n":     {"punsubscribe", "a*"},
		"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n":           {"unsubscribe", ""},
		"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n":       {},
		"*3\r\n$9\r\nsubscribe\r\n:1\r\n:1\r\n":               {},
		"*2\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n":                {},
		"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n+more\r\n": {},
		"+OK\r\n": {},
	} {
		command, channel, ok := ReadSubscribed([]byte(in))
		if ok != (want[0] != "") || ok && (string(command) != want[0] || string(channel) != want[1]) {
			t.Errorf("%q: %q %q %v", in, command, channel, ok)
		}
	}
}

func FuzzReadPublished(f *testing.F) {
	f.Add([]byte("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"))
	f.Add([]byte("*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$0\r\n\r\n"))
	f.Add([]byte("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"))
	f.Add([]byte("*3\r\n$7\r\nmessage\r\n$9223372036854775807\r\nc\r\n$2\r\nhi\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = ReadSubscribed(b)
		p, ok := ReadPublished(b)
		if !ok {
			return
		}
		parts := [][]byte{[]byte("message"), p.Channel, p.Payload}
		switch {
		case p.Pattern != nil:
			parts = [][]byte{[]byte("pmessage"), p.Pattern, p.Channel, p.Payload}
		case p.Shard:
			parts[0] = []byte("smessage")
		}
		if again := AppendCommand(nil, parts...); !bytes.Equal(again, b) {
			t.Fatalf("%q was read as %q", b, again)
		}
		if _, _, ok := ReadSubscribed(b); ok {
			t.Fatalf("%q is a confirmation, too", b)
		}
	})
}
