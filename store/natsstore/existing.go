package natsstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
)

// exists returns an error if the servers keep no log of this name.
func (l *log) exists(ctx context.Context, name string) error {
	return l.retry(ctx, "open", func(ctx context.Context) (again bool, err error) {
		_, err = l.js.Stream(ctx, l.subjects.stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return false, &daybook.InvalidError{What: "log", Value: name, Reason: "is none that these servers keep"}
		}
		if err != nil {
			return !errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), fmt.Errorf("stream %s: %w", l.subjects.stream, err)
		}
		return false, nil
	})
}
