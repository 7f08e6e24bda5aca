package pgstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// A notification can be lost with its connection. Whoever waits then learns within this
	// time that there is something new.
	poll = time.Second
	// How long to do without a connection that was lost before another one is tried.
	listenAgain = 200 * time.Millisecond
	// The fewest milliseconds between two notifications of one process: those who wait
	// elsewhere have as much to do with one of a hundred groups as with one of one.
	notifyPause = time.Millisecond
)

// listen wakes those who wait when another process has appended, until the store is closed.
func (s *Store) listen(ctx context.Context) {
	for {
		err := s.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		s.health.listening(err)
		s.options.Logger.WarnContext(ctx, "pgstore: the connection that tells of new events is lost", "log", s.where, "err", err)
		s.arrivals.arrived(0)
		if !s.pause(ctx, listenAgain) {
			return
		}
	}
}

// listenOnce listens on one connection until it is lost, and looks itself now and then.
func (s *Store) listenOnce(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer s.hangUp(conn)
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		return err
	}
	s.health.listening(nil)
	for {
		at, err := s.ask(ctx, conn)
		if err != nil {
			return err
		}
		s.arrivals.stands(at)
		told, cancel := context.WithTimeout(ctx, poll)
		for err == nil {
			if n, failed := conn.WaitForNotification(told); failed != nil {
				err = failed
			} else if head, wrong := strconv.ParseInt(n.Payload, 10, 64); wrong == nil {
				s.arrivals.arrived(head)
			}
		}
		cancel()
		if conn.IsClosed() || !errors.Is(told.Err(), context.DeadlineExceeded) {
			return err
		}
	}
}

// ask reads where the head is on a connection that listens.
func (s *Store) ask(ctx context.Context, conn *pgx.Conn) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*poll)
	defer cancel()
	at, err := headOf(conn.QueryRow(ctx, headSQL, s.number))
	return at.position, err
}

// notify tells other processes how far the log has come, whenever it is told itself, until
// the store is closed. While one notification is on its way, any number become one.
func (s *Store) notify(ctx context.Context, news <-chan int64) {
	for {
		select {
		case head := <-news:
			// They find out themselves if it fails.
			_, _ = s.pool.Exec(ctx, notifySQL, s.channel(), strconv.FormatInt(head, 10))
			s.pause(ctx, notifyPause)
		case <-ctx.Done():
			return
		}
	}
}

// tell gives a position to the notifier, in place of one that it has yet to take.
func tell(news chan int64, head int64) {
	select {
	case <-news:
	default:
	}
	news <- head // of capacity 1, and only the sequencer sends
}
