package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
)

// profileTo writes a profile of this process's CPU into a file while work runs, so that
// what stands in the way of an aim can be looked at: go tool pprof -top FILE.
func profileTo(path string, work func() error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = work()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

// profiled runs work, and profiles it if that was asked for.
func (h *harness) profiled(what, key string, work func() error) error {
	if !h.profile {
		return work()
	}
	return profileTo(filepath.Join(h.out, what+"-"+key+".pprof"), work)
}
