package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// elsewhereCase is what is read of each store.
const elsewhereCase = "everything, one reader, warm"

// elsewhereWork measures reading a whole log from each of our stores, and from the plain
// table beside pgstore.
func elsewhereWork(h *harness, part *Part) error {
	log, done, events, err := h.viewLog()
	if err != nil {
		return err
	}
	defer done()
	type reader struct {
		key  string
		used func() usage
		read func(visit func([]byte)) error
	}
	whole := func(store daybook.Store) func(visit func([]byte)) error {
		return func(visit func([]byte)) error {
			reading, err := store.Read(h.ctx, daybook.All(), daybook.Span{Borrowed: true})
			if err != nil {
				return err
			}
			for e, err := range reading.Events() {
				if err != nil {
					return err
				}
				visit(e.Data)
			}
			return nil
		}
	}
	here := func() usage { return used(nil) }
	readers := []reader{{"logstore", here, whole(log)}}

	server, database, err := h.postgres()
	if err == nil {
		defer server.Close()
		store, plain, err := h.copyToPostgres(part, log, events, database)
		if err != nil {
			return err
		}
		defer store.Close()
		defer plain.Close()
		there := func() usage { return used(server) }
		readers = append(readers, reader{"pgstore", there, whole(store)},
			reader{"pg-plain", there, func(visit func([]byte)) error { return plain.Replay(h.ctx, visit) }})
	} else {
		part.note("PostgreSQL: " + err.Error())
	}

	dir, err := os.MkdirTemp(h.dir, "cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cluster, err := peers.StartCluster(filepath.Join(dir, "servers"))
	if err != nil {
		return err
	}
	defer cluster.Close()
	node, err := peers.OpenNatsstore(h.ctx, cluster, dir, "elsewhere", 1)
	if err != nil {
		return err
	}
	defer node.Close()
	if err := h.copyTo(part, "natsstore", node, log, events); err != nil {
		return err
	}
	readers = append(readers, reader{"natsstore", here, whole(node)})

	for round := -1; round < h.rounds; round++ { // the first is for warming up
		for _, r := range readers {
			settle()
			seen, sum := 0, uint64(0)
			before, start := r.used(), time.Now()
			err := r.read(func(data []byte) {
				seen++
				sum += binary.LittleEndian.Uint64(data) // so that the bytes are touched
			})
			took, u := time.Since(start), r.used().minus(before)
			if err == nil && seen != events {
				err = fmt.Errorf("read %d events, and there are %d", seen, events)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", peerName(r.key), err)
			}
			if round < 0 {
				continue
			}
			part.add(elsewhereCase, r.key, "events", float64(seen))
			part.add(elsewhereCase, r.key, "events/s", float64(seen)/took.Seconds())
			part.add(elsewhereCase, r.key, "events/CPU s", float64(seen)/u.CPU.Seconds())
		}
	}
	fmt.Println(" ", part.brief(elsewhereCase, "events/s"))
	return nil
}

// copyToPostgres copies a log into pgstore and into the plain table, each in a database of
// its own.
func (h *harness) copyToPostgres(part *Part, log daybook.Store, events int, database func() (string, error)) (_ *peers.Ours, _ *peers.Plain, err error) {
	urls := [2]string{}
	for i := range urls {
		if urls[i], err = database(); err != nil {
			return nil, nil, err
		}
	}
	store, err := peers.OpenPgstore(h.ctx, urls[0])
	if err != nil {
		return nil, nil, err
	}
	plain, err := peers.OpenPlain(h.ctx, urls[1], false)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	if err := errors.Join(h.copyTo(part, "pgstore", store, log, events), h.fillPlain(plain, log)); err != nil {
		return nil, nil, errors.Join(err, store.Close(), plain.Close())
	}
	return store, plain, nil
}

// copyTo copies a log, and notes how fast that was.
func (h *harness) copyTo(part *Part, key string, to daybook.Restorer, log daybook.Store, events int) error {
	start := time.Now()
	if _, err := daybook.Copy(h.ctx, to, log); err != nil {
		return fmt.Errorf("copy to %s: %w", peerName(key), err)
	}
	part.note(fmt.Sprintf("daybook.Copy from logstore to %s: %s events/s.", peerName(key), number(float64(events)/time.Since(start).Seconds())))
	return nil
}

// fillPlain copies a log into the plain table.
func (h *harness) fillPlain(plain *peers.Plain, log daybook.Store) error {
	reading, err := log.Read(h.ctx, daybook.All(), daybook.Span{})
	if err != nil {
		return err
	}
	var batch []daybook.Recorded
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		if batch = append(batch, e); len(batch) == 10_000 {
			if err := plain.Fill(h.ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return plain.Fill(h.ctx, batch)
}
