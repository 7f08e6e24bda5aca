package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders/simulated"
)

// A provider is one of the simulated ones, as a program sees it.
type provider struct {
	Name      string              `json:"name"`
	Behaviour simulated.Behaviour `json:"behaviour"`
	// Next are the moods in which it meets the next calls, one each.
	Next  []simulated.Mood `json:"next"`
	Tally simulated.Tally  `json:"tally"`
}

func providerOf(desk *simulated.Desk) provider {
	behaviour, next := desk.Told()
	return provider{desk.Name(), behaviour, next, desk.Tally()}
}

// providers answers GET /providers.
func (s *Site) providers(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	form, takes := httpapi.Wanted(r)
	if !takes {
		return httpapi.NotAcceptable.Problem("this is to be had as application/json or text/html")
	}
	all := []provider{}
	for _, desk := range s.desks {
		all = append(all, providerOf(desk))
	}
	if form == httpapi.AsHTML {
		s.render(w, r, http.StatusOK, "providers", view{Title: "Providers", Nav: "processes", Body: all})
		return nil
	}
	return httpapi.WriteJSON(w, http.StatusOK, all)
}

// maxNext is for how many calls ahead a provider can be told what to do.
const maxNext = 1000

// A providerTold is what a provider is told: in which mood to meet the next calls, or how to
// behave from now on, or both.
type providerTold struct {
	Mood      simulated.Mood       `json:"mood,omitempty"`
	Times     int64                `json:"times,omitempty"`
	Behaviour *simulated.Behaviour `json:"behaviour,omitempty"`
}

// tellProvider takes POST /providers/{name}.
func (s *Site) tellProvider(w http.ResponseWriter, r *http.Request) error {
	at := slices.IndexFunc(s.desks, func(d *simulated.Desk) bool { return d.Name() == r.PathValue("name") })
	if at < 0 {
		return httpapi.NotFound.Problem("there is no simulated provider %q", r.PathValue("name"))
	}
	desk := s.desks[at]
	var told providerTold
	sent, err := s.Receive(w, r, &told, func(f *httpapi.Fields) { told = providerForm(f) })
	if err != nil {
		return err
	}
	if told.Mood != "" && !slices.Contains(simulated.Moods(), told.Mood) {
		return httpapi.Invalid.Problem("mood: is %q, and can be one of %v", told.Mood, simulated.Moods())
	}
	if told.Mood != "" && told.Times == 0 {
		told.Times = 1
	}
	if told.Times < 0 || told.Times > maxNext {
		return httpapi.Invalid.Problem("times: is %d, and must be from 1 to %d", told.Times, maxNext)
	}
	if told.Behaviour != nil {
		if err := desk.Behave(*told.Behaviour); err != nil {
			return httpapi.Invalid.Problem("behaviour: %v", err)
		}
	}
	for range told.Times {
		desk.Next(told.Mood)
	}
	s.Log.InfoContext(r.Context(), "provider", "provider", desk.Name(), "told", told)
	if sent.Form != nil {
		s.Carry(w, daybook.Point{}, "TellProvider") // nothing was recorded
		http.Redirect(w, r, "/providers", http.StatusSeeOther)
		return nil
	}
	return httpapi.WriteJSON(w, http.StatusOK, providerOf(desk))
}

// providerForm reads the forms of the page.
func providerForm(f *httpapi.Fields) providerTold {
	if f.Text("mood") != "" {
		return providerTold{Mood: simulated.Mood(f.Text("mood")), Times: f.Number("times")}
	}
	percent := func(name string) float64 {
		given := f.Text(name)
		if given == "" {
			return 0
		}
		n, err := strconv.ParseFloat(given, 64)
		if err != nil {
			f.Wrong("%s: %q is no percentage", name, given)
		}
		return n / 100
	}
	b := simulated.Behaviour{
		Slow: percent("slow"), Decline: percent("decline"), Unreachable: percent("unreachable"), Silent: percent("silent"), Twice: percent("twice"),
	}
	if seconds, err := strconv.ParseFloat(strings.TrimSpace(f.Text("delay")), 64); err == nil {
		b.DelayMillis = int64(1000 * seconds)
	} else if f.Text("delay") != "" {
		f.Wrong("delay: %q is no number of seconds", f.Text("delay"))
	}
	return providerTold{Behaviour: &b}
}
