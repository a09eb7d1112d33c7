package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// Rows of one INSERT: large enough to be quick, small enough that workers start on the first at once.
const batch = 500

func insert(ctx context.Context, o *options, args []string) error {
	if len(args) != 1 {
		return errors.New("how many jobs? fleet insert N")
	}
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("how many jobs? %w", err)
	}
	m, err := newMix(o)
	if err != nil {
		return err
	}
	return withClient(ctx, o, func(client *river.Client[pgx.Tx]) error { return insertMix(ctx, client, m, count) })
}

func insertMix(ctx context.Context, client *river.Client[pgx.Tx], m *mix, count int) error {
	for left := count; left > 0; left -= batch {
		if err := insertBatch(ctx, client, m, min(left, batch)); err != nil {
			return fmt.Errorf("insert jobs: %w", err)
		}
	}
	return nil
}

// insertBatch inserts unique jobs one by one: River refuses a batch with two of the same key.
func insertBatch(ctx context.Context, client *river.Client[pgx.Tx], m *mix, count int) error {
	jobs := make([]river.InsertManyParams, 0, count)
	for range count {
		job := m.draw()
		if !job.InsertOpts.UniqueOpts.ByArgs {
			jobs = append(jobs, job)
		} else if err := insertUnique(ctx, client, job); err != nil {
			return err
		}
	}
	if len(jobs) == 0 { // one more thing River refuses
		return nil
	}
	_, err := client.InsertMany(ctx, jobs)
	return err
}

func insertUnique(ctx context.Context, client *river.Client[pgx.Tx], job river.InsertManyParams) error {
	result, err := client.Insert(ctx, job.Args, job.InsertOpts)
	if err == nil && result.UniqueSkippedAsDuplicate {
		slog.Info("skipped as a duplicate", "of", result.Job.ID)
	}
	return err
}

// insertAtRate goes on until ctx ends; what the database did not take is logged and not made up for.
func insertAtRate(ctx context.Context, client *river.Client[pgx.Tx], m *mix, rate float64) {
	const ticks = 10 // a second: bursts small enough not to show in a wait histogram
	ticker := time.NewTicker(time.Second / ticks)
	defer ticker.Stop()
	for owed := 0.0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		owed += rate / ticks
		if err := insertMix(ctx, client, m, int(owed)); err != nil && ctx.Err() == nil {
			slog.Warn("load not inserted", "error", err)
		}
		owed -= float64(int(owed))
	}
}
