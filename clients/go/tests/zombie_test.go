package tests

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

// long is the run of RIVERBEAT_LONG=1; the normal run takes a part of it.
func long(whole, part int) int {
	if os.Getenv("RIVERBEAT_LONG") != "" {
		return whole
	}
	return part
}

var lateEnds = []string{"success", "error", "snooze", "cancel"}

// Zombies: workers that lost their claims while another client works the next attempt, and then return a result. With the
// fence in force not one row of the next attempt is finished, failed, snoozed or cancelled by them.
func TestZombiesWriteNothing(t *testing.T) {
	hurt := zombies(t, 250, true)
	for how, n := range hurt {
		if n != 0 {
			t.Errorf("late %s: %d rows of the next attempt were written", how, n)
		}
	}
}

// The same client on a database without the fence writes every one of them: what the test above would see if it proved
// nothing.
func TestZombiesWithoutTheFence(t *testing.T) {
	const each = 250
	hurt := zombies(t, each, false)
	for _, how := range lateEnds {
		if hurt[how] != each {
			t.Errorf("late %s hurt %d of %d", how, hurt[how], each)
		}
	}
}

// zombies returns how many rows of a next attempt were written by a late result, by the way it ended.
func zombies(t *testing.T, each int, fenced bool) map[string]int {
	url := world.Fresh(t)
	if fenced {
		suite.InstallFence(t, url, suite.Keeper, "public")
	}
	pool := pgtest.Pool(t, url)
	worker := suite.NewWorker(false)
	all := each * len(lateEnds)
	client := suite.Client(t, pool, worker, all, suite.Middleware(t, pool, rivermiddleware.Fenced(river.MetadataSet)))
	var jobs []river.InsertManyParams
	for i := range all {
		jobs = append(jobs, river.InsertManyParams{Args: suite.Args{End: lateEnds[i%len(lateEnds)]}})
	}
	if _, err := client.InsertMany(context.Background(), jobs); err != nil {
		t.Fatal(err)
	}
	count := func(from string) (n int) {
		if err := pool.QueryRow(context.Background(), "SELECT count(*) FROM "+from).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	suite.Eventually(t, "all at work", func() bool { return count("river_job WHERE state = 'running'") == all })
	suite.Eventually(t, "all beat", func() bool { return count("riverkeeper.heartbeat") == all })
	takeAway(t, pool, all)
	worker.Release() // half of them may not have learned it yet
	suite.Eventually(t, "the slots are free", func() bool { return completes(t, pool, client) })
	suite.StopClient(t, client)
	return hurtRows(t, pool, all, fenced)
}

// takeAway rescues every claim, and lets another client claim it at once, for its next attempt.
func takeAway(t *testing.T, pool *pgxpool.Pool, all int) {
	t.Helper()
	ctx := context.Background()
	tag, err := pool.Exec(ctx, `
		WITH marked AS (
		    INSERT INTO riverkeeper.heartbeat AS h
		        (job_id, attempted_at, attempt, instance, beat_interval, beat_at, lost_at)
		    SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now(), now()
		    FROM river_job WHERE state = 'running' ORDER BY id
		    ON CONFLICT (job_id, attempted_at) DO UPDATE SET lost_at = now() WHERE h.lost_at IS NULL
		    RETURNING job_id
		)
		UPDATE river_job AS j SET attempt = attempt + 1, attempted_at = clock_timestamp(),
		    attempted_by = array_append(attempted_by, 'another')
		FROM marked WHERE j.id = marked.job_id AND j.state = 'running'`)
	if err != nil || int(tag.RowsAffected()) != all {
		t.Fatalf("%v, %d of %d", err, tag.RowsAffected(), all)
	}
}

// completes is true when a new job was worked: the zombies' slots are free.
func completes(t *testing.T, pool *pgxpool.Pool, client interface {
	Insert(context.Context, river.JobArgs, *river.InsertOpts) (*rivertype.JobInsertResult, error)
}) bool {
	result, err := client.Insert(context.Background(), suite.Args{End: "success"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if suite.RowOf(t, pool, result.Job.ID).State == "completed" {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

func hurtRows(t *testing.T, pool *pgxpool.Pool, all int, fenced bool) map[string]int {
	t.Helper()
	rows, err := pool.Query(context.Background(), `
		SELECT args ->> 'end', state::text, count(*),
		    count(*) FILTER (WHERE state <> 'running' OR attempt <> 2 OR errors IS NOT NULL OR metadata ? 'snoozes')
		FROM river_job WHERE 'another' = ANY(attempted_by) GROUP BY 1, 2 ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	hurt, seen := map[string]int{}, 0
	for rows.Next() {
		var how, state string
		var n, bad int
		if err := rows.Scan(&how, &state, &n, &bad); err != nil {
			t.Fatal(err)
		}
		hurt[how] += bad
		seen += n
		t.Log(fmt.Sprintf("fenced %v: late %-8s -> %-10s %4d rows, %d written by a zombie", fenced, how, state, n, bad))
	}
	if seen != all {
		t.Errorf("%d of %d rows", seen, all)
	}
	return hurt
}
