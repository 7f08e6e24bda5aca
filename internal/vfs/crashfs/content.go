package crashfs

import "slices"

// Pages are small because what is copied for each image is the pages that its surviving writes touch, and frames are
// small.
const pageBytes = 1024

type page [pageBytes]byte

// content is the bytes of a file, of which copies are cheap: they share their pages, and a page is copied when one of
// them writes to it. A nil page, and any page past the end of the slice, is zeros. So are bytes past the size.
type content struct {
	size  int64
	pages []*page

	// shared says that pages belongs to another content too. frozen is pages as it was when it was last shared: a
	// page that is still the same there must not be written to.
	shared bool
	frozen []*page
}

// share returns a copy. Each of the two may be changed without the other.
func (c *content) share() content {
	c.shared, c.frozen = true, c.pages
	return *c
}

// own makes the slice of pages ours, before it is changed.
func (c *content) own() {
	if c.shared {
		c.pages, c.shared = slices.Clone(c.pages), false
	}
}

// page returns a page to write to.
func (c *content) page(i int) *page {
	c.own()
	for len(c.pages) <= i {
		c.pages = append(c.pages, nil)
	}

	p := c.pages[i]
	if p == nil {
		p = new(page)
	} else if i < len(c.frozen) && c.frozen[i] == p {
		fresh := *p
		p = &fresh
	}
	c.pages[i] = p
	return p
}

// readAt copies bytes from off to b and returns how many there were.
func (c *content) readAt(b []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	b = b[:min(int64(len(b)), c.size-off)]

	for done := 0; done < len(b); {
		i, at := int((off+int64(done))/pageBytes), int((off+int64(done))%pageBytes)
		n := min(len(b)-done, pageBytes-at)
		if i < len(c.pages) && c.pages[i] != nil {
			copy(b[done:done+n], c.pages[i][at:])
		} else {
			clear(b[done : done+n])
		}
		done += n
	}
	return len(b)
}

// overwrite writes b at off, as far as it lies within the size.
func (c *content) overwrite(b []byte, off int64) {
	if off >= c.size {
		return
	}
	b = b[:min(int64(len(b)), c.size-off)]

	for len(b) > 0 {
		n := copy(c.page(int(off / pageBytes))[off%pageBytes:], b)
		b, off = b[n:], off+int64(n)
	}
}

// extend makes the size at least n, adding zeros.
func (c *content) extend(n int64) { c.size = max(c.size, n) }

// resize makes the size n, cutting or adding zeros.
func (c *content) resize(n int64) {
	if n < c.size {
		keep := int((n + pageBytes - 1) / pageBytes)
		if keep < len(c.pages) {
			c.own()
			clear(c.pages[keep:])
			c.pages = c.pages[:keep]
		}
		if at := n % pageBytes; at > 0 && keep == len(c.pages) && c.pages[keep-1] != nil {
			clear(c.page(keep - 1)[at:])
		}
	}
	c.size = n
}
