// Package alert has a program watch itself, for those who have no Prometheus: it looks at
// the program's own metrics and tells a sink, such as a webhook, when something begins that
// somebody should know, and when it has ended.
//
//	sink, err := webhook.New(url, []webhook.Secret{secret}, nil)
//	watch := alert.New(registry, sink, "data/alerts", &alert.Options{Program: "orders"})
//	go watch.Run(ctx)
//
// What it looks for is a part of the alerts in deploy/alerts, under the same names and with
// the same bounds, so docs/guides/operations.md says what each means. It needs the metrics
// of package prommetrics, in any gatherer.
//
// Each trouble is told once when it begins and once when it has ended, also if the program
// is started again in between, and also if the receiver is away for a while: what is to be
// told is kept in a file until it is taken. A value that comes and goes is one trouble that
// goes on: it has ended when all was well for some minutes, and for longer each time that it
// comes back.
//
// A program that does not run tells nobody. Something outside must ask whether it answers.
package alert
