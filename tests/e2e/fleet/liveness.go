package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

type (
	// Steady works until it is stopped, and tells its progress each second; its second attempt is done at once.
	Steady struct{}
	// Stalled tells progress once and then hangs until its context ends; its second attempt is done at once.
	Stalled struct{}
	// Deaf tells progress once and then hangs whatever its context says; its second attempt is done at once.
	Deaf struct{}
)

func (Steady) Kind() string  { return "steady" }
func (Stalled) Kind() string { return "stalled" }
func (Deaf) Kind() string    { return "deaf" }

// addLiveness adds the kinds that a keeper is to rescue. River itself never does: they have no time limit.
func addLiveness(ws *river.Workers) {
	river.AddWorker(ws, &worker[Steady]{limit: -1, work: func(ctx context.Context, job *river.Job[Steady]) error {
		return firstAttempt(job.Attempt, func() error { return tellEachSecond(ctx) })
	}})
	river.AddWorker(ws, &worker[Stalled]{limit: -1, work: func(ctx context.Context, job *river.Job[Stalled]) error {
		return firstAttempt(job.Attempt, func() error {
			riverbeat.Progress(ctx, 0.1, "stalled on purpose")
			<-ctx.Done()
			return context.Cause(ctx)
		})
	}})
	river.AddWorker(ws, &worker[Deaf]{limit: -1, work: func(ctx context.Context, job *river.Job[Deaf]) error {
		return firstAttempt(job.Attempt, func() error {
			riverbeat.Progress(ctx, 0.1, "deaf on purpose")
			select {}
		})
	}})
}

func firstAttempt(attempt int, work func() error) error {
	if attempt > 1 {
		return nil
	}
	return work()
}

func tellEachSecond(ctx context.Context) error {
	for second := 1; ; second++ {
		select {
		case <-time.After(time.Second):
			riverbeat.Progress(ctx, float64(second%100)/100, fmt.Sprintf("second %d", second))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// middleware makes the running jobs beat as the flags say; nil without beats.
func middleware(pool *pgxpool.Pool, o *options) ([]rivertype.Middleware, error) {
	tier := riverbeat.Tier{Interval: o.interval, Lease: o.lease}
	chosen := []rivermiddleware.Option{
		rivermiddleware.RiverSchema(o.schema),
		rivermiddleware.Interval(o.interval),
		rivermiddleware.TierFor(func(*rivertype.JobRow) riverbeat.Tier { return tier }),
		rivermiddleware.Logger(slog.Default()),
	}
	switch o.beat {
	case "none":
		return nil, nil
	case "table":
	case "metadata":
		chosen = append(chosen, rivermiddleware.Metadata())
	default:
		return nil, fmt.Errorf("-beat is none, table or metadata, not %q", o.beat)
	}
	return []rivertype.Middleware{rivermiddleware.New(pool, rivermiddleware.Exact(river.MetadataSet), chosen...)}, nil
}
