package resp

import (
	"strings"
	"testing"
)

func TestRepliesTakeTheFormOfTheProtocol(t *testing.T) {
	for protocol, want := range map[int]string{
		2: "$-1\r\n*-1\r\n*4\r\n*2\r\n*3\r\n$2\r\nhi\r\n",
		3: "_\r\n_\r\n%2\r\n~2\r\n>3\r\n=6\r\ntxt:hi\r\n",
	} {
		b := AppendNull(nil, protocol)
		b = AppendNullArray(b, protocol)
		b = AppendMap(b, protocol, 2)
		b = AppendSet(b, protocol, 2)
		b = AppendPush(b, protocol, 3)
		b = AppendVerbatim(b, protocol, "hi")
		if string(b) != want {
			t.Errorf("RESP%d: %q", protocol, b)
		}
	}
}

func TestCommandsAreArraysOfBulks(t *testing.T) {
	want := "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\n0123456789\r\n\r\n"
	if got := AppendCommand(nil, "SET", "", "0123456789\r\n"); string(got) != want {
		t.Errorf("%q", got)
	}
	if got := AppendCommand(nil, []byte("SET"), nil, []byte("0123456789\r\n")); string(got) != want {
		t.Errorf("%q", got)
	}
}

// What stands on the right is what redis-server 7.0.15 answered.
func TestErrorsAreRedisWordForWord(t *testing.T) {
	unknown := func(args ...string) string {
		var list [][]byte
		for _, arg := range args {
			list = append(list, []byte(arg))
		}
		return string(AppendUnknownCommand(nil, list))
	}
	a := strings.Repeat
	for _, c := range []struct{ got, want string }{
		{unknown("foo"), "-ERR unknown command 'foo', with args beginning with: \r\n"},
		{unknown("foo", "a\rb", "c\r\nd"), "-ERR unknown command 'foo', with args beginning with: 'a b' 'c  d' \r\n"},
		{unknown("f\x00oo", "a\x00b", "c"), "-ERR unknown command 'f', with args beginning with: 'a' 'c' \r\n"},
		{unknown(a("f", 300), "b"), "-ERR unknown command '" + a("f", 128) + "', with args beginning with: 'b' \r\n"},
		{unknown("foo", a("a", 300), "b"), "-ERR unknown command 'foo', with args beginning with: '" + a("a", 128) + "' \r\n"},
		{unknown("foo", a("a", 125), "bcd"), "-ERR unknown command 'foo', with args beginning with: '" + a("a", 125) + "' \r\n"},
		{unknown("foo", a("a", 124), "bcd", "e"), "-ERR unknown command 'foo', with args beginning with: '" + a("a", 124) + "' 'b' \r\n"},
		{unknown(append([]string{"foo"}, strings.Fields(a("a ", 200))...)...), "-ERR unknown command 'foo', with args beginning with: " + a("'a' ", 32) + "\r\n"},
		{string(AppendUnknownSubcommand(nil, "config", []byte("xy\rz"))), "-ERR unknown subcommand 'xy z'. Try CONFIG HELP.\r\n"},
		{string(AppendUnknownSubcommand(nil, "client", []byte(a("y", 200)))), "-ERR unknown subcommand '" + a("y", 128) + "'. Try CLIENT HELP.\r\n"},
		{string(AppendWrongArity(nil, "config|get")), "-ERR wrong number of arguments for 'config|get' command\r\n"},
		{string(AppendHelloOption(nil, []byte("f\no"))), "-ERR Syntax error in HELLO option 'f o'\r\n"},
		{string(AppendProtocolError(nil, unexpected('\r'))), "-ERR Protocol error: expected '$', got ' '\r\n"},
	} {
		if c.got != c.want {
			t.Errorf("%q\nwant %q", c.got, c.want)
		}
	}
}
