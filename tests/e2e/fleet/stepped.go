package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river"
)

// Stepped works in steps, each with an effect (a row of the table step), and resumes at its checkpoint.
type Stepped struct {
	Steps        int  `json:"steps"`
	Milliseconds int  `json:"milliseconds"` // of each step
	InTx         bool `json:"in_tx"`        // saves the checkpoint in the transaction of the effect
}

func (Stepped) Kind() string { return "stepped" }

const effectOfStep = `INSERT INTO public.step (job_id, attempt, number) VALUES ($1, $2, $3)`

func addStepped(ws *river.Workers, pool *pgxpool.Pool) {
	river.AddWorker(ws, &worker[Stepped]{limit: -1, retry: time.Second, work: func(ctx context.Context, job *river.Job[Stepped]) error {
		next := 0
		if _, err := riverbeat.Resume(ctx, &next); err != nil {
			return err
		}
		for ; next < job.Args.Steps; next++ {
			if err := pass(ctx, time.Duration(job.Args.Milliseconds)*time.Millisecond); err != nil {
				return err
			}
			if err := step(ctx, pool, job, next); err != nil {
				return err
			}
			riverbeat.Progress(ctx, float64(next+1)/float64(job.Args.Steps), "")
		}
		return nil
	}})
}

func step(ctx context.Context, pool *pgxpool.Pool, job *river.Job[Stepped], number int) error {
	if !job.Args.InTx {
		if _, err := pool.Exec(ctx, effectOfStep, job.ID, job.Attempt, number); err != nil {
			return err
		}
		return riverbeat.Checkpoint(ctx, number+1)
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := riverbeat.CheckpointTx(ctx, tx, number+1); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, effectOfStep, job.ID, job.Attempt, number)
		return err
	})
}
