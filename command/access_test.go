package command

import "testing"

func TestReadersCannotChangeAnything(t *testing.T) {
	for i := range table {
		c := &table[i]
		if c.Access == AccessRead && (c.Flags&Write != 0 || c.Flags&MayReplicate != 0 && c.Flags&ReadOnly == 0) {
			t.Errorf("%s may change something, and needs read access only", c.Name)
		}
		if c.Flags&Admin != 0 && c.Access != AccessAdmin {
			t.Errorf("%s is an admin's in Redis, and needs less here", c.Name)
		}
	}
}

func TestWhoMayWriteMayNotHarmOthers(t *testing.T) {
	for _, name := range []string{"flushall", "flushdb", "keys", "config|set", "config|get", "script|flush", "script|kill", "function|load",
		"function|delete", "function|flush", "function|restore", "function|kill", "monitor", "client|kill", "client|list", "client|pause",
		"swapdb", "debug", "shutdown", "replicaof", "module|load", "migrate", "slowlog|get", "acl|setuser", "ringmain|locks"} {
		if c := row(name); c.Access != AccessAdmin {
			t.Errorf("%s needs %v only", name, c.Access)
		}
	}
	for name, want := range map[string]Access{
		"publish": AccessWrite, "spublish": AccessWrite, "subscribe": AccessRead, "psubscribe": AccessRead, "ssubscribe": AccessRead,
		"eval": AccessWrite, "evalsha": AccessWrite, "fcall": AccessWrite, "eval_ro": AccessRead, "evalsha_ro": AccessRead, "fcall_ro": AccessRead,
		"xreadgroup": AccessWrite, "xread": AccessRead, "sort": AccessWrite, "sort_ro": AccessRead, "script|load": AccessWrite,
		"multi": AccessRead, "exec": AccessRead, "scan": AccessRead, "getex": AccessWrite,
		"ringmain.lock": AccessWrite, "ringmain.extend": AccessWrite, "ringmain.unlock": AccessWrite, "ringmain.fence": AccessWrite, "delex": AccessWrite, "delifeq": AccessWrite,
	} {
		if c := row(name); c.Access != want {
			t.Errorf("%s needs %v, not %v", name, c.Access, want)
		}
	}
}
