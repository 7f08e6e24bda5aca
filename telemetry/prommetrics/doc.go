// Package prommetrics tells Prometheus what a program does with its logs: commands and what
// came of them, appends, how often the disk is synced, how far read models, processes and
// publishers have come and what keeps them.
//
// [New] makes [Metrics], which are registered like any other collector. What is to be
// counted is put around with [Metrics.Store], [Metrics.Command] and [Metrics.Call]; what is
// to be asked is added with [Metrics.Projections], [Metrics.Processes], [Metrics.Publisher]
// and [Metrics.Disk]:
//
//	metrics := prommetrics.New()
//	registry.MustRegister(metrics)
//	store = metrics.Store("shop", store)
//	bus := command.NewBus(store, handlers, &command.Options{Around: metrics.Command})
//	metrics.Projections(prommetrics.RunnerOf(runner))
//
// Every name begins with daybook_ and means the same in every program, so one set of alerts
// and one dashboard are for all of them; both are in deploy/. docs/guides/seeing.md has
// the list.
//
// No label holds what a client chooses, or what grows with the log: commands, rules,
// projections, processes, effects and disks are named by the program. A rule that a decision
// makes up on the way is counted as "unnamed", and past [MostRules] as "other".
package prommetrics
