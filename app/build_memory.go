package app

import (
	"os"
	"runtime/debug"

	"ringmain/config"
)

// limitMemory has Go collect its garbage more often before the process meets the
// limit at which the kernel kills it. It applies to the whole process.
func (a *App) limitMemory() {
	cgroup, limited := config.CgroupMemory()
	if limit, ok := goMemoryLimit(os.Getenv("GOMEMLIMIT"), cgroup, limited); ok {
		debug.SetMemoryLimit(limit)
		a.log.Debug("the memory that Go uses is limited", "bytes", limit, "cgroup", cgroup)
	}
}

// goMemoryLimit is nine tenths of the cgroup's limit, in bytes: the rest is for
// what Go does not count, such as the program itself and the kernel's buffers.
// There is none if no limit is known, or if the environment has one already.
func goMemoryLimit(environment string, cgroup config.Size, limited bool) (int64, bool) {
	if environment != "" || !limited {
		return 0, false
	}
	return int64(cgroup - cgroup/10), true
}
