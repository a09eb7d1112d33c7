package tests

import (
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// A beat and a rescue that meet have one winner, and the loser learns it: the beat gets "lost", or the rescue finds a
// fresh row. (The obvious designs fail here: a guard in a subquery reads the old row, a deleted row comes back.)
func TestBeatAndRescueHaveOneWinner(t *testing.T) {
	const each = 50
	b := newBench(t, func(c *riverbeat.Config) { c.Interval = time.Hour })
	rounds := long(10_000, 500) / each
	var beatWon, rescueWon int
	for range rounds {
		claims := make([]riverbeat.Claim, each)
		for i := range claims {
			claims[i] = b.running()
		}
		beatAll(b, claims)
		b.exec("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '1 hour'")
		standing, rescued := race(b, claims)
		for i, claim := range claims {
			heldNow, taken := standing[claim.JobID] == "held", rescued[i]
			if heldNow == taken {
				t.Fatalf("job %d: beat says %q, rescue says %v", claim.JobID, standing[claim.JobID], taken)
			}
			if taken {
				rescueWon++
			} else {
				beatWon++
			}
		}
		b.exec("TRUNCATE river_job, riverkeeper.heartbeat")
	}
	t.Logf("%d races: the beat won %d, the rescue %d", rounds*each, beatWon, rescueWon)
	if beatWon == 0 || rescueWon == 0 {
		t.Error("they never met")
	}
}

// race sends one beat for all claims while each is being rescued.
func race(b *bench, claims []riverbeat.Claim) (standing map[int64]string, rescued []bool) {
	rescued = make([]bool, len(claims))
	var both sync.WaitGroup
	start := make(chan struct{})
	both.Add(2)
	go func() {
		defer both.Done()
		<-start
		time.Sleep(rand.N(30 * time.Millisecond))
		standing = beatAll(b, claims)
	}()
	go func() {
		defer both.Done()
		<-start
		for i, claim := range claims {
			rescued[i] = rescueStale(b, claim)
		}
	}()
	close(start)
	both.Wait()
	return standing, rescued
}

// beatAll is the contract's statement itself.
func beatAll(b *bench, claims []riverbeat.Claim) map[int64]string {
	b.Helper()
	n := len(claims)
	ids, times, attempts := make([]int64, n), make([]string, n), make([]int16, n)
	intervals, told := make([]string, n), make([]bool, n)
	for i, claim := range claims {
		ids[i], times[i], attempts[i], intervals[i] = claim.JobID, claim.AttemptedAt, 1, "10 s"
	}
	rows, err := b.pool.Query(context.Background(), beatStatement(b),
		pgx.QueryExecModeExec, pgx.NamedArgs{
			"instance": "8a1c4e52-4b5b-4a0c-9a55-6d6d3c1f0e11", "client_id": client, "software": "test",
			"started_at": "2026-01-01T00:00:00Z", "fences": true, "client_interval": "10 s", "kinds": []string(nil),
			"job_ids": ids, "attempted_ats": times, "attempts": attempts, "intervals": intervals,
			"leases": make([]*string, n), "progress_reported": told, "progress": make([]*float32, n), "notes": make([]*string, n),
		})
	if err != nil {
		b.Error(err)
		return nil
	}
	standing := map[int64]string{}
	var ordinal int
	var how string
	if _, err := pgx.ForEachRow(rows, []any{&ordinal, &how}, func() error { standing[ids[ordinal-1]] = how; return nil }); err != nil {
		b.Error(err)
	}
	return standing
}

// beatStatement is the file of the contract, for pgx.
func beatStatement(b *bench) string {
	b.Helper()
	text, err := os.ReadFile("../../sql/beat.sql")
	if err != nil {
		b.Fatal(err)
	}
	sql := regexp.MustCompile(`%\((\w+)\)s`).ReplaceAllString(string(text), "@$1")
	return strings.ReplaceAll(strings.ReplaceAll(sql, "keeper.", "riverkeeper."), "river.river_job", "river_job")
}

// rescueStale is DESIGN 6: the heartbeat row first, then the job, both under the claim.
func rescueStale(b *bench, claim riverbeat.Claim) bool {
	ctx := context.Background()
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		b.Error(err)
		return false
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, sql := range []string{
		`SELECT FROM riverkeeper.heartbeat WHERE job_id = $1 AND attempted_at = $2::text::timestamptz AND lost_at IS NULL
			AND beat_at < now() - interval '1 minute' FOR UPDATE SKIP LOCKED`,
		`SELECT FROM river_job WHERE id = $1 AND attempted_at = $2::text::timestamptz AND state = 'running'
			FOR NO KEY UPDATE SKIP LOCKED`,
		`UPDATE riverkeeper.heartbeat SET lost_at = now() WHERE job_id = $1 AND attempted_at = $2::text::timestamptz`,
		`UPDATE river_job SET state = 'available' WHERE id = $1 AND attempted_at = $2::text::timestamptz`,
	} {
		tag, err := tx.Exec(ctx, sql, claim.JobID, claim.AttemptedAt)
		if err != nil {
			b.Error(err)
		}
		if err != nil || tag.RowsAffected() != 1 {
			return false
		}
	}
	return tx.Commit(ctx) == nil
}
