package crashfs

// A Player goes through a recording, keeping what is durable apart from what is not, and makes the disks that power cuts
// leave. Going forward costs little, going back replays from the beginning. A Player belongs to one goroutine.
type Player struct {
	rec   *Recording
	at    int // calls replayed
	nodes []player
	dirty []int32 // nodes with changes that are not durable

	// Scratch of Cut, kept to save allocations.
	pending []int
	ids     []int32 // the id that a node has in the image, plus one
	kept    []bool
	seen    []bool // of forget: which nodes can be reached
}

// A player is what a Player knows of a node: its durable state, and the changes since.
type player struct {
	node
	changes []change
	gone    bool // no cut can show it any more, so its changes do not matter
}

// A change is a call that changed a node. Synced changes are folded into the node at once, except that those after a
// failed sync wait behind the ones that it lost: these may survive a cut or not, but the order must stay.
type change struct {
	call  int // index in the recording
	state state
}

type state uint8

const (
	unsynced state = iota // a sync makes it durable
	lost                  // a sync of it failed; no other does
	synced
)

// Play returns a player at the beginning of the recording.
func (r *Recording) Play() *Player {
	p := &Player{rec: r}
	p.rewind()
	return p
}

func (p *Player) rewind() {
	p.at, p.dirty = 0, p.dirty[:0]
	p.nodes = make([]player, len(p.rec.base))
	for i, n := range p.rec.base {
		n.content.shared = true
		n.content.frozen = n.content.pages
		p.nodes[i].node = n
	}
}

// Cut returns the machine as a power cut after the first k calls leaves it, as [Recording.Cut] does.
func (p *Player) Cut(k int, survivors Survivors, seed uint64) *Disk {
	p.seek(k)

	p.pending = p.pending[:0]
	if survivors.byChance() {
		for _, id := range p.dirty {
			for _, c := range p.nodes[id].changes {
				if c.state != synced {
					p.pending = append(p.pending, c.call)
				}
			}
		}
	}
	sel := choose(survivors, seed, k, p.pending)

	time := firstTime
	if k > 0 {
		time = p.rec.calls[k-1].time
	}
	d := &Disk{
		clock:  newClock(time + rebootTime),
		chance: &chance{seed: mix(seed, uint64(k), uint64(survivors))},
	}
	for len(p.ids) < len(p.nodes) {
		p.ids = append(p.ids, 0)
	}
	p.image(d, 0, &sel)
	clear(p.ids)
	return d
}

// image adds to d what survives of a node and of all that it holds, and returns its id there.
func (p *Player) image(d *Disk, id int32, sel *selection) int32 {
	if p.ids[id] > 0 {
		return p.ids[id] - 1
	}
	n := &node{dir: p.nodes[id].dir}
	to := d.add(n)
	p.ids[id] = to + 1

	if !n.dir {
		n.content = p.content(id, sel)
		return to
	}
	es := p.entries(id, sel)
	n.entries = make(entries, len(es))
	for i, e := range es {
		n.entries[i] = entry{e.name, p.image(d, e.node, sel)}
	}
	return to
}

// content returns what survives of a file.
func (p *Player) content(id int32, sel *selection) content {
	n := &p.nodes[id]
	c := n.content.share()
	if len(n.changes) == 0 {
		return c
	}

	sizes := sel.sizesBefore(id)
	for _, ch := range n.changes {
		call := &p.rec.calls[ch.call]
		if ch.state == synced {
			apply(&c, call)
			continue
		}

		if ch.call < sizes {
			resize(&c, call)
		}
		if call.kind != write {
			continue
		}
		for b, off := call.data, call.off; len(b) > 0; {
			sector := off / sectorBytes
			part := min(int64(len(b)), (sector+1)*sectorBytes-off)
			if ch.call < sel.sectorBefore(id, sector) {
				c.overwrite(b[:part], off)
			}
			b, off = b[part:], off+part
		}
	}
	return c
}

// entries returns what survives of the names in a directory.
func (p *Player) entries(id int32, sel *selection) entries {
	n := &p.nodes[id]
	if len(n.changes) == 0 {
		return n.entries
	}

	// No change of a name survives without the earlier changes of it: going back, what a synced change builds on is
	// kept; going forward, what builds on a change that is undone is undone.
	kept := p.kept[:0]
	var must, undone []string
	for _, ch := range n.changes {
		kept = append(kept, ch.state == synced)
	}
	for i := len(kept) - 1; i >= 0; i-- {
		call := &p.rec.calls[n.changes[i].call]
		kept[i] = kept[i] || call.touches(must)
		if kept[i] {
			must = append(must, call.from, call.to)
		}
	}
	es := n.entries
	for i, ch := range n.changes {
		call := &p.rec.calls[ch.call]
		if kept[i] || sel.keepName(ch.call) && !call.touches(undone) {
			es = es.after(call)
		} else {
			undone = append(undone, call.from, call.to)
		}
	}
	p.kept = kept
	return es
}

