package app

import (
	"testing"

	"ringmain/config"
)

func TestGoLeavesATenthOfTheCgroupsMemoryUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		environment string
		cgroup      config.Size
		limited     bool
		want        int64 // 0: none
	}{
		"a limit":              {"", 256 * config.MiB, true, 241591911},
		"no limit":             {"", 0, false, 0},
		"GOMEMLIMIT":           {"1GiB", 256 * config.MiB, true, 0},
		"GOMEMLIMIT, off":      {"off", 256 * config.MiB, true, 0},
		"GOMEMLIMIT, no limit": {"1GiB", 0, false, 0},
		"a very small limit":   {"", 1, true, 1},
		"a very large limit":   {"", 1 << 59, true, 1<<59 - 1<<59/10},
	} {
		got, ok := goMemoryLimit(c.environment, c.cgroup, c.limited)
		if got != c.want || ok != (c.want != 0) {
			t.Errorf("%s: %d, %v; want %d", name, got, ok, c.want)
		}
	}
}
