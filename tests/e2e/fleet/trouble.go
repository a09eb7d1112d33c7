package main

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

type (
	// Late is Told with River's own time limit, so that River rescues it, and its late end meets the next attempt.
	Late struct{}
	// Impatient asks for another moment, and never stops asking.
	Impatient struct{}
	// Foreign works until it is stopped; only a client with -foreign has a worker for it.
	Foreign struct{}
)

func (Late) Kind() string      { return "late" }
func (Impatient) Kind() string { return "impatient" }
func (Foreign) Kind() string   { return "foreign" }

// addTrouble adds the kinds of which River's table keeps a trace, as `riverkeeper look` reads it.
func addTrouble(ws *river.Workers, check *checker, o *options) {
	add(ws, 0, func(ctx context.Context, job *river.Job[Late]) error { return untilTold(ctx, check, job.JobRow) })
	add(ws, 0, func(context.Context, *river.Job[Impatient]) error { return river.JobSnooze(time.Millisecond) })
	if o.foreign {
		add(ws, 0, func(ctx context.Context, _ *river.Job[Foreign]) error { return tellEachSecond(ctx) })
	}
}

// periodic inserts a short job each interval, for as long as a client with this flag leads.
func periodic(interval time.Duration) []*river.PeriodicJob {
	if interval == 0 {
		return nil
	}
	return []*river.PeriodicJob{river.NewPeriodicJob(
		river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) { return Short{Milliseconds: 5}, nil },
		&river.PeriodicJobOpts{RunOnStart: true},
	)}
}
