package suite

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
)

// patience is how long a test waits for what must happen: far longer than it takes.
const patience = 60 * time.Second

// Scene is a database of a test's own, with River's tables and Riverkeeper's.
type Scene struct {
	*testing.T
	world    *World
	pool     *pgxpool.Pool         // the test's own way
	inserter *river.Client[pgx.Tx] // works nothing
	// middleware of its processes
	middleware func(*pgxpool.Pool) []rivertype.Middleware
}

// scene makes a database with the fence, or one where it was removed.
func newScene(t *testing.T, w *World, fenced bool) *Scene {
	t.Helper()
	s := &Scene{T: t, world: w, pool: pgtest.Pool(t, w.Fresh(t))}
	s.middleware = s.fencing
	if !fenced {
		s.exec("DROP TRIGGER riverkeeper_fence ON river_job")
		s.exec("DROP TRIGGER riverkeeper_fence_strip ON river_job")
	}
	s.exec("CREATE TABLE effect (job_id bigint, attempt integer)")
	inserter, err := river.NewClient(riverpgxv5.New(s.pool), &river.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	s.inserter = inserter
	return s
}

func (s *Scene) exec(sql string, arguments ...any) (rows int) {
	s.Helper()
	tag, err := s.pool.Exec(context.Background(), sql, arguments...)
	if err != nil {
		s.Fatal(err)
	}
	return int(tag.RowsAffected())
}

// count counts the rows of "table WHERE …".
func (s *Scene) count(from string, arguments ...any) (n int) {
	s.Helper()
	if err := s.pool.QueryRow(context.Background(), "SELECT count(*) FROM "+from, arguments...).Scan(&n); err != nil {
		s.Fatal(err)
	}
	return n
}

// insert adds a job that ends as its args name it; change alters how it is inserted.
func (s *Scene) insert(end string, change ...func(*river.InsertOpts)) int64 {
	s.Helper()
	options := &river.InsertOpts{}
	for _, do := range change {
		do(options)
	}
	var args river.JobArgs = Args{End: end}
	if end == unknown {
		args = Strange{}
	}
	result, err := s.inserter.Insert(context.Background(), args, options)
	if err != nil {
		s.Fatal(err)
	}
	return result.Job.ID
}

// row is all that a job's row holds.
func (s *Scene) row(job int64) string {
	s.Helper()
	var text string
	err := s.pool.QueryRow(context.Background(), "SELECT to_jsonb(j)::text FROM river_job AS j WHERE id = $1", job).Scan(&text)
	if err != nil {
		s.Fatal(err)
	}
	return text
}

// field reads one expression of a job's row.
func (s *Scene) field(job int64, expression string) (text string) {
	s.Helper()
	err := s.pool.QueryRow(context.Background(),
		"SELECT coalesce(("+expression+")::text, 'NULL') FROM river_job WHERE id = $1", job).Scan(&text)
	if err != nil {
		s.Fatal(err)
	}
	return text
}

func (s *Scene) expect(job int64, expression, want string) {
	s.Helper()
	if got := s.field(job, expression); got != want {
		s.Errorf("%s is %s, not %s: %s", expression, got, want, s.row(job))
	}
}

// rescue gives a running job back, as Riverkeeper does: with an error of the attempt that it takes away.
func (s *Scene) rescue(jobs ...int64) {
	s.Helper()
	if saved := s.exec(rescueSQL, jobs); saved != len(jobs) {
		s.Fatalf("%d of %d jobs were rescued", saved, len(jobs))
	}
}

const rescueSQL = `
	UPDATE river_job SET state = 'available', scheduled_at = now(),
	    metadata = metadata - 'cancel_attempted_at' || '{"riverkeeper:rescues": 1}',
	    errors = array_append(errors, jsonb_build_object('at', now(), 'attempt', attempt, 'error', 'rescued', 'trace', ''))
	WHERE id = ANY($1) AND state = 'running'`

// claim takes jobs for their next attempt, as a client does that then dies.
func (s *Scene) claim(jobs ...int64) {
	s.Helper()
	claimed := s.exec(`
		UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp(),
		    attempted_by = array_append(attempted_by, 'doomed') WHERE id = ANY($1) AND state = 'available'`, jobs)
	if claimed != len(jobs) {
		s.Fatalf("%d of %d jobs were claimed", claimed, len(jobs))
	}
}

// late counts recorded late results of a job.
func (s *Scene) late(job int64) int {
	s.Helper()
	return s.count("riverkeeper.late_result WHERE job_id = $1", job)
}

func (s *Scene) eventually(what string, condition func() bool) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			s.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// becomes waits for a job's state.
func (s *Scene) becomes(job int64, state string) {
	s.Helper()
	s.eventually(state, func() bool { return s.field(job, "state") == state })
}

// noTokens checks that no token was left anywhere.
func (s *Scene) noTokens() {
	s.Helper()
	if left := s.count("river_job WHERE metadata ? 'riverkeeper:claim'"); left != 0 {
		s.Errorf("%d rows carry a token", left)
	}
}

// collect reads a result of one column.
func collect[T any](rows pgx.Rows) ([]T, error) { return pgx.CollectRows(rows, pgx.RowTo[T]) }
