package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dataFolder is where the servers of -quorum keep their data.
func dataFolder(o options) string {
	if o.data != "" {
		return o.data
	}
	return os.TempDir()
}

// fileSystem says what a folder is on: "ext4 on /dev/vda".
func fileSystem(folder string) string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "an unknown file system"
	}
	if full, err := filepath.Abs(folder); err == nil {
		folder = full
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	return mountOf(folder, string(text))
}

// mountOf finds a folder in a table of mounts: device, mount point, type, and more.
func mountOf(folder, table string) string {
	longest, found := -1, "an unknown file system"
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		// Of two on one folder the later one is seen.
		point := strings.TrimSuffix(fields[1], "/")
		if (folder == point || strings.HasPrefix(folder, point+"/")) && len(point) >= longest {
			longest, found = len(point), fields[2]+" on "+fields[0]
		}
	}
	return found
}

// fsyncTime is how long it takes, in the middle, to add a few bytes to a file in folder
// and have them on the disk.
func fsyncTime(folder string) (time.Duration, error) {
	f, err := os.CreateTemp(folder, "ringmain-bench-")
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	const tries = 101
	times := make([]time.Duration, tries)
	for i := range times {
		began := time.Now()
		if _, err := f.WriteString("one command of a client\n"); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("fsync in %s: %w", folder, err)
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[tries/2], nil
}

// appendTo adds text to a file that is there.
func appendTo(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(old, text...), 0o600)
}
