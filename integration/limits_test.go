package integration

import (
	"fmt"
	"strings"
	"testing"

	"ringmain/config"
)

func limits(change func(*config.Limits)) option {
	return func(c *config.Config) { change(&c.Limits) }
}

func TestTheClientThatIsOneTooManyIsToldSo(t *testing.T) {
	const most = 20
	for n := 1; n <= 2; n++ {
		r := start(t, servers(startRedis(t, 1)...), loops(n), limits(func(l *config.Limits) { l.Clients = most }))
		clients := make([]*wire, most)
		for i := range clients {
			clients[i] = dial(t, r.Addr())
			expect(t, "PING", clients[i].do("PING"), "+PONG\r\n")
		}
		for range 300 { // more than are refused in good order at a time
			w := dial(t, r.Addr())
			if got := w.rest(); got != "-ERR max number of clients reached\r\n" && got != "" {
				t.Fatalf("the client too many reads %q", got)
			}
			_ = w.Close()
		}
		eventually(t, "one too many that asks is told so", func() bool {
			w := dial(t, r.Addr())
			defer w.Close()
			_ = w.write([]byte("PING\r\n"))
			return w.rest() == "-ERR max number of clients reached\r\n"
		})
		for _, w := range clients {
			expect(t, "PING of one that was there", w.do("PING"), "+PONG\r\n")
		}
		_ = clients[0].Close()
		eventually(t, "there is room again", func() bool {
			w := dial(t, r.Addr())
			defer w.Close()
			_ = w.write([]byte("PING\r\n")) // one that is refused shows below
			reply, err := w.receive()
			return err == nil && reply == "+PONG\r\n"
		})
	}
}

func TestARequestOverTheLimitIsRefusedAndHarmsNobodyElse(t *testing.T) {
	const most = 1 << 20
	r := start(t, servers(startRedis(t, 3)...), limits(func(l *config.Limits) { l.Request = most }))
	other := dial(t, r.Addr())
	refusal := fmt.Sprintf("-ERR Protocol error: request exceeds %d bytes\r\n", most)
	head := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n"
	fits := most - len(head) - len("$1048000\r\n\r\n")
	for name, c := range map[string]struct{ request, want string }{
		"as large as may be":        {array("SET", "k", repeat(fits, "x")) + "PING\r\n", "+OK\r\n+PONG\r\n"},
		"one byte more":             {array("SET", "k", repeat(fits+1, "x")) + "PING\r\n", refusal},
		"after a good one":          {"PING\r\n" + array("SET", "k", repeat(most, "x")), "+PONG\r\n" + refusal},
		"declared and not sent":     {head + "$1048577\r\n", refusal},
		"with the first argument":   {"*2\r\n$536870912\r\n", refusal},
		"of many small arguments":   {array(append([]string{"DEL"}, strings.Fields(repeat(200_000, "kk "))...)...), refusal},
		"of many that just fit":     {array(append([]string{"EXISTS"}, strings.Fields(repeat(100_000, "kk "))...)...), ":0\r\n"},
		"longer than Redis accepts": {head + "$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, r.Addr())
			go func() {
				_ = w.write([]byte(c.request)) // refused before all of it is sent
				_ = w.CloseWrite()
			}()
			expect(t, "the request", w.rest(), c.want)
			expect(t, "another client", other.do("PING"), "+PONG\r\n")
		})
	}
}

func TestARequestOfTooManyArgumentsIsRefused(t *testing.T) {
	r := start(t, servers(startRedis(t, 3)...), limits(func(l *config.Limits) { l.Arguments = 16 }))
	const refusal = "-ERR Protocol error: invalid multibulk length\r\n"
	keys := func(n int) []string { return append([]string{"EXISTS"}, strings.Fields(repeat(n, "k "))...) }
	for name, c := range map[string]struct{ request, want string }{
		"as many as may be":   {array(keys(15)...) + "PING\r\n", ":0\r\n+PONG\r\n"},
		"one more":            {array(keys(16)...) + "PING\r\n", refusal},
		"inline":              {strings.Join(keys(15), " ") + "\r\nPING\r\n", ":0\r\n+PONG\r\n"},
		"inline and one more": {strings.Join(keys(16), " ") + "\r\nPING\r\n", refusal},
		"declared only":       {"*17\r\n", refusal},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, r.Addr())
			w.send(c.request)
			_ = w.CloseWrite()
			expect(t, "the request", w.rest(), c.want)
		})
	}
}

func TestNumbersOfLocalCommandsAreReadAsRedisReadsThem(t *testing.T) {
	redis := startRedis(t, 1)
	r := start(t, servers(redis...))
	proxy, direct := dial(t, r.Addr()), dial(t, redis[0].Addr())
	for _, number := range []string{"0", "-0", "+0", "00", "0 ", " 0", "", "x", "0x0", "1000", "-1", "2147483648", "9223372036854775807",
		"9223372036854775808", "99999999999999999999", "0_0", "0.0", "0e0"} {
		for _, args := range [][]string{{"SELECT", number}, {"HELLO", "1" + number}, {"HELLO", number}, {"HELLO", "0" + number}} {
			expect(t, fmt.Sprintf("%q", args), proxy.do(args...), direct.do(args...))
		}
	}
}
