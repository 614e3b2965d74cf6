package cli

import (
	"strings"
	"testing"

	"ringmain/internal/redistest"
)

func TestQuorumInitMakesAQuorumOfItsServers(t *testing.T) {
	var addresses []string
	var servers []*redistest.Server
	for range 3 {
		s := redistest.Start(t, keeping...)
		servers, addresses = append(servers, s), append(addresses, s.Addr())
	}
	text := quorumOf("fsync_always", addresses...)
	list := strings.Join(addresses, ", ")
	for _, step := range []struct {
		prepare func()
		args    []string
		code    int
		want    string // of what it says, where
	}{
		{args: []string{"init"}, code: ExitUsage, want: "which quorum?"},
		{args: []string{"start", "safe"}, code: ExitUsage, want: "There are init and change"},
		{args: []string{"init", "other"}, code: ExitError, want: `has no quorum "other": it has safe`},
		{func() { do(t, servers[1], "SET", "k", "v") }, []string{"init", "safe"}, ExitError,
			"ringmain quorum: nothing was changed: " + addresses[1] + " is not empty (keys: 1). If nobody needs what it has, empty it (FLUSHALL)\n"},
		{func() { do(t, servers[1], "FLUSHALL"); servers[2].Kill() }, []string{"init", "safe"}, ExitError,
			"ringmain quorum: nothing was changed: " + addresses[2] + " cannot be looked at: "},
		{func() {
			if err := servers[2].Restart(); err != nil {
				t.Fatal(err)
			}
		}, []string{"init", "safe"}, ExitOK, `quorum "safe" is initialised: ` + list + "; locks can be taken in 1m2s\n"},
		{args: []string{"init", "safe"}, want: "quorum \"safe\" is initialised already: nothing was changed\n"},
		{func() { text = strings.Replace(text, "lock:*", "l:*", 1) }, []string{"init", "safe"}, ExitError, "ringmain quorum change"},
		{func() {
			for _, s := range servers {
				do(t, s, "FLUSHALL")
			}
		}, []string{"init", "safe", "--at-once"}, ExitOK, `quorum "safe" is initialised: ` + list + "\n"},
	} {
		if step.prepare != nil {
			step.prepare()
		}
		code, stdout, stderr := call(t, text, append([]string{"quorum"}, step.args...)...)
		if code != step.code || !strings.Contains(stdout+stderr, step.want) {
			t.Errorf("%v: exit code %d, it says\n%s%s\nwant %d\n%s", step.args, code, stdout, stderr, step.code, step.want)
		}
	}
	for _, alone := range []struct{ text, want string }{
		{quorumOf("none", addresses...), `quorum "safe" has persistence: none: it initialises itself`},
		{strings.Replace(quorumOf("none", addresses...), "nodes: ["+list+"], persistence: none", "embedded: 3", 1), `quorum "safe" is embedded: it initialises itself`},
	} {
		if code, _, stderr := call(t, alone.text, "quorum", "init", "safe"); code != ExitError || !strings.Contains(stderr, alone.want) {
			t.Errorf("exit code %d, %s, want %s", code, stderr, alone.want)
		}
	}
}
