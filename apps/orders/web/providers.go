package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook"
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
	if _, err := ask(r); err != nil {
		return err
	}
	form, takes := wanted(r)
	if !takes {
		return notAcceptable.problem("this is to be had as application/json or text/html")
	}
	all := []provider{}
	for _, desk := range s.options.Providers {
		all = append(all, providerOf(desk))
	}
	if form == asHTML {
		s.render(w, r, http.StatusOK, "providers", view{Title: "Providers", Nav: "processes", Body: all})
		return nil
	}
	return writeJSON(w, http.StatusOK, all)
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
	at := slices.IndexFunc(s.options.Providers, func(d *simulated.Desk) bool { return d.Name() == r.PathValue("name") })
	if at < 0 {
		return notFound.problem("there is no simulated provider %q", r.PathValue("name"))
	}
	desk := s.options.Providers[at]
	var told providerTold
	sent, err := s.receive(w, r, &told, func(f *fields) { told = providerForm(f) })
	if err != nil {
		return err
	}
	if told.Mood != "" && !slices.Contains(simulated.Moods(), told.Mood) {
		return invalid.problem("mood: is %q, and can be one of %v", told.Mood, simulated.Moods())
	}
	if told.Mood != "" && told.Times == 0 {
		told.Times = 1
	}
	if told.Times < 0 || told.Times > maxNext {
		return invalid.problem("times: is %d, and must be from 1 to %d", told.Times, maxNext)
	}
	if told.Behaviour != nil {
		if err := desk.Behave(*told.Behaviour); err != nil {
			return invalid.problem("behaviour: %v", err)
		}
	}
	for range told.Times {
		desk.Next(told.Mood)
	}
	s.log.InfoContext(r.Context(), "provider", "correlation", daybook.TraceOf(r.Context()).Correlation, "provider", desk.Name(), "told", told)
	if sent.form != nil {
		http.SetCookie(w, &http.Cookie{Name: doneCookie, Value: "TellProvider", Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/providers", http.StatusSeeOther)
		return nil
	}
	return writeJSON(w, http.StatusOK, providerOf(desk))
}

// providerForm reads the forms of the page.
func providerForm(f *fields) providerTold {
	if f.text("mood") != "" {
		return providerTold{Mood: simulated.Mood(f.text("mood")), Times: f.number("times")}
	}
	percent := func(name string) float64 {
		given := f.text(name)
		if given == "" {
			return 0
		}
		n, err := strconv.ParseFloat(given, 64)
		if err != nil {
			f.wrong("%s: %q is no percentage", name, given)
		}
		return n / 100
	}
	b := simulated.Behaviour{
		Slow: percent("slow"), Decline: percent("decline"), Unreachable: percent("unreachable"), Silent: percent("silent"), Twice: percent("twice"),
	}
	if seconds, err := strconv.ParseFloat(strings.TrimSpace(f.text("delay")), 64); err == nil {
		b.DelayMillis = int64(1000 * seconds)
	} else if f.text("delay") != "" {
		f.wrong("delay: %q is no number of seconds", f.text("delay"))
	}
	return providerTold{Behaviour: &b}
}
