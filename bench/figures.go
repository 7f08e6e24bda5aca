package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
)

// A Figure is what was measured of one thing, once per round.
type Figure struct {
	Work   string    `json:"work"`
	Case   string    `json:"case"`
	Peer   string    `json:"peer"` // a key, see peers.Kinds
	Metric string    `json:"metric"`
	Values []float64 `json:"values"`
}

// Median returns the middle of the rounds.
func (f Figure) Median() float64 {
	sorted := slices.Sorted(slices.Values(f.Values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// A Part is one workload's outcome.
type Part struct {
	Work    string  `json:"work"`
	Command string  `json:"command"`
	Started string  `json:"started"`
	Seconds float64 `json:"seconds"`
	// Others is how many processors other programs kept busy meanwhile.
	Others  float64  `json:"others"`
	Figures []Figure `json:"figures"`
	// Notes say what else must be known, also which peer failed and how.
	Notes []string `json:"notes"`
}

// add appends what one round measured.
func (p *Part) add(in, peer, metric string, value float64) {
	for i := range p.Figures {
		if f := &p.Figures[i]; f.Case == in && f.Peer == peer && f.Metric == metric {
			f.Values = append(f.Values, value)
			return
		}
	}
	p.Figures = append(p.Figures, Figure{p.Work, in, peer, metric, []float64{value}})
}

// note keeps a sentence once.
func (p *Part) note(sentence string) {
	if !slices.Contains(p.Notes, sentence) {
		p.Notes = append(p.Notes, sentence)
	}
}

// get returns the median of a figure, and whether it was measured.
func (p *Part) get(in, peer, metric string) (float64, bool) {
	if p == nil {
		return 0, false
	}
	for _, f := range p.Figures {
		if f.Case == in && f.Peer == peer && f.Metric == metric {
			return f.Median(), true
		}
	}
	return 0, false
}

// Results are all that was measured, also in earlier runs into the same directory.
type Results struct {
	Machine []string `json:"machine"`
	Parts   []*Part  `json:"parts"`
}

// loadResults returns what a directory has, or none.
func loadResults(path string) (*Results, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Results{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(Results)
	return r, json.Unmarshal(b, r)
}

// part returns the outcome of a workload, nil if there is none.
func (r *Results) part(work string) *Part {
	for _, p := range r.Parts {
		if p.Work == work {
			return p
		}
	}
	return nil
}

// put replaces the outcome of a workload.
func (r *Results) put(p *Part) {
	for i := range r.Parts {
		if r.Parts[i].Work == p.Work {
			r.Parts[i] = p
			return
		}
	}
	r.Parts = append(r.Parts, p)
}

func (r *Results) save(path string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
