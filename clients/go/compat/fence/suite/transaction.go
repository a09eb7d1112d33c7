package suite

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	riverbeat "github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

// check is what a transaction does before its effect.
type check func(ctx context.Context, tx pgx.Tx, job *rivertype.JobRow) error

func hold(ctx context.Context, tx pgx.Tx, job *rivertype.JobRow) error {
	return rivermiddleware.VerifyClaim(ctx, tx, job)
}

func unchecked(context.Context, pgx.Tx, *rivertype.JobRow) error { return nil }

// completing is a job that completes itself in the transaction of its effect.
func completing(first check) func(context.Context, *pgxpool.Pool, *river.Job[Args]) error {
	return func(ctx context.Context, pool *pgxpool.Pool, job *river.Job[Args]) error {
		ctx = context.WithoutCancel(ctx) // a deaf job: it does not heed that its claim is lost
		tx, err := pool.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }()
		if err := first(ctx, tx, job.JobRow); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO effect (job_id, attempt) VALUES ($1, $2)", job.ID, job.Attempt); err != nil {
			return err
		}
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
			return err
		}
		return tx.Commit(ctx)
	}
}

// A job in time completes itself in its transaction, and what River writes after it is no late result.
func inTransactions(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	job := s.insert(inTx)
	setup := first(1)
	setup.complete = completing(hold)
	worker := s.Process(setup).start(s)
	s.becomes(job, "completed")
	worker.halt(s)
	if effects := s.count("effect"); effects != 1 || s.late(job) != 0 {
		t.Errorf("%d effects, %d late results", effects, s.late(job))
	}
	s.noTokens()
}

// A stale attempt that holds its claim first has no effect.
func staleTransaction(t *testing.T, world *World, _ Version) {
	effects, err := stale(newScene(t, world, true), hold)
	if !errors.Is(err, riverbeat.ErrClaimLost) || effects != 0 {
		t.Errorf("%v, %d effects", err, effects)
	}
}

// What the documentation warns of: without Hold a stale attempt gets no error from River, though nothing of its result is
// written, and its effect is committed.
func staleTransactionUnchecked(t *testing.T, world *World, _ Version) {
	effects, err := stale(newScene(t, world, true), unchecked)
	if err != nil || effects != 1 {
		t.Errorf("%v, %d effects: then the documentation can promise more", err, effects)
	}
}

// stale has attempt 1 complete itself while attempt 2 is at work, and returns what came of it.
func stale(s *Scene, first check) (effects int, err error) {
	s.Helper()
	job := s.insert(inTx)
	ended := make(chan error, 1)
	worker := s.Process(Setup{
		name: "first", slots: 1, holding: true,
		complete: func(ctx context.Context, pool *pgxpool.Pool, job *river.Job[Args]) error {
			err := completing(first)(ctx, pool, job)
			ended <- err
			return err
		},
	}).start(s)
	s.eventually("at work", func() bool { return worker.did(worker.begun, job, 1) })
	worker.Wire.Hold(fetches)
	s.rescue(job)
	other := s.Process(second(1)).start(s)
	s.eventually("at work again", func() bool { return other.did(other.begun, job, 2) })
	before := s.row(job)
	worker.Worker.Release()
	err = <-ended
	worker.halt(s)
	if after := s.row(job); after != before {
		s.Errorf("the row was\n%s, is\n%s", before, after)
	}
	if s.late(job) == 0 {
		s.Error("no late result is recorded")
	}
	other.Release()
	s.becomes(job, "completed")
	s.noTokens()
	return s.count("effect WHERE attempt = 1"), err
}
