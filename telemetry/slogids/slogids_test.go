package slogids_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/telemetry/slogids"
)

func TestALineHasTheIDsOfItsContext(t *testing.T) {
	var out bytes.Buffer
	text := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(slogids.New(slogids.New(text))) // twice is once
	in := func(t daybook.Trace) context.Context { return daybook.WithTrace(context.Background(), t) }
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	both := daybook.Trace{Correlation: "basket-7", Parent: parent}
	for _, c := range []struct {
		log  func()
		want string
	}{
		{func() { log.InfoContext(in(both), "command", "name", "Pay") },
			"msg=command correlation=basket-7 trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 name=Pay\n"},
		{func() { log.InfoContext(in(daybook.Trace{Correlation: "basket-7"}), "command") }, "msg=command correlation=basket-7\n"},
		{func() { log.InfoContext(in(daybook.Trace{Parent: "no span"}), "command") }, "msg=command\n"},
		{func() { log.Info("command", "name", "Pay") }, "msg=command name=Pay\n"},
		{func() {
			log.InfoContext(in(daybook.Trace{Correlation: "basket-7"}), "command", "correlation", "its own")
		}, "msg=command correlation=\"its own\"\n"},
		{func() { log.With("process", "fulfil").InfoContext(in(daybook.Trace{Correlation: "a"}), "stuck") }, "msg=stuck process=fulfil correlation=a\n"},
		{func() {
			log.WithGroup("shop").InfoContext(in(daybook.Trace{Correlation: "a"}), "stuck", "n", 1)
		}, "msg=stuck shop.correlation=a shop.n=1\n"},
		{func() { log.DebugContext(in(both), "nobody wants to know") }, ""},
	} {
		out.Reset()
		if c.log(); out.String() != c.want {
			t.Errorf("logged %swant   %s", out.String(), c.want)
		}
	}
}
