package suite

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Row is what the tests look at in river_job.
type Row struct {
	State       string
	Attempt     int
	AttemptedAt *time.Time
	Errors      int
	Snoozes     int
	Token       bool // left in its metadata
	AttemptedBy []string
}

// RowOf reads one job.
func RowOf(tb testing.TB, pool *pgxpool.Pool, id int64) (row Row) {
	tb.Helper()
	err := pool.QueryRow(context.Background(), `
		SELECT state::text, attempt, attempted_at, coalesce(cardinality(errors), 0),
		    coalesce((metadata ->> 'snoozes')::int, 0), metadata ? 'riverkeeper:claim', attempted_by
		FROM river_job WHERE id = $1`, id).
		Scan(&row.State, &row.Attempt, &row.AttemptedAt, &row.Errors, &row.Snoozes, &row.Token, &row.AttemptedBy)
	if err != nil {
		tb.Fatal(err)
	}
	return row
}

// Rescue does to a running job what Riverkeeper does: the heartbeat row is the arbiter. False if the claim is
// not to be had.
func Rescue(ctx context.Context, pool *pgxpool.Pool, id int64, fence time.Duration) (bool, error) {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	marked, err := tx.Exec(ctx, `
		INSERT INTO riverkeeper.heartbeat AS h
		    (job_id, attempted_at, attempt, instance, beat_interval, beat_at, lost_at)
		SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now(), now()
		FROM river_job WHERE id = $1 AND state = 'running'
		ON CONFLICT (job_id, attempted_at) DO UPDATE SET lost_at = now()
		WHERE h.lost_at IS NULL`, id)
	if err != nil || marked.RowsAffected() == 0 {
		return false, err
	}
	saved, err := tx.Exec(ctx, `
		UPDATE river_job AS j SET state = 'available', scheduled_at = now() + $2::interval
		FROM riverkeeper.heartbeat AS h
		WHERE j.id = $1 AND j.state = 'running' AND h.job_id = j.id AND h.attempted_at = j.attempted_at
		  AND h.attempt = j.attempt AND h.lost_at = now()`, id, fence)
	if err != nil || saved.RowsAffected() == 0 {
		return false, err
	}
	return true, tx.Commit(ctx)
}

// Claim takes a rescued job as another client would, for its next attempt.
func Claim(ctx context.Context, pool *pgxpool.Pool, id int64, client string) error {
	_, err := pool.Exec(ctx, `
		UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp(),
		    attempted_by = array_append(attempted_by, $2) WHERE id = $1`, id, client)
	return err
}

// Count counts the rows of "table WHERE ...".
func Count(tb testing.TB, pool *pgxpool.Pool, from string) (n int) {
	tb.Helper()
	if err := pool.QueryRow(context.Background(), "SELECT count(*) FROM "+from).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// Eventually fails the test if a condition does not come true.
func Eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			tb.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
