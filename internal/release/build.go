package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// programs returns the packages of the programs in a tree, as patterns for go build.
func programs(tree string) ([]string, error) {
	var all []string
	for _, pattern := range []string{"cmd/*", "apps/*/cmd/*"} {
		found, err := filepath.Glob(filepath.Join(tree, pattern))
		if err != nil {
			return nil, err
		}
		for _, dir := range found {
			relative, err := filepath.Rel(tree, dir)
			if err != nil {
				return nil, err
			}
			all = append(all, "./"+filepath.ToSlash(relative))
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there are no programs in " + tree)
	}
	return all, nil
}

// build builds the programs of a tree for a platform such as linux/amd64, into a directory of
// the platform's name below out, and returns that. With a cache, nothing is taken from the
// usual one.
//
// What makes the bytes those of the commit alone: no C compiler, no path of this machine
// (-trimpath), no setting of this user (GOFLAGS, GOWORK), and the version from the commit.
func build(tree, out, platform, cache string) (string, error) {
	system, machine, both := strings.Cut(platform, "/")
	if !both {
		return "", fmt.Errorf("%q is no platform such as linux/amd64", platform)
	}
	packages, err := programs(tree)
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(filepath.Join(out, system+"_"+machine))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return "", err
	}
	command := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=true", "-mod=readonly", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}, packages...)...)
	command.Dir = tree
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+machine, "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0")
	if cache != "" {
		command.Env = append(command.Env, "GOCACHE="+cache)
	}
	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build for %s: %w\n%s", platform, err, said)
	}
	return dir, nil
}

// release builds the programs of this tree for all platforms, with their bills of materials and
// checksums.
func release(out string, platforms []string, tell io.Writer) error {
	if changed, err := exec.Command("git", "status", "--porcelain").Output(); err != nil {
		return fmt.Errorf("which commit it is: %w", err)
	} else if len(changed) > 0 {
		fmt.Fprintf(tell, "This is not what was committed, and nobody else can build it:\n%s", changed)
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for _, platform := range platforms {
		began := time.Now()
		dir, err := build(".", out, platform, "")
		if err != nil {
			return err
		}
		built, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, program := range built {
			path := filepath.Join(dir, program.Name())
			if info, err := buildinfo.ReadFile(path); err != nil || setting(info, "vcs.revision") == "" {
				return fmt.Errorf("%s does not say which commit it is of: build in a clone, whose .git is a directory (%v)", path, err)
			}
			var bill bytes.Buffer
			if err := printBill(&bill, path); err != nil {
				return err
			}
			if err := os.WriteFile(path+".cdx.json", bill.Bytes(), 0o644); err != nil {
				return err
			}
		}
		fmt.Fprintf(tell, "%s: %d programs in %v\n", platform, len(built), time.Since(began).Round(time.Second))
	}
	sums, err := checksums(out)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums), 0o644)
}

// checksums returns what sha256sum prints of every file below a directory.
func checksums(dir string) (string, error) {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		sum, err := checksum(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		lines = append(lines, fmt.Sprintf("%s  %s\n", sum, filepath.ToSlash(relative)))
		return err
	})
	return strings.Join(lines, ""), err
}

func checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// compare clones the commit into two directories whose names have nothing in common, builds it
// in each with a cache of its own, and returns an error unless every byte is the same.
func compare(platforms []string, tell io.Writer) error {
	place, err := os.MkdirTemp("", "reproducible")
	if err != nil {
		return err
	}
	defer os.RemoveAll(place)
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return fmt.Errorf("which commit it is: %w", err)
	}
	names := []string{"a", filepath.Join("somewhere-else-entirely", "b")}
	for _, name := range names { // both now: whoever works here goes on meanwhile
		tree := filepath.Join(place, name, "tree")
		for _, args := range [][]string{{"clone", "--quiet", "--no-hardlinks", here, tree}, {"-C", tree, "checkout", "--quiet", "--detach", strings.TrimSpace(string(commit))}} {
			if said, err := exec.Command("git", args...).CombinedOutput(); err != nil {
				return fmt.Errorf("clone: %w\n%s", err, said)
			}
		}
	}
	var sums [2]string
	for i, name := range names {
		tree, out := filepath.Join(place, name, "tree"), filepath.Join(place, name, "dist")
		for _, platform := range platforms {
			began := time.Now()
			if _, err := build(tree, out, platform, filepath.Join(place, name, "cache")); err != nil {
				return err
			}
			fmt.Fprintf(tell, "%s in %s: %v\n", platform, filepath.Dir(tree), time.Since(began).Round(time.Second))
		}
		if sums[i], err = checksums(out); err != nil {
			return err
		}
	}
	first, second := strings.Split(sums[0], "\n"), strings.Split(sums[1], "\n")
	if !slices.Equal(first, second) {
		return fmt.Errorf("they are not the same:\n%s\n%s", sums[0], sums[1])
	}
	fmt.Fprintf(tell, "Built twice, in two places, from nothing: %d programs, byte for byte the same.\n%s", len(first)-1, sums[0])
	return nil
}
