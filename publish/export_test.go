package publish

// Held returns how many bytes of events a running publisher holds, as it counts them.
func (p *Publisher) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	return p.run.bytes
}
