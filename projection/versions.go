package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
)

// A Mark says what becomes of a version of a read model, for whoever has several.
type Mark string

const (
	// Building marks a version that readers were not switched to yet.
	Building Mark = ""
	// Answering marks a version that readers were switched to. Of several the newest answers.
	Answering Mark = "answering"
	// HeldBack marks a version that readers were switched away from, or past.
	HeldBack Mark = "held back"
)

// Versions are the read models of one projection whose code a program has, side by side:
// an older one that answers, and a newer one that is being built until it can answer.
// V is their type, such as *sqlview.View. All of them are kept in step; readers are
// switched to the newest as soon as it shows what the one before it does, and can be
// switched back. What was decided is kept with the read models: other processes that
// have them follow within a second.
//
// Versions are safe for use by many goroutines.
type Versions[V View] struct {
	store   daybook.Store
	options VersionsOptions

	// deciding is held while it is decided who answers, or goes; stills while versions are
	// compared. The first is taken before mu.
	deciding sync.Mutex
	stills   sync.Mutex

	mu        sync.Mutex
	all       []*version[V] // from the oldest to the newest
	answering *version[V]   // nil while none does
	changed   chan struct{} // closed and replaced when another answers, or a version joins
	running   context.Context
	runs      sync.WaitGroup // of the versions' runners
	failed    chan error     // of a runner that gave up
}

// A version is one of the read models.
type version[V View] struct {
	view   V
	runner *Runner
	stop   context.CancelFunc // ends the runner; nil while it does not run
	ended  chan struct{}      // closed when it has

	goalMu sync.Mutex
	goal   daybook.Point // where it has to come to before it can answer; guarded by goalMu
}

// VersionsOptions adjust Versions. The zero value, and nil, are right for most programs.
type VersionsOptions struct {
	// Runner are the options of each version's runner.
	Runner Options
	// ByHand keeps readers where they are until [Versions.Switch] is called. A program that
	// has no version that answers switches to the first that can all the same.
	ByHand bool
}

// NewVersions returns versions of one projection, from the oldest to the newest, which
// do nothing until Run is called. Nil options mean the zero VersionsOptions. It panics
// if there are none, or if their names differ.
func NewVersions[V View](store daybook.Store, options *VersionsOptions, views ...V) *Versions[V] {
	if len(views) == 0 {
		panic("projection: no version of a read model")
	}
	v := &Versions[V]{store: store, changed: make(chan struct{}), failed: make(chan error, 1)}
	if options != nil {
		v.options = *options
	}
	v.options.Runner = v.options.Runner.complete()
	for _, view := range views {
		if view.Name() != views[0].Name() {
			panic(fmt.Sprintf("projection: %s and %s are not versions of one projection", views[0].Name(), view.Name()))
		}
		v.all = append(v.all, v.version(view))
	}
	return v
}

func (v *Versions[V]) version(view V) *version[V] {
	return &version[V]{view: view, runner: NewRunner(v.store, view, &v.options.Runner)}
}

// supervision is how often it is looked at who can answer, and what others decided.
const supervision = 200 * time.Millisecond

// Run keeps all versions in step, and switches readers, until ctx ends; then it returns
// nil. It gives up when the runner of the version that answers does (see [Runner.Run]).
// Run is called once.
func (v *Versions[V]) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer v.runs.Wait()
	defer stop()
	v.mu.Lock()
	v.running = ctx
	for _, one := range v.all {
		v.start(one)
	}
	v.mu.Unlock()
	said := "" // the last trouble, which is told once however long it lasts
	for {
		trouble := ""
		if err := v.Choose(ctx); err != nil && ctx.Err() == nil {
			if trouble = err.Error(); trouble != said {
				v.options.Runner.Logger.WarnContext(ctx, "it cannot be told which version of a read model is to answer", "error", err)
			}
		}
		said = trouble
		select {
		case <-ctx.Done():
			return nil
		case err := <-v.failed:
			return err
		case <-time.After(supervision):
		}
	}
}

