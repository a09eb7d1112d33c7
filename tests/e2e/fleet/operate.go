package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

func cancelJobs(ctx context.Context, o *options, ids []string) error {
	return eachJob(ctx, o, ids, func(client *river.Client[pgx.Tx], id int64) error {
		_, err := client.JobCancel(ctx, id)
		return err
	})
}

func retryJobs(ctx context.Context, o *options, ids []string) error {
	return eachJob(ctx, o, ids, func(client *river.Client[pgx.Tx], id int64) error {
		_, err := client.JobRetry(ctx, id)
		return err
	})
}

func pauseQueues(ctx context.Context, o *options, names []string) error {
	return each(ctx, o, names, func(client *river.Client[pgx.Tx], name string) error {
		return client.QueuePause(ctx, name, nil)
	})
}

func resumeQueues(ctx context.Context, o *options, names []string) error {
	return each(ctx, o, names, func(client *river.Client[pgx.Tx], name string) error {
		return client.QueueResume(ctx, name, nil)
	})
}

// resign makes the leader give up; whoever is elected next begins its maintenance, and with it River's rescuer, at once.
func resign(ctx context.Context, o *options, _ []string) error {
	return withClient(ctx, o, func(client *river.Client[pgx.Tx]) error { return client.Notify().RequestResign(ctx) })
}

func eachJob(ctx context.Context, o *options, ids []string, act func(*river.Client[pgx.Tx], int64) error) error {
	return each(ctx, o, ids, func(client *river.Client[pgx.Tx], text string) error {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		return act(client, id)
	})
}

// each stops at the first that fails, and names it.
func each(ctx context.Context, o *options, names []string, act func(*river.Client[pgx.Tx], string) error) error {
	return withClient(ctx, o, func(client *river.Client[pgx.Tx]) error {
		for _, name := range names {
			if err := act(client, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}
