package suite

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

var openOnly = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning,
	rivertype.JobStateScheduled,
}}

// A late result between rescue and next claim leaves no token behind. A token that stayed in the row would have every
// later update of it dropped, the next rescue's too: the job could never be rescued again.
func betweenRescueAndClaim(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	jobs := map[string]int64{}
	for _, end := range []string{success, output, failure, snooze, cancelled} {
		jobs[end] = s.insert(end)
	}
	worker := s.Process(first(len(jobs)))
	worker.Wire.Hold(results)
	worker.start(s)
	for _, job := range jobs {
		s.eventually("ended", func() bool { return worker.did(worker.ended, job, 1) })
	}
	worker.Wire.Hold(fetches)
	for _, job := range jobs {
		s.rescue(job)
	}
	s.exec("UPDATE river_job SET scheduled_at = now() + '1 h'") // the worker shall not claim them itself
	worker.halt(s)
	s.noTokens()
	for end, job := range jobs {
		s.expect(job, "state", "available")
		s.expect(job, "cardinality(errors)", "1")
		if s.late(job) != 1 {
			t.Errorf("late %s: recorded %d times", end, s.late(job))
		}
		s.claim(job)
		s.rescue(job) // the second worker died, and its job is to be had
	}
	s.exec("UPDATE river_job SET scheduled_at = now()")
	other := s.Process(second(len(jobs))).start(s)
	other.Release()
	for _, job := range jobs {
		s.becomes(job, "completed")
		s.expect(job, "attempt", "3")
	}
	s.noTokens()
}

// JobRetry in between: a job that was given up at its last attempt gets one more, and the late result of the last does
// not end it.
func jobRetry(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	job := s.insert(failure, func(options *river.InsertOpts) { options.MaxAttempts = 1 })
	worker := s.Process(first(1))
	worker.Wire.Hold(results)
	worker.start(s)
	s.eventually("ended", func() bool { return worker.did(worker.ended, job, 1) })
	worker.Wire.Hold(fetches)
	s.exec("UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE id = $1", job)
	if _, err := s.inserter.JobRetry(context.Background(), job); err != nil {
		t.Fatal(err)
	}
	other := s.Process(second(1)).start(s)
	s.eventually("at work again", func() bool { return other.did(other.begun, job, 2) })
	before := s.row(job)
	worker.halt(s)
	if after := s.row(job); after != before || s.late(job) != 1 {
		t.Errorf("recorded %d times; the row was\n%s, is\n%s", s.late(job), before, after)
	}
	other.Release()
	s.becomes(job, "completed")
	s.noTokens()
}

// River's own rescuer in between: what it takes away is as lost as what Riverkeeper takes.
func riversRescuer(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	lead := func(until string) {
		s.exec(`INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES ('nobody', now(), now() + $1::interval)
			ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at`, until)
	}
	lead("1 h")
	job := s.insert(failure)
	worker := s.Process(Setup{name: "first", slots: 1, holding: true, limit: time.Second, rescue: time.Second, retriesNow: true})
	worker.start(s)
	s.eventually("at work", func() bool { return worker.did(worker.begun, job, 1) })
	worker.Wire.Hold(results)
	worker.Wire.Hold(fetches)
	other := s.Process(Setup{
		name: "second", slots: 1, holding: true, succeeds: true, limit: time.Second, rescue: time.Second, retriesNow: true,
	}).start(s)
	s.eventually("old enough", func() bool {
		return s.count("river_job WHERE id = $1 AND attempted_at < now() - interval '1.2 s'", job) == 1
	})
	lead("-1 s") // one of the two is elected, and looks for stuck jobs at once
	s.eventually("rescued by River, and at work again", func() bool { return other.did(other.begun, job, 2) })
	lead("1 h") // and no more
	before := s.row(job)
	worker.Worker.Release()
	s.eventually("ended", func() bool { return worker.did(worker.ended, job, 1) })
	worker.halt(s)
	if after := s.row(job); after != before || s.late(job) != 1 {
		t.Errorf("recorded %d times; the row was\n%s, is\n%s", s.late(job), before, after)
	}
	other.Release()
	s.becomes(job, "completed")
	s.noTokens()
}

// Both attempts in one process: the second one's result counts, whichever ends first. River's completer keeps results by
// job: that of the first must not take the place of the second's, where both end within one of its turns.
func oneProcess(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	jobs := []int64{s.insert(failure), s.insert(failure)}
	setup := first(4)
	setup.holding = true
	worker := s.Process(setup).start(s)
	for attempt := 1; attempt <= 2; attempt++ {
		for _, job := range jobs {
			s.eventually("at work", func() bool { return worker.did(worker.begun, job, attempt) })
		}
		if attempt == 1 {
			s.rescue(jobs...)
		}
	}
	before := s.row(jobs[0])
	worker.ReleaseOnly(jobs[0], 1)
	worker.ReleaseOnly(jobs[1], 2)
	s.eventually("ended", func() bool { return worker.did(worker.ended, jobs[1], 2) })
	worker.ReleaseOnly(jobs[1], 1)
	s.eventually("ended", func() bool { return worker.did(worker.ended, jobs[0], 1) })
	if after := s.row(jobs[0]); after != before {
		t.Errorf("the row was\n%s, is\n%s", before, after)
	}
	worker.ReleaseOnly(jobs[0], 2)
	for _, job := range jobs {
		s.becomes(job, "retryable")
		s.expect(job, "cardinality(errors)", "2")
		s.expect(job, "errors[2] ->> 'attempt'", "2")
	}
	worker.halt(s)
	s.noTokens()
}

// A job that is unique while it is open stays so: the late result of attempt 1 does not make room for a second job.
func uniqueJob(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	open := func(options *river.InsertOpts) { options.UniqueOpts = openOnly }
	job := s.insert(success, open)
	worker := s.Process(first(1))
	worker.Wire.Hold(results)
	worker.start(s)
	s.eventually("ended", func() bool { return worker.did(worker.ended, job, 1) })
	worker.Wire.Hold(fetches)
	s.rescue(job)
	other := s.Process(second(2)).start(s)
	s.eventually("at work again", func() bool { return other.did(other.begun, job, 2) })
	worker.halt(s)
	if again := s.insert(success, open); again != job {
		t.Errorf("the late result made room for job %d beside %d, which is at work", again, job)
	}
	other.Release()
	s.becomes(job, "completed")
	if again := s.insert(success, open); again == job {
		t.Error("the job's own result made no room for another")
	}
	s.noTokens()
}