// start runs a version's runner. The caller holds the lock.
func (v *Versions[V]) start(one *version[V]) {
	ctx, stop := context.WithCancel(v.running)
	one.stop, one.ended = stop, make(chan struct{})
	v.runs.Go(func() {
		defer close(one.ended)
		defer stop()
		err := one.runner.Run(ctx)
		if err == nil {
			return
		}
		v.mu.Lock()
		answers := v.answering == one || len(v.all) == 1
		v.mu.Unlock()
		if answers { // of any other its Status tells
			select {
			case v.failed <- err:
			default:
			}
		}
	})
}

// Choose looks once at which version is to answer, and switches readers to it, as Run
// does over and over: for programs that answer before Run has begun.
func (v *Versions[V]) Choose(ctx context.Context) error {
	v.deciding.Lock()
	defer v.deciding.Unlock()
	for _, one := range slices.Backward(v.versions()) {
		mark, err := one.mark(ctx)
		if err != nil {
			return err
		}
		switch {
		case mark == Answering:
			v.answer(one)
			return nil
		case mark == HeldBack:
			continue
		}
		before := v.current()
		if before != nil && v.options.ByHand {
			continue
		}
		reason, err := v.unready(ctx, one, before)
		if err != nil {
			return err
		}
		if reason != "" {
			continue
		}
		if err := one.setMark(ctx, Answering); err != nil {
			return err
		}
		v.answer(one)
		return nil
	}
	return nil
}

// unready says why a version cannot answer yet in place of another, or of none: it has
// to show all that was recorded when this was first asked, and all that the other does,
// and, if it is the newer one, to have nothing set aside that the other has applied. It
// is empty if it can.
func (v *Versions[V]) unready(ctx context.Context, one, before *version[V]) (string, error) {
	one.goalMu.Lock()
	defer one.goalMu.Unlock()
	if one.goal.IsZero() {
		info, err := v.store.Info(ctx)
		if err != nil {
			return "", err
		}
		one.goal = info.Head
	}
	stands, err := one.runner.stands(ctx)
	if err != nil {
		return "", err
	}
	at := together(stands)
	shows := one.goal.Position == 0
	if !shows {
		if shows, err = one.runner.covers(ctx, stands, one.goal); err != nil {
			one.goal = daybook.Point{} // the log may have another life, and another head
			return "", err
		}
	}
	if !shows {
		return fmt.Sprintf("it is at position %d, and has to come to %d", at.Position, one.goal.Position), nil
	}
	if before == nil {
		if before = v.previous(one); before == nil {
			return "", nil
		}
	}
	older, err := before.runner.stands(ctx)
	if err != nil {
		return "", err
	}
	if was := together(older); at.SameLife(was.Point) && at.Position < was.Position {
		one.goal = was.Point // what was shown once is to be shown still
		return fmt.Sprintf("it is at position %d, and version %d is at %d", at.Position, before.view.Version(), was.Position), nil
	}
	if all := v.versions(); slices.Index(all, one) < slices.Index(all, before) {
		return "", nil // whoever goes back to what was knows what it lacked
	}
	known := map[daybook.Position]bool{}
	for _, stand := range older {
		for _, a := range stand.Aside {
			known[a.Position] = true
		}
	}
	for _, stand := range stands {
		for _, a := range stand.Aside {
			if !known[a.Position] {
				return fmt.Sprintf("it has set aside the event at position %d, which version %d has applied", a.Position, before.view.Version()), nil
			}
		}
	}
	return "", nil
}

// previous returns the version before another, or nil.
func (v *Versions[V]) previous(one *version[V]) *version[V] {
	all := v.versions()
	if at := slices.Index(all, one); at > 0 {
		return all[at-1]
	}
	return nil
}

