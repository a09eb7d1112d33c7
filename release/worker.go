// What a user writes after `go get …/riverplugin`: the release must build it from the published modules alone.
package main

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	riverbeat "github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/riverplugin"
)

type Report struct{}

func (Report) Kind() string { return "build_report" }

type Worker struct{ river.WorkerDefaults[Report] }

func (*Worker) Work(ctx context.Context, _ *river.Job[Report]) error {
	riverbeat.Progress(ctx, 0.5, "page 1 of 2")
	return nil
}

func main() {
	pool, err := pgxpool.New(context.Background(), "")
	if err != nil {
		panic(err)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &Worker{})
	var client *river.Client[pgx.Tx]
	client, err = river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}},
		Workers: workers,
		Plugins: []rivertype.Plugin{riverplugin.New(pool)},
	})
	_, _ = client, err
}
