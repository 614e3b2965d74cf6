package config

import (
	"strings"
	"testing"
)

func TestVariablesAreReplacedInValuesOfEveryKind(t *testing.T) {
	t.Setenv("RINGMAIN_TEST_PORT", "7001")
	t.Setenv("RINGMAIN_TEST_TRUE", "true")
	t.Setenv("RINGMAIN_TEST_EMPTY", "")
	t.Setenv("RINGMAIN_TEST_PASSWORD", `p: "a", [b] # ${RINGMAIN_TEST_PORT}`)
	c := mustParse(t, `
listeners:
  - address: ${HOST_NOT_SET:-127.0.0.1}:${RINGMAIN_TEST_PORT}
    allow_open: ${RINGMAIN_TEST_TRUE}
loops: ${RINGMAIN_TEST_EMPTY:-3}
limits: {clients: "${RINGMAIN_TEST_PORT}", request: "${SIZE_NOT_SET:-2}MiB"}
timeouts:
  client_stall: ${RINGMAIN_TEST_PORT}ms
pools:
  main:
    nodes: ["a:${RINGMAIN_TEST_PORT}", {name: "${RINGMAIN_TEST_PORT}$${x}$1$", address: "[::1]:${RINGMAIN_TEST_PORT}"}]
    hash_tag: "${RINGMAIN_TEST_EMPTY}"
    preconnect: "${P_NOT_SET:-false}"
    auth:
      username: |
        ${USER_NOT_SET:-}
      password: ${RINGMAIN_TEST_PASSWORD}
`)
	p := c.Pools["main"]
	if l := c.Listeners[0]; l.Address != "127.0.0.1:7001" || !l.AllowOpen {
		t.Errorf("listener is %+v", l)
	}
	if c.Loops != 3 || c.Limits.Clients != 7001 || c.Limits.Request != 2*MiB || c.Timeouts.ClientStall != 7001*Millisecond {
		t.Errorf("loops %d, limits %+v, timeouts %+v", c.Loops, c.Limits, c.Timeouts)
	}
	if p.Nodes[0].Address != "a:7001" || p.Nodes[1].Name != "7001${x}$1$" || p.Nodes[1].Address != "[::1]:7001" || p.Nodes[1].Weight != 1 {
		t.Errorf("nodes are %+v", p.Nodes)
	}
	if p.HashTag != "" || p.Preconnect || p.Auth.Username != "\n" {
		t.Errorf("pool is %+v", p)
	}
	if got := p.Auth.Password.Reveal(); got != `p: "a", [b] # ${RINGMAIN_TEST_PORT}` {
		t.Errorf("what a variable is replaced by was looked at again: %q", got)
	}
}

func TestADollarAloneStandsForItself(t *testing.T) {
	for written, want := range map[string]string{
		"$": "$", "$$": "$$", "$a": "$a", "$${a}": "${a}", "$$${a}": "$${a}", "a$${": "a${", "$$$": "$$$", "x$": "x$",
		"{}": "{}", "$ {a}": "$ {a}",
	} {
		d := newDecoder()
		if got, err := d.expand(written, "x"); err != nil || got != want || len(d.replaced) > 0 {
			t.Errorf("%s: %q, %v", written, got, err)
		}
	}
}

func TestVariablesAreBoundedTogether(t *testing.T) {
	t.Setenv("RINGMAIN_TEST_LONG", strings.Repeat("x", 1<<16))
	text := "listeners:\n" + strings.Repeat("  - {pool: '${RINGMAIN_TEST_LONG}'}\n", 17)
	if _, err := Parse("f", []byte(text)); err == nil || !strings.Contains(err.Error(), "replaced by more than 1MiB") {
		t.Errorf("got %v", err)
	}
}

func TestAVariableMakesAQuotedTextNoBooleanByItself(t *testing.T) {
	for _, value := range []string{`"true"`, `${X_NOT_SET:-True}`, `${X_NOT_SET:-1}`, `"$${true}"`} {
		if _, err := Parse("f", []byte("pools: {main: {embedded: 1}}\nlisteners:\n  - address: 127.0.0.1:1\n    allow_open: "+value)); err == nil {
			t.Errorf("%s was taken for true or false", value)
		}
	}
}
