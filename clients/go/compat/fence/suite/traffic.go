package suite

import (
	"context"
	"slices"
	"testing"

	"github.com/riverqueue/river"
)

// Ordinary traffic ends with the fence as it does without the fence and without the middleware: the same rows, no token
// left in them, and nothing recorded as late.
func ordinaryTraffic(t *testing.T, world *World, version Version) {
	plain := newScene(t, world, false)
	plain.middleware = nothing
	without := traffic(plain, version.Traffic)
	fenced := newScene(t, world, true)
	with := traffic(fenced, version.Traffic)
	if !slices.Equal(without, with) {
		for i := range min(len(without), len(with)) {
			if without[i] != with[i] {
				t.Fatalf("without the fence\n%s, with it\n%s", without[i], with[i])
			}
		}
		t.Fatalf("%d rows without the fence, %d with it", len(without), len(with))
	}
	if late := fenced.count("riverkeeper.late_result"); late != 0 {
		t.Errorf("%d results are recorded as late", late)
	}
	fenced.noTokens()
}

// traffic works jobs that end in every way, and returns their final rows, without times.
func traffic(s *Scene, size int) (rows []string) {
	s.Helper()
	ways := []string{
		success, output, failure, failsOnce, snooze, snoozesOnce, cancelled, panicked, timeout, discarded, inTx, update, unknown,
	}
	const cancels = 50 // by a client; first in line, so that they are at work when it comes
	jobs := make([]river.InsertManyParams, size)
	for i := range jobs {
		end := ways[i%len(ways)]
		jobs[i] = river.InsertManyParams{Args: Args{Number: i, End: end}, InsertOpts: &river.InsertOpts{Priority: 2}}
		switch {
		case i < cancels:
			jobs[i] = river.InsertManyParams{Args: Args{Number: i, End: remote}}
		case end == unknown:
			jobs[i].Args = Strange{Number: i}
		case end == discarded:
			jobs[i].InsertOpts.MaxAttempts = 1
		}
	}
	if _, err := s.inserter.InsertMany(context.Background(), jobs); err != nil {
		s.Fatal(err)
	}
	setup := first(500)
	setup.complete = completing(hold)
	worker := s.Process(setup).start(s)
	s.cancelAll(worker, cancels)
	s.eventually("all over", func() bool { return s.count("river_job WHERE state IN ('available', 'running')") == 0 })
	worker.halt(s)
	return s.finals()
}

// cancelAll requests the cancellation of jobs that are at work.
func (s *Scene) cancelAll(worker *Process, number int) {
	s.Helper()
	rows, err := s.pool.Query(context.Background(), "SELECT id FROM river_job WHERE (args ->> 'number')::int < $1", number)
	if err != nil {
		s.Fatal(err)
	}
	jobs, err := collect[int64](rows)
	if err != nil {
		s.Fatal(err)
	}
	for _, job := range jobs {
		s.eventually("at work", func() bool { return worker.did(worker.begun, job, 1) })
		if _, err := s.inserter.JobCancel(context.Background(), job); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *Scene) finals() []string {
	s.Helper()
	rows, err := s.pool.Query(context.Background(), `
		SELECT jsonb_build_array(args, kind, state, attempt, max_attempts, attempted_by, queue, priority, tags,
		    metadata - 'cancel_attempted_at', metadata ? 'cancel_attempted_at', finalized_at IS NULL,
		    (SELECT jsonb_agg(jsonb_build_array(e -> 'attempt', e -> 'error') ORDER BY n)
		     FROM unnest(errors) WITH ORDINALITY AS u (e, n)))::text
		FROM river_job ORDER BY (args ->> 'number')::int`)
	if err != nil {
		s.Fatal(err)
	}
	finals, err := collect[string](rows)
	if err != nil {
		s.Fatal(err)
	}
	return finals
}