// mark returns the version's mark.
func (one *version[V]) mark(ctx context.Context) (Mark, error) {
	stand, err := one.runner.standOf(ctx, 0)
	return stand.Mark, err
}

// setMark keeps a mark with the read model.
func (one *version[V]) setMark(ctx context.Context, mark Mark) error {
	w := one.runner.worker(0)
	return w.amend(ctx, func(c *Change) bool {
		c.Mark = mark
		return w.stand.Mark != mark
	})
}

// answer makes a version the one that answers.
func (v *Versions[V]) answer(one *version[V]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.answering == one {
		return
	}
	before := v.answering
	v.answering = one
	v.tell()
	if before == nil {
		return // nobody was asked until now
	}
	v.options.Runner.Logger.Info("another version of a read model answers", "projection", one.view.Name(), "version", one.view.Version())
}

// tell wakes those who wait for another to answer. The caller holds the lock.
func (v *Versions[V]) tell() {
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *Versions[V]) versions() []*version[V] {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.all)
}

func (v *Versions[V]) current() *version[V] {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.answering
}

// Answering returns the read model that answers, and false while none does, because the
// first is still being built.
func (v *Versions[V]) Answering() (V, bool) {
	if one := v.current(); one != nil {
		return one.view, true
	}
	var none V
	return none, false
}

// Wait returns the read model that answers, once it shows everything up to a point. It
// is [Runner.Wait] of the version that answers when it returns; while none does, it waits
// for one.
func (v *Versions[V]) Wait(ctx context.Context, token daybook.Point) (V, error) {
	for {
		v.mu.Lock()
		one, changed := v.answering, v.changed
		v.mu.Unlock()
		if one == nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				var none V
				name := v.versions()[0].view.Name()
				return none, &daybook.UnavailableError{Doing: "wait for a version of projection " + name + " that can answer", Err: ctx.Err()}
			}
		}
		waiting, stop := context.WithCancel(ctx)
		go func() { // another may answer while this one does not get there
			select {
			case <-changed:
				if v.current() != one {
					stop()
				}
			case <-waiting.Done():
			}
		}()
		err := one.runner.Wait(waiting, token)
		stop()
		if v.current() == one {
			return one.view, err
		}
	}
}

// Views returns all versions, from the oldest to the newest.
func (v *Versions[V]) Views() []V {
	var views []V
	for _, one := range v.versions() {
		views = append(views, one.view)
	}
	return views
}

// Runner returns the runner of one of the versions, to retry or skip what is set aside,
// or to pause it. Nil if view is not one of them.
func (v *Versions[V]) Runner(view V) *Runner {
	if one := v.find(view); one != nil {
		return one.runner
	}
	return nil
}

func (v *Versions[V]) find(view V) *version[V] {
	for _, one := range v.versions() {
		if any(one.view) == any(view) {
			return one
		}
	}
	return nil
}

// A VersionStatus says where one of several versions stands.
type VersionStatus[V View] struct {
	Status
	// View is the version.
	View V
	// Mark is what was decided about it, and Answers whether readers are given it here.
	Mark    Mark
	Answers bool
	// Unready says why it cannot answer yet; empty if it could.
	Unready string
}

// Status says where all versions stand, from the oldest to the newest. It returns the
// first error together with what is known all the same. A version that is removed while
// it is asked is left out.
func (v *Versions[V]) Status(ctx context.Context) ([]VersionStatus[V], error) {
	for {
		current := v.current()
		all, err := v.status(ctx, current)
		if err == nil || ctx.Err() != nil || v.current() == current {
			return all, err
		}
		// Another answers now, and what others were compared with may have been removed.
	}
}

