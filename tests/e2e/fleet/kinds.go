package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

type (
	// Short ends within milliseconds.
	Short struct {
		Milliseconds int `json:"milliseconds"`
	}
	// Long works for seconds, and stops when asked to.
	Long struct {
		Seconds int `json:"seconds"`
	}
	// Checked is long, and says so each second in its row's metadata.
	Checked struct {
		Seconds int `json:"seconds"`
	}
	// Endless is never done and has no time limit, so River never rescues it; it beats as Checked does.
	Endless struct{}
	// Flaky fails once, then succeeds.
	Flaky struct{}
	// Failing fails until it is discarded.
	Failing struct{}
	// Panicking panics until it is discarded.
	Panicking struct{}
	// Snoozing asks for another second once, then succeeds.
	Snoozing struct{}
	// Cancelling cancels itself.
	Cancelling struct{}
	// Unique is never in the table twice with the same number.
	Unique struct {
		Number int `json:"number"`
	}
	// Scheduled is due a few seconds after it was inserted.
	Scheduled struct{}
	// Tomorrow is due in a day: it stays scheduled for as long as anyone looks.
	Tomorrow struct{}
	// BackingOff fails once and waits an hour: it stays retryable for as long as anyone looks.
	BackingOff struct{}
	// Pending waits for an approval that never comes.
	Pending struct{}
	// Hanging ignores its context and never returns; only the end of its process ends it.
	Hanging struct{}
)

func (Short) Kind() string      { return "short" }
func (Long) Kind() string       { return "long" }
func (Checked) Kind() string    { return "checked" }
func (Endless) Kind() string    { return "endless" }
func (Flaky) Kind() string      { return "flaky" }
func (Failing) Kind() string    { return "failing" }
func (Panicking) Kind() string  { return "panicking" }
func (Snoozing) Kind() string   { return "snoozing" }
func (Cancelling) Kind() string { return "cancelling" }
func (Unique) Kind() string     { return "unique" }
func (Scheduled) Kind() string  { return "scheduled" }
func (Tomorrow) Kind() string   { return "tomorrow" }
func (BackingOff) Kind() string { return "backing_off" }
func (Pending) Kind() string    { return "pending" }
func (Hanging) Kind() string    { return "hanging" }

var errOnPurpose = errors.New("failed on purpose")

// A worker adds to a function how long it may run and when it runs again after a failure; zero leaves either to River.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	work  func(context.Context, *river.Job[T]) error
	limit time.Duration
	retry time.Duration
}

func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error { return w.work(ctx, job) }

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.limit }

func (w *worker[T]) NextRetry(*river.Job[T]) time.Time {
	if w.retry == 0 {
		return time.Time{}
	}
	return time.Now().Add(w.retry)
}

func add[T river.JobArgs](ws *river.Workers, retry time.Duration, work func(context.Context, *river.Job[T]) error) {
	river.AddWorker(ws, &worker[T]{work: work, retry: retry})
}

// newWorkers knows every kind of the mix; failures come back after a second, so that a test sees their end.
func newWorkers(pool *pgxpool.Pool, o *options) *river.Workers {
	ws := river.NewWorkers()
	add(ws, 0, func(ctx context.Context, job *river.Job[Short]) error {
		return pass(ctx, time.Duration(job.Args.Milliseconds)*time.Millisecond)
	})
	add(ws, 0, func(ctx context.Context, job *river.Job[Long]) error {
		return pass(ctx, time.Duration(job.Args.Seconds)*time.Second)
	})
	check := &checker{pool, o.schema}
	addLiveness(ws, check)
	addTrouble(ws, check, o)
	add(ws, 0, func(ctx context.Context, job *river.Job[Checked]) error {
		return check.until(ctx, job.JobRow, time.After(time.Duration(job.Args.Seconds)*time.Second))
	})
	river.AddWorker(ws, &worker[Endless]{limit: -1, work: func(ctx context.Context, job *river.Job[Endless]) error {
		return check.until(ctx, job.JobRow, nil)
	}})
	add(ws, time.Second, func(_ context.Context, job *river.Job[Flaky]) error { return failOnce(job.Attempt) })
	add(ws, time.Second, func(context.Context, *river.Job[Failing]) error { return errOnPurpose })
	add(ws, time.Second, func(context.Context, *river.Job[Panicking]) error { panic("panicked on purpose") })
	add(ws, 0, snoozeOnce)
	add(ws, 0, func(context.Context, *river.Job[Cancelling]) error { return river.JobCancel(errOnPurpose) })
	add(ws, 0, func(context.Context, *river.Job[Unique]) error { return nil })
	add(ws, 0, func(context.Context, *river.Job[Scheduled]) error { return nil })
	add(ws, 0, func(context.Context, *river.Job[Tomorrow]) error { return nil })
	add(ws, time.Hour, func(_ context.Context, job *river.Job[BackingOff]) error { return failOnce(job.Attempt) })
	add(ws, 0, func(context.Context, *river.Job[Pending]) error { return nil })
	add(ws, 0, func(context.Context, *river.Job[Hanging]) error { select {} })
	return ws
}

// pass lets time pass, or ends early when the job is asked to stop.
func pass(ctx context.Context, duration time.Duration) error {
	select {
	case <-time.After(duration):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func failOnce(attempt int) error {
	if attempt == 1 {
		return errOnPurpose
	}
	return nil
}

// snoozeOnce cannot go by the attempt: River takes a snoozed one back, and counts in the metadata.
func snoozeOnce(_ context.Context, job *river.Job[Snoozing]) error {
	if snoozed(job.JobRow) {
		return nil
	}
	return river.JobSnooze(time.Second)
}

func snoozed(job *rivertype.JobRow) bool {
	var metadata struct {
		Snoozes int `json:"snoozes"`
	}
	return json.Unmarshal(job.Metadata, &metadata) == nil && metadata.Snoozes > 0
}
