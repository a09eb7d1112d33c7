package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Room for the jobs of all queues' beats beside River's own connections.
const connections = 8

func work(ctx context.Context, o *options, _ []string) error {
	m, err := newMix(o)
	if err != nil {
		return err
	}
	pool, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	beats, err := middleware(pool, o)
	if err != nil {
		return err
	}
	journal, err := openJournal(o.journal, o.clientID)
	if err != nil {
		return err
	}
	config := workerConfig(pool, beats, o)
	if o.beat == "plugin" {
		if err := plugIn(config, pool); err != nil {
			return err
		}
	}
	addJournaled(config.Workers, pool, journal)
	addStepped(config.Workers, pool)
	addBilling(config.Workers)
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		return fmt.Errorf("make the client: %w", err)
	}
	if beats != nil {
		beats.Start(client.ID())
	}
	recorded, err := recordEvents(client, o.events)
	if err != nil {
		return err
	}
	// Not ctx: a cancelled start context would fail running jobs, where Stop lets them end.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the client: %w", err)
	}
	fmt.Println("ready")
	load(ctx, client, m, o)
	<-ctx.Done()
	return errors.Join(stop(client, o), recorded())
}

func load(ctx context.Context, client *river.Client[pgx.Tx], m *mix, o *options) {
	if err := insertMix(ctx, client, m, o.insert); err != nil {
		slog.Error("jobs not inserted", "error", err)
	}
	if o.rate > 0 {
		insertAtRate(ctx, client, m, o.rate)
	}
}

func workerConfig(pool *pgxpool.Pool, beats *rivermiddleware.Middleware, o *options) *river.Config {
	queues := map[string]river.QueueConfig{}
	for _, name := range o.queues {
		queues[name] = river.QueueConfig{MaxWorkers: o.workers}
	}
	made := &river.Config{
		ID:                   o.clientID,
		JobTimeout:           min(time.Minute, o.rescueAfter), // River refuses one longer than the rescue
		Logger:               slog.Default(),
		Queues:               queues,
		RescueStuckJobsAfter: o.rescueAfter,
		Schema:               o.schema,
		Workers:              newWorkers(pool, o),
		PeriodicJobs:         periodic(o.periodic),
	}
	if beats != nil {
		made.Middleware = []rivertype.Middleware{beats}
	}
	soften(made, o)
	return made
}

// stop ends the client in order; deaf jobs are left behind, still `running` in the table, as a killed process leaves them.
func stop(client *river.Client[pgx.Tx], o *options) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.stopAfter)
	defer cancel()
	end := client.Stop
	if o.hardStop {
		end = client.StopAndCancel
	}
	if err := end(ctx); errors.Is(err, context.DeadlineExceeded) {
		slog.Warn("left jobs behind that do not stop", "after", o.stopAfter.String())
	} else if err != nil {
		return fmt.Errorf("stop the client: %w", err)
	}
	return nil
}

func connect(ctx context.Context, o *options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(o.databaseURL)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	config.MaxConns = max(config.MaxConns, connections)
	name := config.ConnConfig.RuntimeParams["application_name"]
	config.ConnConfig.RuntimeParams["application_name"] = cmp.Or(name, "fleet")
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return pool, nil
}

// withClient lends a client that works nothing: it inserts, cancels, retries and pauses.
func withClient(ctx context.Context, o *options, use func(*river.Client[pgx.Tx]) error) error {
	pool, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	config := &river.Config{Logger: slog.Default(), Schema: o.schema}
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		return fmt.Errorf("make the client: %w", err)
	}
	return use(client)
}