// status says where all versions stand while one of them answers.
func (v *Versions[V]) status(ctx context.Context, current *version[V]) (all []VersionStatus[V], failed error) {
	for _, one := range v.versions() {
		s := VersionStatus[V]{View: one.view, Answers: one == current}
		var err error
		if s.Status, err = one.runner.Status(ctx); err == nil {
			s.Mark, err = one.mark(ctx)
		}
		if err == nil && !s.Answers {
			s.Unready, err = v.unready(ctx, one, current)
		}
		if err != nil && !slices.Contains(v.versions(), one) {
			continue
		}
		if failed == nil {
			failed = err
		}
		all = append(all, s)
	}
	return all, failed
}

// Switch makes a version answer, as soon as it shows what the one that answers does:
// a newer one, or one that was held back. It returns an error that says what is missing
// if ctx ends first.
func (v *Versions[V]) Switch(ctx context.Context, view V) error {
	one := v.find(view)
	if one == nil {
		return unknownVersion(view)
	}
	for {
		if err := v.ready(ctx, one); err != nil {
			return err
		}
		if switched, err := v.switchTo(ctx, one); switched || err != nil {
			return err
		}
	}
}

// switchTo switches readers to a version that was ready just now, and reports whether it
// still was.
func (v *Versions[V]) switchTo(ctx context.Context, one *version[V]) (bool, error) {
	v.deciding.Lock()
	defer v.deciding.Unlock()
	all := v.versions()
	at := slices.Index(all, one)
	if at < 0 {
		return false, unknownVersion(one.view) // it was removed meanwhile
	}
	if reason, err := v.unready(ctx, one, v.current()); err != nil || reason != "" {
		return false, err
	}
	for _, newer := range all[at+1:] { // the newest that is marked answers
		if err := newer.setMark(ctx, HeldBack); err != nil {
			return false, err
		}
	}
	if err := one.setMark(ctx, Answering); err != nil {
		return false, err
	}
	v.answer(one)
	return true, nil
}

func unknownVersion(view View) error {
	return &daybook.InvalidError{What: fmt.Sprintf("version %d of %s", view.Version(), view.Name()), Reason: "was not given to these versions, or was removed"}
}

// ready waits until a version can answer.
func (v *Versions[V]) ready(ctx context.Context, one *version[V]) error {
	for {
		reason, err := v.unready(ctx, one, v.current())
		if err == nil && reason == "" {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return &daybook.UnavailableError{Doing: fmt.Sprintf("switch to version %d of %s: %s", one.view.Version(), one.view.Name(), reason), Err: ctx.Err()}
		case <-time.After(laterLook):
		}
	}
}

// Rollback makes the version before the one that answers answer again, as soon as it
// shows as much, and holds the other back. There has to be one that is still kept in
// step.
func (v *Versions[V]) Rollback(ctx context.Context) error {
	all, current := v.versions(), v.current()
	at := slices.Index(all, current)
	if at <= 0 {
		return &daybook.InvalidError{What: "rollback", Reason: "there is no earlier version here that could answer"}
	}
	return v.Switch(ctx, all[at-1].view)
}

// Add lets a version join, newer than all others. It begins to be built at once if Run
// is running.
func (v *Versions[V]) Add(view V) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if name := v.all[0].view.Name(); name != view.Name() {
		return &daybook.InvalidError{What: "version", Value: view.Name(), Reason: "is not one of projection " + name}
	}
	one := v.version(view)
	v.all = append(v.all, one)
	if v.running != nil && v.running.Err() == nil {
		v.start(one)
	}
	v.tell()
	return nil
}

// A Removable view can be taken away with all that is kept of it.
type Removable interface {
	View
	// Remove drops the read model and closes the view.
	Remove(ctx context.Context) error
}

// Remove lets a version go that does not answer. If it is [Removable], its read model is
// dropped. One that answers, here or in another process, or is the only one, is a
// [*daybook.InvalidError].
func (v *Versions[V]) Remove(ctx context.Context, view V) error {
	one := v.find(view)
	if one == nil {
		return unknownVersion(view)
	}
	stop, ended, reason, err := v.dismiss(ctx, one)
	if err != nil {
		return err
	}
	if reason != "" {
		return &daybook.InvalidError{What: fmt.Sprintf("version %d of %s", view.Version(), view.Name()), Reason: "cannot be removed: " + reason}
	}
	if stop != nil {
		stop()
		<-ended
	}
	if removable, ok := any(view).(Removable); ok {
		return removable.Remove(ctx)
	}
	return nil
}

