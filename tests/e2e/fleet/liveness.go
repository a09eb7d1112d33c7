package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
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
	// Calling tells progress once and then waits for the answer of an HTTP server that never answers, in a goroutine of its
	// own beside it too; its second attempt is done at once.
	Calling struct{}
	// Told is deaf as well, but each of its attempts ends as soon and as its row's metadata says, as in
	// {"ends": {"1": "snooze"}}: success, error, snooze or cancel. Attempts after the first tell of progress meanwhile.
	Told struct{}
	// Timed is Steady with River's own time limit, so that River rescues it as well.
	Timed struct{}
)

func (Steady) Kind() string  { return "steady" }
func (Stalled) Kind() string { return "stalled" }
func (Deaf) Kind() string    { return "deaf" }
func (Calling) Kind() string { return "calling" }
func (Told) Kind() string    { return "told" }
func (Timed) Kind() string   { return "timed" }

// addLiveness adds the kinds that a keeper is to rescue. But for Timed, River never does: they have no time limit.
func addLiveness(ws *river.Workers, check *checker) {
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
	river.AddWorker(ws, &worker[Calling]{limit: -1, work: func(ctx context.Context, job *river.Job[Calling]) error {
		return firstAttempt(job.Attempt, func() error {
			riverbeat.Progress(ctx, 0.4, "charge 40 of 100")
			go watchCard(ctx, "4111 1111 1111 1111")
			return chargeCard(ctx, "4111 1111 1111 1111")
		})
	}})
	river.AddWorker(ws, &worker[Told]{limit: -1, work: func(ctx context.Context, job *river.Job[Told]) error {
		return untilTold(ctx, check, job.JobRow)
	}})
	add(ws, 0, func(ctx context.Context, job *river.Job[Timed]) error {
		return firstAttempt(job.Attempt, func() error { return tellEachSecond(ctx) })
	})
}

// chargeCard asks a server that accepts the connection and never answers.
func chargeCard(ctx context.Context, card string) error {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server.Addr().String(), strings.NewReader(card))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

//go:noinline
func watchCard(ctx context.Context, _ string) { <-ctx.Done() }

func firstAttempt(attempt int, work func() error) error {
	if attempt > 1 {
		return nil
	}
	return work()
}

// untilTold asks whatever its context says; only the process' end stops it otherwise.
func untilTold(ctx context.Context, check *checker, job *rivertype.JobRow) error {
	riverbeat.Progress(ctx, 0.1, "until told")
	for range time.Tick(time.Second / 10) {
		if job.Attempt > 1 {
			riverbeat.Progress(ctx, 0.2, "until told")
		}
		switch check.told(job) {
		case "success":
			return nil
		case "error":
			return errOnPurpose
		case "snooze":
			return river.JobSnooze(time.Hour)
		case "cancel":
			return river.JobCancel(errOnPurpose)
		}
	}
	return nil
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

// middleware makes the process and its jobs beat as the flags say; nil without beats, and with the plugin.
func middleware(pool *pgxpool.Pool, o *options) (*rivermiddleware.Middleware, error) {
	tier := riverbeat.Tier{Interval: o.interval, Lease: o.lease}
	chosen := []rivermiddleware.Option{
		rivermiddleware.RiverSchema(o.schema),
		rivermiddleware.Interval(o.interval),
		rivermiddleware.TierFor(func(*rivertype.JobRow) riverbeat.Tier { return tier }),
		rivermiddleware.Logger(slog.Default()),
	}
	switch o.beat {
	case "none", "plugin":
		return nil, nil
	case "table":
	case "metadata":
		chosen = append(chosen, rivermiddleware.Metadata())
	default:
		return nil, fmt.Errorf("-beat is none, table, metadata or plugin, not %q", o.beat)
	}
	return rivermiddleware.New(pool, fence(), chosen...), nil
}
