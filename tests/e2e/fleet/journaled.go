package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// effectPatience is how long a job tries to commit its effect where its own context does not bound it.
const effectPatience = 20 * time.Second

// Journaled works for a time, has its effect in a transaction of its own, ends as its arguments say, and writes each of
// these into the journal of its process.
type Journaled struct {
	Milliseconds int    `json:"milliseconds"`
	Later        int    `json:"later"`  // milliseconds of attempts after the first
	End          string `json:"end"`    // completed; failed, panicked and snoozed end so once; cancelled
	Effect       string `json:"effect"` // none; held: a row under Hold; whole: also completes the job in the transaction
	Deaf         bool   `json:"deaf"`   // takes no notice of its context
}

func (Journaled) Kind() string { return "journaled" }

type journaledWorker struct {
	pool    *pgxpool.Pool
	journal *journal
}

func addJournaled(ws *river.Workers, pool *pgxpool.Pool, j *journal) {
	w := &journaledWorker{pool, j}
	river.AddWorker(ws, &worker[Journaled]{work: w.work, retry: time.Second})
}

func (w *journaledWorker) work(ctx context.Context, job *river.Job[Journaled]) error {
	milliseconds := job.Args.Milliseconds
	if job.Attempt > 1 {
		milliseconds = job.Args.Later
	}
	duration := time.Duration(milliseconds) * time.Millisecond
	w.journal.of(job.JobRow, entry{Event: "begin", Seconds: duration.Seconds()})
	if job.Args.Deaf {
		ctx = context.WithoutCancel(ctx)
	}
	err := pass(ctx, duration)
	if err == nil {
		err = w.effect(ctx, job)
	}
	outcome, result := w.end(job, err)
	cause := ""
	if err != nil {
		cause = err.Error()
	}
	w.journal.of(job.JobRow, entry{Event: "end", Outcome: outcome, Cause: cause})
	if outcome == "panicked" {
		panic("panicked on purpose")
	}
	return result
}

// end is the outcome that River is to write, and what brings it about.
func (w *journaledWorker) end(job *river.Job[Journaled], err error) (string, error) {
	switch {
	case err != nil:
		return "failed", err
	case job.Args.End == "failed" && job.Attempt == 1:
		return "failed", errOnPurpose
	case job.Args.End == "panicked" && job.Attempt == 1:
		return "panicked", nil
	case job.Args.End == "cancelled":
		return "cancelled", river.JobCancel(errOnPurpose)
	case job.Args.End == "snoozed" && !snoozed(job.JobRow):
		return "snoozed", river.JobSnooze(time.Second)
	}
	return "completed", nil
}

// effect writes a row in a transaction that holds the claim. Where the answer to the commit is lost, so is the outcome.
func (w *journaledWorker) effect(ctx context.Context, job *river.Job[Journaled]) error {
	if job.Args.Effect == "none" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, effectPatience)
	defer cancel()
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return w.write(ctx, tx, job) })
	outcome := "committed"
	if err != nil {
		outcome = err.Error()
	}
	w.journal.of(job.JobRow, entry{Event: "effect", Outcome: outcome})
	return err
}

func (w *journaledWorker) write(ctx context.Context, tx pgx.Tx, job *river.Job[Journaled]) error {
	if err := rivermiddleware.VerifyClaim(ctx, tx, job.JobRow); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO chaos.effect (job_id, attempted_at, completes) VALUES ($1, $2, $3)`,
		job.ID, job.AttemptedAt, job.Args.Effect == "whole")
	if err != nil || job.Args.Effect != "whole" {
		return err
	}
	w.journal.of(job.JobRow, entry{Event: "completing"})
	_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
	return err
}
