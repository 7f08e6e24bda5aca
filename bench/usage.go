package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/daybook-es/daybook/bench/peers"
)

// A usage is what processes have used since they began.
type usage struct {
	CPU     time.Duration // user and system
	Written int64         // bytes handed to write calls
	Device  int64         // bytes of files' pages made dirty, which go to the disk
}

func (u usage) minus(v usage) usage {
	return usage{u.CPU - v.CPU, u.Written - v.Written, u.Device - v.Device}
}

// used returns what this process used, and the processes of a peer that has its own.
func used(p peers.Peer) usage {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		panic(err) // it fails for wrong arguments only
	}
	u := usage{CPU: time.Duration(ru.Utime.Nano() + ru.Stime.Nano())}
	u.addIO("self")
	if served, ok := p.(peers.Served); ok {
		u.addTree(served.Process())
	}
	return u
}

// addIO adds what /proc says that a process and its children that ended have written.
func (u *usage) addIO(process string) {
	b, err := os.ReadFile("/proc/" + process + "/io")
	if err != nil {
		return // the process has ended; its parent's account has it
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, _ := strconv.ParseInt(value, 10, 64) // the kernel writes numbers
		switch name {
		case "wchar":
			u.Written += n
		case "write_bytes":
			u.Device += n
		}
	}
}

// addTree adds a process, its children and those of its children that have ended.
func (u *usage) addTree(pid int) {
	id := strconv.Itoa(pid)
	b, err := os.ReadFile("/proc/" + id + "/stat")
	if err != nil {
		return
	}
	// After the name, which is in parentheses, the 12th to 15th numbers are the ticks
	// of the process and of its children that ended, user and system.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	for _, field := range fields[11:15] {
		ticks, _ := strconv.ParseInt(field, 10, 64)
		u.CPU += time.Duration(ticks) * (time.Second / 100)
	}
	u.addIO(id)
	children, _ := os.ReadFile("/proc/" + id + "/task/" + id + "/children")
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			u.addTree(n)
		}
	}
}

// A memory is what this process holds.
type memory struct {
	Heap int64 // bytes of the Go heap in use
	Anon int64 // resident bytes that are no file's pages
	RSS  int64 // resident bytes, with the mapped files' pages
}

func held() memory {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m := memory{Heap: int64(stats.HeapInuse)}
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			m.Anon = kib << 10
		}
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			m.RSS = kib << 10
		}
	}
	return m
}

// settle frees what the last peer left, so that the next does not pay for it.
func settle() {
	runtime.GC()
	debug.FreeOSMemory()
}

// busyCPU returns how long the machine's processors have been busy since it started,
// for anybody.
func busyCPU() (busy time.Duration) {
	b, _ := os.ReadFile("/proc/stat") // where there is none, nothing is said of others
	line, _, _ := strings.Cut(string(b), "\n")
	for i, field := range strings.Fields(line) {
		ticks, _ := strconv.ParseInt(field, 10, 64)
		if i > 0 && i < 9 && i != 4 && i != 5 { // neither idle nor waiting for a disk
			busy += time.Duration(ticks) * (time.Second / 100)
		}
	}
	return busy
}

// ownCPU returns what this process used, and its children that have ended.
func ownCPU() time.Duration {
	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		panic(err) // it fails for wrong arguments only
	}
	return used(nil).CPU + time.Duration(children.Utime.Nano()+children.Stime.Nano())
}

// memoryWaits returns for how long some program had to wait because memory was short,
// since the machine started.
func memoryWaits() time.Duration {
	b, _ := os.ReadFile("/proc/pressure/memory") // where there is none, nothing is said of it
	line, _, _ := strings.Cut(string(b), "\n")
	_, total, _ := strings.Cut(line, "total=")
	microseconds, _ := strconv.ParseInt(total, 10, 64)
	return time.Duration(microseconds) * time.Microsecond
}
