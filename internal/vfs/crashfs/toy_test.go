package crashfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"testing"

	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// A toyLog is the smallest log that is worth crashing: numbered records in files of at most 4 KiB, each record with its
// length, checksum and number in front. Its fields plant the bugs that people write.
type toyLog struct {
	fs   vfs.FS
	file vfs.File
	at   int64 // where the next record goes
	last int   // number of the last record

	noDirSync     bool // a new file's name is not synced
	ackBeforeSync bool // append returns before the record is durable
	retrySync     bool // a failed sync is tried again
	noChecksum    bool // a record is believed if its number is right
}

const (
	toyDir    = "db"
	toyBytes  = 4096
	toyHeader = 12
)

// openToy recovers what records there are. A damaged record ends the log, and what comes after it is cut off.
func openToy(fsys vfs.FS, bugs toyLog) (*toyLog, error) {
	l := &bugs
	l.fs = fsys
	if err := vfs.MkdirSync(fsys, toyDir); err != nil {
		return nil, err
	}
	names, err := fsys.List(toyDir)
	if err != nil {
		return nil, err
	}

	var buf [toyBytes]byte
	for _, name := range names {
		l.file, err = fsys.OpenWrite(filepath.Join(toyDir, name))
		if err != nil {
			return nil, err
		}
		n, err := l.file.ReadAt(buf[:], 0)
		if err != io.EOF && err != nil {
			return nil, err
		}
		l.at = 0
		for rest := buf[:n]; len(rest) >= toyHeader; {
			size := toyHeader + int(binary.LittleEndian.Uint16(rest[4:]))
			number := int(binary.LittleEndian.Uint32(rest[6:]))
			if size > len(rest) || number != l.last+1 || !l.noChecksum && crc32.ChecksumIEEE(rest[4:size]) != binary.LittleEndian.Uint32(rest) {
				break
			}
			l.at, l.last, rest = l.at+int64(size), number, rest[size:]
		}
		if err := l.file.Truncate(l.at); err != nil {
			return nil, err
		}
		if err := l.file.Sync(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// append records n bytes.
func (l *toyLog) append(n int) error {
	if l.file == nil || l.at+toyHeader+int64(n) > toyBytes {
		f, err := l.fs.Create(fmt.Sprintf("%s/%04d.log", toyDir, l.last+1))
		if err != nil {
			return err
		}
		if !l.noDirSync {
			if err := l.fs.SyncDir(toyDir); err != nil {
				return err
			}
		}
		l.file, l.at = f, 0
	}

	record := make([]byte, toyHeader+n)
	binary.LittleEndian.PutUint16(record[4:], uint16(n))
	binary.LittleEndian.PutUint32(record[6:], uint32(l.last+1))
	for i := range n {
		record[toyHeader+i] = byte(l.last + 1)
	}
	binary.LittleEndian.PutUint32(record, crc32.ChecksumIEEE(record[4:]))
	if _, err := l.file.WriteAt(record, l.at); err != nil {
		return err
	}
	l.at, l.last = l.at+int64(len(record)), l.last+1

	if l.ackBeforeSync && l.last%2 == 1 {
		return nil
	}
	err := l.file.Sync()
	if err != nil && l.retrySync {
		err = l.file.Sync()
	}
	return err
}

// whole says whether every record holds what was appended.
func (l *toyLog) whole() error {
	names, err := l.fs.List(toyDir)
	if err != nil {
		return err
	}
	var buf [toyBytes]byte
	number := 0
	for _, name := range names {
		f, err := l.fs.Open(filepath.Join(toyDir, name))
		if err != nil {
			return err
		}
		n, err := f.ReadAt(buf[:], 0)
		if err != io.EOF && err != nil {
			return err
		}
		for rest := buf[:n]; len(rest) > 0; {
			number++
			size := toyHeader + int(binary.LittleEndian.Uint16(rest[4:]))
			if bytes.Count(rest[toyHeader:size], []byte{byte(number)}) != size-toyHeader {
				return fmt.Errorf("record %d is torn", number)
			}
			rest = rest[size:]
		}
	}
	return nil
}

// A promise is a record that was acknowledged, and how many calls had been made by then.
type promise struct{ call, record int }

// runToy appends records of many sizes to a new disk. In the middle one sync fails, which ends the run as it should,
// unless the bug is to try again.
func runToy(t testing.TB, records int, bugs toyLog, failSync bool) (*crashfs.Disk, []promise) {
	t.Helper()
	d := crashfs.New(1)
	l, err := openToy(d, bugs)
	if err != nil {
		t.Fatal(err)
	}

	var promises []promise
	for i := range records {
		if failSync && i == records/2 {
			failures := 0
			d.FailSync(func(string) bool { failures++; return failures == 1 })
		}
		err := l.append(40 + i*131%900)
		if err != nil && failSync {
			return d, promises
		}
		if err != nil {
			t.Fatal(err)
		}
		promises = append(promises, promise{d.Calls(), l.last})
	}
	return d, promises
}

// checkToy opens the log on the disk that a cut left, and asks for what was promised before it.
func checkToy(bugs toyLog, promises []promise) func(crashfs.Cut) error {
	return func(c crashfs.Cut) error {
		l, err := openToy(c.Disk.World().FS, bugs)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		for _, p := range promises {
			if p.call <= c.Call && p.record > l.last {
				return fmt.Errorf("record %d was acknowledged and is lost; the last one is %d", p.record, l.last)
			}
		}
		return l.whole()
	}
}

func TestASoundLogSurvivesEveryCut(t *testing.T) {
	for _, failSync := range []bool{false, true} {
		d, promises := runToy(t, 100, toyLog{}, failSync)
		n, err := d.Recording().EveryCut(10, checkToy(toyLog{}, promises))
		if err != nil {
			t.Errorf("a failed sync is %v: %v", failSync, err)
		}
		if n < 1000 {
			t.Errorf("a failed sync is %v: only %d cuts", failSync, n)
		}
	}
}

func TestASoundLogSurvivesEveryCutOfItsRecovery(t *testing.T) {
	d, promises := runToy(t, 20, toyLog{}, false)
	cuts := 0
	_, err := d.Recording().EveryCut(3, func(c crashfs.Cut) error {
		if err := checkToy(toyLog{}, promises)(c); err != nil {
			return err
		}
		// The recovery just made is itself a recording.
		_, err := c.Disk.Recording().EveryCut(2, func(again crashfs.Cut) error {
			again.Call = c.Call
			return checkToy(toyLog{}, promises)(again)
		})
		cuts = max(cuts, c.Disk.Calls())
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if cuts == 0 {
		t.Error("no recovery made a call, so none was cut")
	}
}

func TestPlantedBugsAreCaught(t *testing.T) {
	for _, c := range []struct {
		name     string
		bugs     toyLog
		failSync bool
	}{
		{"no directory sync", toyLog{noDirSync: true}, false},
		{"acknowledge before sync", toyLog{ackBeforeSync: true}, false},
		{"try a failed sync again", toyLog{retrySync: true}, true},
		{"believe a record without its checksum", toyLog{noChecksum: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, promises := runToy(t, 100, c.bugs, c.failSync)
			_, err := d.Recording().EveryCut(10, checkToy(c.bugs, promises))
			var cut *crashfs.CutError
			if !errors.As(err, &cut) {
				t.Fatalf("every cut was survived: %v", err)
			}
			t.Log(err)
		})
	}
}

// BenchmarkCut makes the disks of the toy's run and opens the toy on each.
func BenchmarkCut(b *testing.B) {
	d, promises := runToy(b, 200, toyLog{}, false)
	rec, check := d.Recording(), checkToy(toyLog{}, promises)
	for _, c := range []struct {
		name  string
		check func(crashfs.Cut) error
	}{
		{"image", func(crashfs.Cut) error { return nil }},
		{"image and recovery", check},
	} {
		b.Run(c.name, func(b *testing.B) {
			cuts := 0
			for b.Loop() {
				n, err := rec.EveryCut(10, c.check)
				if err != nil {
					b.Fatal(err)
				}
				cuts += n
			}
			b.ReportMetric(float64(cuts)/b.Elapsed().Seconds(), "cuts/s")
		})
	}
}
