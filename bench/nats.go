package main

import (
	"fmt"
	"os"

	"github.com/daybook-es/daybook/bench/peers"
)

// natsCallers are how many callers append at the same time.
var natsCallers = []int{1, 16, 64, 256}

// natsWork measures appends of one event under the version of its stream on one cluster.
func natsWork(h *harness, part *Part) error {
	dir, err := os.MkdirTemp(h.dir, "cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cluster, err := peers.StartCluster(dir)
	if err != nil {
		return err
	}
	defer cluster.Close()
	made := 0
	failed := map[string]bool{}
	for _, callers := range natsCallers {
		for range h.rounds {
			for _, key := range []string{"natsstore", "natsstore-far", "js-publish"} {
				if failed[key] {
					continue
				}
				made++
				settle()
				if err := h.onCluster(part, key, cluster, dir, fmt.Sprintf("bench%d", made), callers); err != nil {
					failed[key] = true
					part.note(peerName(key) + " failed: " + err.Error())
					fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, peerName(key), err)
				}
			}
		}
		fmt.Printf("  %s%s\n", callersCase(callers), part.brief(callersCase(callers), "events/s"))
	}
	return nil
}

// onCluster measures a peer.
func (h *harness) onCluster(part *Part, key string, cluster *peers.Cluster, dir, name string, callers int) error {
	p, err := openOnCluster(h, key, cluster, dir, name)
	if err != nil {
		return err
	}
	m, err := h.appendAt(p, callers, func() usage { return used(nil) })
	if closed := p.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	m.add(part, callersCase(callers), key)
	return nil
}

func openOnCluster(h *harness, key string, cluster *peers.Cluster, dir, name string) (peers.Versioned, error) {
	switch key {
	case "natsstore":
		return peers.OpenNatsstore(h.ctx, cluster, dir, name, 1)
	case "natsstore-far":
		return peers.OpenNatsstore(h.ctx, cluster, dir, name, 2)
	}
	return peers.OpenPublisher(h.ctx, cluster, name)
}
