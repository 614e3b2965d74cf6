package command

import "testing"

func TestReplicasAnswerWhatReadsValuesAndNothingElse(t *testing.T) {
	for _, name := range []string{"get", "mget", "exists", "ttl", "hgetall", "sinter", "zrange", "xread", "sort_ro", "json.get"} {
		if c := ByName([]byte(name)); !c.OnReplica() {
			t.Errorf("%s is for the primary", name)
		}
	}
	for _, name := range []string{"set", "getex", "getdel", "del", "touch", "eval", "eval_ro", "evalsha_ro", "fcall_ro", "sort", "pfcount", "hscan",
		"object|encoding", "xinfo|stream", "dump", "memory|usage", "scan", "keys", "dbsize", "randomkey", "blpop", "watch", "exec", "publish", "spublish", "info", "ping"} {
		if c := ByName([]byte(name)); c.OnReplica() {
			t.Errorf("%s is for replicas", name)
		}
	}
	for i := range table {
		if c := &table[i]; c.OnReplica() && (c.MayWrite() || c.Replicated() || c.Access != AccessRead) {
			t.Errorf("%s may write, and is for replicas", c.Name)
		}
	}
	for name := range onPrimary {
		if c := ByName([]byte(name)); c == nil || c.Flags&ReadOnly == 0 {
			t.Errorf("%s is no command that reads", name)
		}
	}
}
