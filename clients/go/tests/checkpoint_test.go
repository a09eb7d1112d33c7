package tests

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

func slow(c *riverbeat.Config) { c.Interval = time.Hour }

// saved is the value of a claim's checkpoint, "" where there is none.
func (b *bench) saved(claim riverbeat.Claim) (value string) {
	b.Helper()
	err := b.pool.QueryRow(context.Background(),
		"SELECT value FROM riverkeeper.checkpoint WHERE job_id = $1 AND attempt = $2", claim.JobID, claim.Attempt).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		b.Fatal(err)
	}
	return value
}

// again is the next attempt of a job.
func (b *bench) again(claim riverbeat.Claim) riverbeat.Claim {
	b.Helper()
	err := b.pool.QueryRow(context.Background(), `
		UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp() WHERE id = $1
		RETURNING attempt, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, claim.JobID).
		Scan(&claim.Attempt, &claim.AttemptedAt)
	if err != nil {
		b.Fatal(err)
	}
	return claim
}

// Work that fails before its first tick keeps its checkpoint, and the next attempt resumes from it.
func TestFailedWorkIsResumed(t *testing.T) {
	b := newBench(t, slow)
	claim := b.running()
	work, ctx := b.beater.Begin(context.Background(), claim, riverbeat.Tier{Interval: time.Hour})
	type position struct{ Row int }
	if found, err := riverbeat.Resume(ctx, &position{}); found || err != nil {
		t.Fatal(found, err)
	}
	for row := range 3 {
		if err := riverbeat.Checkpoint(ctx, position{row}); err != nil {
			t.Fatal(err)
		}
	}
	work.Finish(riverbeat.Failed)
	if got := b.saved(claim); got != `{"Row":2}` {
		t.Errorf("saved %q", got)
	}
	claim = b.again(claim)
	work, ctx = b.beater.Begin(context.Background(), claim, riverbeat.Tier{Interval: time.Hour})
	defer work.Finish(riverbeat.Completed)
	var at position
	if found, err := riverbeat.Resume(ctx, &at); !found || err != nil || at.Row != 2 {
		t.Error(found, err, at)
	}
}

// A checkpoint in a transaction is there with its effect, and refused once the claim is lost.
func TestCheckpointInATransaction(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	defer work.Finish(riverbeat.Failed)
	save := func(value int) error {
		return pgx.BeginFunc(context.Background(), b.pool, func(tx pgx.Tx) error {
			return riverbeat.CheckpointTx(ctx, tx, value)
		})
	}
	if err := save(1); err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE river_job SET state = 'retryable' WHERE id = $1", claim.JobID)
	if err := save(2); !errors.Is(err, riverbeat.ErrClaimLost) {
		t.Error(err)
	}
	if found, err := riverbeat.Resume(context.WithoutCancel(ctx), new(int)); found || !errors.Is(err, riverbeat.ErrClaimLost) {
		t.Error(found, err)
	}
	if got := b.saved(claim); got != "1" {
		t.Errorf("saved %q", got)
	}
}

// An error of the database is no "nothing found": the job would begin anew.
func TestUnreadableCheckpointIsAnError(t *testing.T) {
	b := newBench(t)
	work, ctx, _ := b.beating(quick)
	defer work.Finish(riverbeat.Completed)
	b.exec("ALTER TABLE riverkeeper.checkpoint RENAME COLUMN value TO hidden")
	if found, err := riverbeat.Resume(ctx, new(int)); found || err == nil {
		t.Error(found, err)
	}
}

// Outside of a job that beats a value is checked and kept nowhere; only what must be exact is an error.
func TestCheckpointOutsideOfAJob(t *testing.T) {
	ctx := context.Background()
	if err := riverbeat.Checkpoint(ctx, 1); err != nil {
		t.Error(err)
	}
	if err := riverbeat.Checkpoint(ctx, func() {}); err == nil {
		t.Error("a function is no JSON")
	}
	if found, err := riverbeat.Resume(ctx, new(int)); found || err != nil {
		t.Error(found, err)
	}
	if err := riverbeat.CheckpointTx(ctx, nil, 1); !errors.Is(err, riverbeat.ErrNoCheckpoints) {
		t.Error(err)
	}
}
