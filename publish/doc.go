// Package publish tells the outside what was recorded: another service, a broker, or a
// handler whose effect cannot be kept together with a checkpoint.
//
// A [Publisher] follows a store and hands the events that a query selects to a [Sink], each
// at least once, with the id that it always has, and in order per key. There is no outbox
// to be written or emptied: the log is the outbox, and a [Bookmark] says how far it was
// sent.
//
//	bookmark, err := publish.OpenFile("data/partner")
//	…
//	partner, err := webhook.New("https://partner.example/events", secrets, nil)
//	…
//	publisher := publish.New(store, daybook.Query{{Categories: []string{"order"}}}, partner, bookmark, nil)
//	err = publisher.Run(ctx)
//
// Package publish/webhook posts events to a URL, package publish/natssink hands them to
// NATS JetStream, and [Handle] makes a sink of functions that are typed by the fact that
// they handle. If what a handler does can be kept in one transaction with how far it has
// come, use a projection instead: it applies each event exactly once.
//
// # What is promised
//
// At least once: the bookmark moves only to where everything before it was sent, so a crash
// has some messages sent again, at most as many as [Options].Window, and leaves none out. A
// receiver that remembers the ids it has dealt with deals with each event once.
//
// In order per key: a message is sent when the one before it of its key was taken. The key
// is the event's stream unless [Options].Key says otherwise. What is sent again after a
// crash is sent again in order.
//
// A message that fails is tried again, with growing pauses, while other keys go on. One that
// is refused, or fails too often while others do not, has its key set aside: it and its
// followers, the events of the key behind it, wait until [Publisher.Retry] or
// [Publisher.Skip]. What is set aside is kept in the bookmark, as references to the log, and
// is listed by [Publisher.Status]. It is tried once more whenever Run begins. A sink that is
// down as a whole sets nothing aside: all messages wait. Unless it says so, by an
// [*UnavailableError], the first two keys may be set aside, and those in hand, before it is
// recognised.
//
// Events whose stream was forgotten before they were read are passed over, and so are those
// that are set aside by then. Who must know that a stream was forgotten has the query select
// what is recorded about it: [daybook.All] does.
//
// When the log is restored, the publisher goes on if the event that the bookmark stands at
// is still there; otherwise Run returns a [*DivergedError]. What was sent and is not in the
// restored log cannot be called back.
//
// Read message.go, bookmark.go and publisher.go, in that order.
package publish
