package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/answers"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A Showcase is the query side: what people look at. It answers from [Display], in a
// database of its own, and asks nothing of the side that takes commands: of the log it
// knows what the projection reads.
//
// What was answered is kept, and answers the same question again as long as nothing has
// changed. While the database is away, or is being built again, it answers questions that
// nobody knows any better, and says so. A showcase is safe for use by many goroutines.
type Showcase struct {
	keeper *readmodel.Keeper
	cache  *answers.Cache
	// asking joins those who ask the same at the same moment.
	asking singleflight.Group
	// past holds one while somebody looks at how everything was: see pastly.
	past chan struct{}
	// counts has how questions were answered.
	counts Counts
}

// ShowcaseOptions adjust a showcase. The zero value, and nil, are right for most programs.
type ShowcaseOptions struct {
	// CacheBytes is how many bytes of answers are kept. Zero means 64 MiB; negative means
	// none.
	CacheBytes int64
	// Runner are options of what keeps the read model in step.
	Runner projection.Options
	// Logger is told when the read model is away, and when it is back. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// OpenShowcase opens the showcase of the catalogue that is recorded in a store, in a
// directory or in a PostgreSQL database. It returns at once, whether or not the database
// can be reached. The caller closes the showcase, and the store after it.
func OpenShowcase(store daybook.Store, place readmodel.Place, options *ShowcaseOptions) *Showcase {
	var o ShowcaseOptions
	if options != nil {
		o = *options
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	return &Showcase{
		keeper: readmodel.Keep(store, Display, place, &readmodel.Options{Runner: o.Runner, Logger: o.Logger}),
		cache:  answers.New(o.CacheBytes),
		past:   make(chan struct{}, 1),
	}
}

// Close closes the read model. What it shows stays.
func (s *Showcase) Close() error { return s.keeper.Close() }

// ReadModel is what the showcase answers from: to see where it stands, to have it built
// again, and to drop it.
func (s *Showcase) ReadModel() *readmodel.Keeper { return s.keeper }

// Wait returns when what is shown has come to a point. While the read model is away it
// returns at once: what is answered then is marked as stale. But when the showcase has only
// begun, and there is nothing to be answered, it waits for that too.
func (s *Showcase) Wait(ctx context.Context, token daybook.Point) error {
	s.keeper.Begun(ctx)
	err := s.keeper.Wait(ctx, token)
	if away := (*readmodel.AwayError)(nil); errors.As(err, &away) {
		return nil
	}
	return err
}

// Status says where the read model stands. While that cannot be told the error is a
// [*readmodel.AwayError].
func (s *Showcase) Status(ctx context.Context) (projection.Status, error) {
	return s.keeper.Status(ctx)
}

// From says where an answer comes from.
type From string

const (
	FromDatabase From = "database"
	FromCache    From = "cache"
	FromStale    From = "stale"
)

// An Answer is one to a question.
type Answer[T any] struct {
	Value T
	// JSON is the value as it is sent.
	JSON []byte
	// Shown says which moment it shows.
	Shown Shown
	// From says where it comes from. If it is stale, Age is how long ago it was known to be
	// so, and Away says why nobody knows any better.
	From From
	Age  time.Duration
	Away *readmodel.AwayError
}

// Stale reports whether the answer may not be so any more.
func (a Answer[T]) Stale() bool { return a.Away != nil }

// found is what a question found out.
type found[T any] struct {
	value T
	shown Shown
	// body is what is sent of it.
	body any
}

// ask answers a question: as it was answered before, if that is so still, or else from the
// database. If that is away it answers as it last did, and if it never did the error is a
// [*readmodel.AwayError].
func ask[T any](ctx context.Context, s *Showcase, question string, look func(rows *sqlview.Reader, at readmodel.Standing) (found[T], error)) (Answer[T], error) {
	asked := time.Now()
	at, err := s.keeper.Standing(ctx)
	away := (*readmodel.AwayError)(nil)
	if errors.As(err, &away) {
		return stale[T](s, question, away)
	}
	if err != nil {
		return Answer[T]{}, err
	}
	state := at.Tag(displayVersion)
	if kept, is := s.cache.Get(question); is && kept.State == state {
		s.cache.Confirm(question, state, asked)
		s.counts.cache.Add(1)
		known := kept.Value.(Answer[T])
		known.From = FromCache
		return known, nil
	}
	// Whoever asks the same, and found the same state, need not be answered apart.
	known, err, _ := s.asking.Do(question+"\x00"+state, func() (any, error) {
		// It is not only for whoever came first, who may go away.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
		defer cancel()
		return fresh(ctx, s, question, look)
	})
	if err != nil && !errors.As(err, &away) && errors.Is(err, context.DeadlineExceeded) {
		away = s.keeper.Away() // a database that does not answer is found out meanwhile
	}
	if away != nil {
		return stale[T](s, question, away)
	}
	if err != nil {
		return Answer[T]{}, err
	}
	s.counts.database.Add(1)
	return known.(Answer[T]), nil
}

// askWithin is how long the database may take to answer.
const askWithin = 10 * time.Second

// fresh answers a question from the database, and keeps the answer.
func fresh[T any](ctx context.Context, s *Showcase, question string, look func(rows *sqlview.Reader, at readmodel.Standing) (found[T], error)) (Answer[T], error) {
	asked := time.Now()
	var what found[T]
	var state string
	var shown daybook.Point
	err := s.keeper.Read(ctx, func(rows *sqlview.Reader, at readmodel.Standing) (err error) {
		state, shown = at.Tag(displayVersion), at.Point
		what, err = look(rows, at)
		return err
	})
	if err != nil {
		return Answer[T]{}, err
	}
	body, err := json.MarshalIndent(what.body, "", "  ")
	if err != nil {
		return Answer[T]{}, err
	}
	known := Answer[T]{Value: what.value, JSON: append(body, '\n'), Shown: what.shown, From: FromDatabase}
	s.cache.Put(question, answers.Entry{Value: known, Body: known.JSON, State: state, At: shown, Confirmed: asked})
	return known, nil
}

// stale answers a question as it was last answered.
func stale[T any](s *Showcase, question string, away *readmodel.AwayError) (Answer[T], error) {
	kept, is := s.cache.Get(question)
	if !is {
		s.counts.none.Add(1)
		return Answer[T]{}, away
	}
	s.counts.stale.Add(1)
	known := kept.Value.(Answer[T])
	known.From, known.Age, known.Away = FromStale, time.Since(kept.Confirmed), away
	return known, nil
}
