package suite

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Args of the job that the tests work: it waits for the test, and then ends as the test requests.
type Args struct {
	End string `json:"end"` // success, error, panic, snooze, cancel
}

// Kind is for River.
func (Args) Kind() string { return "ends" }

// Worker lets tests hold its jobs.
type Worker struct {
	river.WorkerDefaults[Args]
	mu      sync.Mutex
	started map[int64]context.Context
	release chan struct{} // closed: all may end
	heeds   bool          // ends when its context does
}

// NewWorker makes a worker whose jobs wait for Release; if it heeds, also for their contexts.
func NewWorker(heeds bool) *Worker {
	return &Worker{started: map[int64]context.Context{}, release: make(chan struct{}), heeds: heeds}
}

// Release lets all jobs end.
func (w *Worker) Release() { close(w.release) }

// Context is that of a job at work, or nil.
func (w *Worker) Context(id int64) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started[id]
}

// Timeout is for River: none.
func (w *Worker) Timeout(*river.Job[Args]) time.Duration { return -1 }

// Work is for River.
func (w *Worker) Work(ctx context.Context, job *river.Job[Args]) error {
	w.mu.Lock()
	w.started[job.ID] = ctx
	w.mu.Unlock()
	heeded := ctx.Done()
	if !w.heeds {
		heeded = nil
	}
	select {
	case <-w.release:
	case <-heeded:
		return ctx.Err()
	}
	return end(job.Args.End)
}

func end(how string) error {
	switch how {
	case "error":
		return errors.New("failed late")
	case "panic":
		panic("panicked late")
	case "snooze":
		return river.JobSnooze(time.Hour)
	case "cancel":
		return river.JobCancel(errors.New("cancelled late"))
	}
	return nil
}

// Client starts a River client, stopped with the test.
func Client(tb testing.TB, pool *pgxpool.Pool, worker *Worker, slots int, middleware ...rivertype.Middleware) *river.Client[pgx.Tx] {
	tb.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	return start(tb, pool, workers, slots, middleware...)
}

func start(tb testing.TB, pool *pgxpool.Pool, workers *river.Workers, slots int, middleware ...rivertype.Middleware) *river.Client[pgx.Tx] {
	tb.Helper()
	return startWith(tb, pool, workers, slots, func(config *river.Config) { config.Middleware = middleware })
}

// PluginClient starts a River client whose configuration is changed first.
func PluginClient(tb testing.TB, pool *pgxpool.Pool, worker *Worker, change func(*river.Config)) *river.Client[pgx.Tx] {
	tb.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	return startWith(tb, pool, workers, 1, change)
}

func startWith(tb testing.TB, pool *pgxpool.Pool, workers *river.Workers, slots int, change func(*river.Config)) *river.Client[pgx.Tx] {
	tb.Helper()
	config := &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: slots}},
		Workers:           workers,
		Logger:            slog.New(slog.NewTextHandler(Quiet{}, &slog.HandlerOptions{Level: slog.LevelError + 1})),
		FetchCooldown:     10 * time.Millisecond,
		FetchPollInterval: 50 * time.Millisecond,
	}
	change(config)
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		tb.Fatal(err)
	}
	if err := client.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { StopClient(tb, client) })
	return client
}

// StopClient fails the test if a slot is never freed.
func StopClient(tb testing.TB, client *river.Client[pgx.Tx]) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := client.Stop(ctx); err != nil && !strings.Contains(err.Error(), "not started") {
		tb.Errorf("River client did not stop: %v", err)
	}
}

// Insert adds a job that ends in one way.
func Insert(tb testing.TB, client *river.Client[pgx.Tx], how string) int64 {
	tb.Helper()
	result, err := client.Insert(context.Background(), Args{End: how}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return result.Job.ID
}

// Quiet swallows logs.
type Quiet struct{}

func (Quiet) Write(p []byte) (int, error) { return len(p), nil }
