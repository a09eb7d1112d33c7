package suite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

// EffectArgs is a job that completes itself in the transaction that has its effect.
type EffectArgs struct {
	Hold bool `json:"hold"` // check the claim first
}

// Kind is for River.
func (EffectArgs) Kind() string { return "effect" }

// effectWorker waits for the test, and goes on although its context is over.
type effectWorker struct {
	river.WorkerDefaults[EffectArgs]
	pool    *pgxpool.Pool
	release chan struct{}
	done    chan error
}

func (w *effectWorker) Work(ctx context.Context, job *river.Job[EffectArgs]) error {
	<-w.release
	err := w.effect(context.WithoutCancel(ctx), job)
	w.done <- err
	return err
}

func (w *effectWorker) effect(ctx context.Context, job *river.Job[EffectArgs]) error {
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if job.Args.Hold {
		if err := rivermiddleware.VerifyClaim(ctx, tx, job.JobRow); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "INSERT INTO effect VALUES ($1)", job.ID); err != nil {
		return err
	}
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// effects: a stale attempt that checks its claim first rolls back. One that does not commits its effect beside the next
// attempt, with the fence in force too: River gives no error for a row that was dropped.
func effects(t *testing.T, world *World, fence rivermiddleware.Fence, fenced, hold bool) {
	ctx := context.Background()
	pool, _ := fencedPool(t, world, true)
	if _, err := pool.Exec(ctx, "CREATE TABLE effect (job_id bigint)"); err != nil {
		t.Fatal(err)
	}
	worker := &effectWorker{pool: pool, release: make(chan struct{}), done: make(chan error, 1)}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client := start(t, pool, workers, 1, Middleware(t, pool, fence))
	result, err := client.Insert(ctx, EffectArgs{Hold: hold}, nil)
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, "it beats", func() bool { return beating(t, pool) == 1 })
	if ok, err := Rescue(ctx, pool, result.Job.ID, time.Hour); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := Claim(ctx, pool, result.Job.ID, "another"); err != nil {
		t.Fatal(err)
	}
	close(worker.release)
	ended := <-worker.done
	count := Count(t, pool, "effect")
	if hold && (!errors.Is(ended, riverbeat.ErrClaimLost) || count != 0) {
		t.Errorf("with Hold: %v, %d effects", ended, count)
	}
	if !hold && (ended != nil || count != 1) {
		t.Errorf("without Hold: %v, %d effects: the test proves nothing", ended, count)
	}
	if row := RowOf(t, pool, result.Job.ID); (hold || fenced) && row.State != "running" {
		t.Errorf("the next attempt's row was written: %+v", row)
	}
	StopClient(t, client)
}