// touches reports whether the call changes one of the names.
func (c *call) touches(names []string) bool {
	for _, name := range names {
		if name != "" && (name == c.from || name == c.to) {
			return true
		}
	}
	return false
}

// distinct returns the survivors that can differ now.
func (p *Player) distinct() []Survivors {
	if len(p.dirty) == 0 {
		return everySurvivors[:1]
	}
	return everySurvivors
}

// seek replays calls until k of them were made.
func (p *Player) seek(k int) {
	if k < p.at {
		p.rewind()
	}
	for ; p.at < k; p.at++ {
		p.replay(p.at, &p.rec.calls[p.at])
	}
}

func (p *Player) replay(at int, c *call) {
	switch c.kind {
	case write, truncate, preallocate:
		p.change(c.node, at)
	case create:
		p.nodes = append(p.nodes, player{})
		p.change(c.dir, at)
	case mkdir:
		p.nodes = append(p.nodes, player{node: node{dir: true}})
		p.change(c.dir, at)
	case link, rename, remove:
		p.change(c.dir, at)
	case syncFile:
		p.sync(c.node)
	case syncDir:
		p.sync(c.dir)
	case failedSync:
		p.lose(c.node)
	case failedSyncDir:
		p.lose(c.dir)
	}
}

func (p *Player) change(id int32, at int) {
	n := &p.nodes[id]
	if n.gone {
		return
	}
	if len(n.changes) == 0 {
		p.dirty = append(p.dirty, id)
	}
	n.changes = append(n.changes, change{call: at})
}

// sync makes the changes of a node durable, except those that a failed sync lost.
func (p *Player) sync(id int32) {
	n := &p.nodes[id]
	for i := range n.changes {
		if n.changes[i].state == unsynced {
			n.changes[i].state = synced
		}
	}

	fold, removed := 0, false
	for fold < len(n.changes) && n.changes[fold].state == synced {
		call := &p.rec.calls[n.changes[fold].call]
		if n.dir {
			n.entries = n.entries.after(call)
			removed = removed || call.from != ""
		} else {
			apply(&n.content, call)
		}
		fold++
	}
	n.changes = append(n.changes[:0], n.changes[fold:]...)

	if fold > 0 && len(n.changes) == 0 {
		p.clean(id)
	}
	if removed {
		p.forget()
	}
}

// forget drops the changes of nodes that no name leads to, neither a durable one nor one that may become so: a file
// that was removed for good is not dirty, whatever was written to it.
func (p *Player) forget() {
	p.seen = append(p.seen[:0], make([]bool, len(p.nodes))...)
	p.reach(0)

	dirty := p.dirty[:0]
	for _, id := range p.dirty {
		if p.seen[id] {
			dirty = append(dirty, id)
		} else {
			p.nodes[id].changes = nil
		}
	}
	p.dirty = dirty
	for id, seen := range p.seen {
		p.nodes[id].gone = !seen
	}
}

func (p *Player) reach(id int32) {
	if p.seen[id] {
		return
	}
	p.seen[id] = true

	n := &p.nodes[id]
	for _, e := range n.entries {
		p.reach(e.node)
	}
	if !n.dir {
		return
	}
	for _, ch := range n.changes {
		p.reach(p.rec.calls[ch.call].node)
	}
}

// lose marks the changes of a node as ones that no sync makes durable any more.
func (p *Player) lose(id int32) {
	for i := range p.nodes[id].changes {
		if ch := &p.nodes[id].changes[i]; ch.state == unsynced {
			ch.state = lost
		}
	}
}

func (p *Player) clean(id int32) {
	for i, d := range p.dirty {
		if d == id {
			p.dirty = append(p.dirty[:i], p.dirty[i+1:]...)
			return
		}
	}
}

// apply does to a content what a call did to its file.
func apply(c *content, call *call) {
	resize(c, call)
	if call.kind == write {
		c.overwrite(call.data, call.off)
	}
}

// resize does of a call what it did to the size.
func resize(c *content, call *call) {
	if call.kind == truncate {
		c.resize(call.off)
		return
	}
	c.extend(call.off + int64(len(call.data)))
}

// after returns the entries after a call that changed names.
func (es entries) after(c *call) entries {
	if c.from != "" {
		es = es.without(c.from)
	}
	if c.to != "" {
		es = es.with(c.to, c.node)
	}
	return es
}
