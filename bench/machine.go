package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine says on what the figures were measured, one fact a line.
func machine() []string {
	field := func(path, name string) string {
		b, _ := os.ReadFile(path) // where there is none, nothing is said
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
				return strings.TrimSpace(value)
			}
		}
		return "unknown"
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return []string{
		"date: " + time.Now().UTC().Format("2006-01-02"),
		fmt.Sprintf("processor: %s, %d of them, shared with other work", field("/proc/cpuinfo", "model name"), runtime.NumCPU()),
		"memory: " + field("/proc/meminfo", "MemTotal"),
		"kernel: " + strings.TrimSpace(string(release)),
		"file system: " + fileSystem(),
		fmt.Sprintf("Go: %s, %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
	}
}

// fileSystem returns the type and options of the file system at the root.
func fileSystem() string {
	b, _ := os.ReadFile("/proc/mounts")
	found := "unknown"
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == "/" {
			found = f[2] + " (" + f[3] + ") on a virtual disk"
		}
	}
	return found
}