// dismiss takes a version off the list, and says how its runner is ended, or why it stays.
func (v *Versions[V]) dismiss(ctx context.Context, one *version[V]) (stop context.CancelFunc, ended chan struct{}, reason string, err error) {
	v.deciding.Lock()
	defer v.deciding.Unlock()
	for _, newest := range slices.Backward(v.versions()) {
		mark, err := newest.mark(ctx)
		if err != nil {
			return nil, nil, "", err
		}
		if mark != Answering {
			continue
		}
		if newest == one {
			return nil, nil, "it answers", nil
		}
		break // another does, and what was marked before it answers nobody who knows that
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case one == v.answering:
		return nil, nil, "it answers", nil
	case len(v.all) == 1:
		return nil, nil, "it is the only one", nil
	}
	v.all = slices.DeleteFunc(slices.Clone(v.all), func(o *version[V]) bool { return o == one })
	v.tell()
	return one.stop, one.ended, "", nil
}

// comparing is how the reason begins for which versions are paused that are compared,
// until a time that follows. A runner goes on then: who compared them may be gone.
const comparing = "it is compared with another version, until "

// compareWithin is how long two versions are kept at one point at most. To bring them
// there, and to begin to read them, takes moments.
const compareWithin = time.Minute

// comparedUntil returns until when a part is paused by a comparison, and false if it is
// paused for another reason, or not at all.
func comparedUntil(paused string) (time.Time, bool) {
	given, is := strings.CutPrefix(paused, comparing)
	if !is {
		return time.Time{}, false
	}
	until, err := time.Parse(time.RFC3339, given)
	return until, err == nil
}

// Still brings two versions to the head of the log, keeps them there while look runs, and
// lets them go on: so that what it reads of both can be compared. Let look return as
// soon as it has begun to read each at its moment: nothing is applied to either meanwhile,
// and after a minute they go on anyhow, also if the program has ended. A version that
// somebody has paused is a [*PausedError], and two that are one an
// [*daybook.InvalidError]. One comparison waits for another.
func (v *Versions[V]) Still(ctx context.Context, a, b V, look func() error) (err error) {
	v.stills.Lock()
	defer v.stills.Unlock()
	pair := []*version[V]{v.find(a), v.find(b)}
	for i, one := range pair {
		if one == nil {
			return unknownVersion([]V{a, b}[i])
		}
	}
	if pair[0] == pair[1] {
		return &daybook.InvalidError{What: "comparison", Reason: "is of a version with itself"}
	}
	until := time.Now().Add(compareWithin)
	ctx, stop := context.WithDeadline(ctx, until)
	defer stop()
	for _, one := range pair {
		if err := one.unpaused(ctx); err != nil {
			return err
		}
	}
	for _, one := range pair {
		defer func() {
			err = errors.Join(err, one.runner.Resume(context.WithoutCancel(ctx)))
		}()
		if err := one.runner.Pause(ctx, comparing+until.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
	}
	info, err := v.store.Info(ctx) // neither is past it, nor moves by itself any more
	if err != nil {
		return err
	}
	for _, one := range pair {
		if err := one.runner.upTo(ctx, daybook.Span{Before: info.Head.Position + 1}, nil); err != nil {
			return err
		}
	}
	return look()
}

// unpaused returns a [*PausedError] if somebody has paused the version.
func (one *version[V]) unpaused(ctx context.Context) error {
	stands, err := one.runner.stands(ctx)
	for _, stand := range stands {
		if stand.Paused != "" {
			return one.runner.pausedError(stand.Paused)
		}
	}
	return err
}
