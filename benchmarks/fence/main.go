// Command fence works a number of jobs with a River client and prints what that took; benchmarks/fence.py drives it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	riverbeat "github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

// Job does nothing for as long as its worker is told to.
type Job struct{}

// Kind is for River.
func (Job) Kind() string { return "nothing" }

type worker struct {
	river.WorkerDefaults[Job]
	lasts time.Duration
	done  atomic.Int64
}

// Timeout is for River: none.
func (*worker) Timeout(*river.Job[Job]) time.Duration { return -1 }

// Work is for River.
func (w *worker) Work(context.Context, *river.Job[Job]) error {
	if w.lasts > 0 {
		time.Sleep(w.lasts)
	}
	w.done.Add(1)
	return nil
}

var (
	url     = flag.String("url", "", "database")
	migrate = flag.Bool("migrate", false, "make River's tables, and end")
	jobs    = flag.Int("jobs", 40_000, "how many jobs")
	slots   = flag.Int("slots", 4_000, "how many at a time")
	rate    = flag.Int("rate", 0, "jobs that are inserted in a second; 0: all are there before")
	lasts   = flag.Duration("lasts", 0, "how long each job works")
	beats   = flag.Duration("beats", 0, "interval of the beats; 0: the default")
	mode    = flag.String("mode", "bare", "bare: no middleware; plain: beats, no token; fenced")
)

// Result is what is printed.
type Result struct {
	Rate      float64 `json:"rate"`       // jobs per second
	ClientCPU float64 `json:"client_cpu"` // seconds
	Completed int     `json:"completed"`
	Beaten    int     `json:"beaten"`
	Wait      float64 `json:"wait"` // median milliseconds from insertion to the end that is written
}

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, *url)
	if err != nil {
		return err
	}
	defer pool.Close()
	if *migrate {
		migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
		if err != nil {
			return err
		}
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	w := &worker{lasts: *lasts}
	client, stop, err := start(pool, w)
	if err != nil {
		return err
	}
	defer stop()
	return measure(ctx, pool, client, w)
}

func start(pool *pgxpool.Pool, w *worker) (*river.Client[tx], func(), error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var middleware []rivertype.Middleware
	stop := func() {}
	if *mode != "bare" {
		options := []rivermiddleware.Option{rivermiddleware.Logger(log)}
		if *beats > 0 {
			tier := riverbeat.Tier{Interval: *beats}
			options = append(options, rivermiddleware.Interval(*beats),
				rivermiddleware.TierFor(func(*rivertype.JobRow) riverbeat.Tier { return tier }))
		}
		beating := rivermiddleware.New(pool, fence(*mode), options...)
		middleware = append(middleware, beating)
		stop = func() { _ = beating.Stop(context.Background()) }
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:        map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: *slots}},
		Workers:       workers,
		Middleware:    middleware,
		Logger:        log,
		FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
	})
	return client, stop, err
}

func measure(ctx context.Context, pool *pgxpool.Pool, client *river.Client[tx], w *worker) error {
	if *rate == 0 {
		if err := insert(ctx, pool, *jobs); err != nil {
			return err
		}
	}
	for _, sql := range []string{"VACUUM ANALYZE river_job", "CHECKPOINT"} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	spent, begun := cpu(), time.Now()
	if err := client.Start(ctx); err != nil {
		return err
	}
	for inserted := 0; *rate > 0 && inserted < *jobs; {
		if due := int(time.Since(begun).Seconds()*float64(*rate)) - inserted; due > 0 {
			if err := insert(ctx, pool, min(due, *jobs-inserted)); err != nil {
				return err
			}
			inserted += due
		}
		time.Sleep(10 * time.Millisecond)
	}
	for w.done.Load() < int64(*jobs) {
		time.Sleep(time.Millisecond)
	}
	if err := client.Stop(ctx); err != nil { // what ended is written
		return err
	}
	result := Result{Rate: float64(*jobs) / time.Since(begun).Seconds(), ClientCPU: (cpu() - spent).Seconds()}
	err := pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE state = 'completed' AND metadata = '{}'), (SELECT count(*) FROM riverkeeper.heartbeat),
		    coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finalized_at - created_at) * 1000), 0)
		FROM river_job`).Scan(&result.Completed, &result.Beaten, &result.Wait)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func insert(ctx context.Context, pool *pgxpool.Pool, number int) error {
	_, err := pool.Exec(ctx, `INSERT INTO river_job (kind, args, max_attempts, state, created_at)
		SELECT 'nothing', '{}', 25, 'available', clock_timestamp() FROM generate_series(1, $1)`, number)
	return err
}

// cpu is what this process has spent.
func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
