// Package natssink hands events to NATS JetStream. A [Sink] is what a publisher of package
// publish sends to.
//
// Each event is one message, on the subject that a function gives it, such as
// [ByStream]. Its data is the event as a JSON object: a line as package jsonlines writes it,
// without the line feed. Its headers:
//
//	Nats-Msg-Id       the event's id
//	Daybook-Event-Id  the same
//	Daybook-Type      the event's type, escaped as in subjects
//	Daybook-Position  its place in the log
//	Daybook-Attempt   how often it was tried
//
// A message counts as sent when JetStream has confirmed that a stream stored it.
//
// # What arrives twice
//
// JetStream drops a message whose Nats-Msg-Id it stored within the stream's duplicate
// window, which is two minutes unless the stream says otherwise. What is sent again after
// that is stored twice: after a crash that lasted longer, after a retry of what was set
// aside while its answer was lost, or because a bookmark was placed further back. So a
// consumer that must deal with each event once remembers the Daybook-Event-Id of those that
// it dealt with, or the greatest Daybook-Position if it reads everything of the publisher
// and that sends one message at a time.
//
// # Order
//
// A publisher sends the messages of a key one after the other, and JetStream stores them in
// that order. With [ByStream] the events of a stream are on one subject.
package natssink
