package suite

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/riverqueue/river"
)

// What a late result is recorded as. River itself retries what a panic, a timeout or an unknown kind ended.
var recorded = map[string]string{
	success: "completed", output: "completed", failure: "failed", snooze: "snoozed", cancelled: "cancelled",
	remote: "cancelled", panicked: "failed", timeout: "failed", unknown: "failed", discarded: "discarded",
}

func ends() (all []string) {
	for end := range recorded {
		all = append(all, end)
	}
	slices.Sort(all)
	return all
}

// The late result of attempt 1 changes nothing of attempt 2, which is at work elsewhere, however it ended. It is recorded.
func everyOutcome(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	jobs, before, other := lateResults(s, ends())
	for end, job := range jobs {
		if after := s.row(job); after != before[end] {
			t.Errorf("late %s: the row was\n%s, is\n%s", end, before[end], after)
		}
		outcome := s.count("riverkeeper.late_result WHERE job_id = $1 AND outcome = $2 AND row_state = 'running'", job, recorded[end])
		if outcome != 1 || s.late(job) != 1 {
			t.Errorf("late %s: recorded %d times, %d of them as %s", end, s.late(job), outcome, recorded[end])
		}
	}
	other.Release()
	for _, job := range jobs {
		s.becomes(job, "completed")
	}
	s.noTokens()
}

// Without the fence each of them does change attempt 2: the test above can fail.
func everyOutcomeUnfenced(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, false)
	jobs, before, _ := lateResults(s, ends())
	for end, job := range jobs {
		if after := s.row(job); after == before[end] {
			t.Errorf("late %s hurt nobody without the fence", end)
		}
	}
}

// lateResults has attempt 1 of a job end in each of some ways, its result on the way; meanwhile the job is rescued, and a second
// process works its attempt 2. Then the result arrives. Returns the rows as they were before it did.
func lateResults(s *Scene, ends []string) (jobs map[string]int64, before map[string]string, other *Process) {
	s.Helper()
	jobs, before = map[string]int64{}, map[string]string{}
	for _, end := range ends {
		jobs[end] = s.insert(end, func(options *river.InsertOpts) {
			if end == discarded {
				options.MaxAttempts = 1
			}
		})
	}
	worker := s.Process(first(len(jobs)))
	worker.Wire.Hold(results)
	worker.start(s)
	s.eventually("all at work", func() bool { return s.count("river_job WHERE state = 'running'") == len(jobs) })
	worker.Wire.Hold(fetches)
	if job, ok := jobs[remote]; ok {
		if _, err := s.inserter.JobCancel(context.Background(), job); err != nil {
			s.Fatal(err)
		}
	}
	var all []int64
	for end, job := range jobs {
		all = append(all, job)
		s.eventually(end, func() bool { return end == unknown || worker.did(worker.ended, job, 1) })
	}
	s.exec("UPDATE river_job SET max_attempts = 25")
	s.rescue(all...)
	other = s.Process(second(len(jobs))).start(s)
	for end, job := range jobs {
		s.eventually(end+" again", func() bool { return other.did(other.begun, job, 2) })
		before[end] = s.row(job)
	}
	time.Sleep(time.Millisecond) // the second attempt's claim is another
	worker.Wire.Release()
	worker.halt(s) // what it still has to write is written before it returns
	return jobs, before, other
}

// A soft stop ends jobs too: given back, or as an error in older versions. A late one changes nothing.
func softStop(t *testing.T, world *World, version Version) {
	s := newScene(t, world, true)
	job := s.insert(stopped)
	worker := s.Process(first(1))
	worker.Wire.Hold(results)
	worker.start(s)
	s.eventually("at work", func() bool { return worker.did(worker.begun, job, 1) })
	worker.Wire.Hold(fetches)
	halted := make(chan error, 1)
	go func() { halted <- worker.StopAndCancel(context.Background()) }()
	s.eventually("stopped", func() bool { return worker.did(worker.ended, job, 1) })
	s.rescue(job)
	other := s.Process(second(1)).start(s)
	s.eventually("at work again", func() bool { return other.did(other.begun, job, 2) })
	before := s.row(job)
	worker.Wire.Release()
	if err := <-halted; err != nil {
		t.Error(err)
	}
	if after := s.row(job); after != before {
		t.Errorf("the row was\n%s, is\n%s", before, after)
	}
	outcome := map[bool]string{true: "snoozed", false: "failed"}[version.GivesBack]
	if n := s.count("riverkeeper.late_result WHERE job_id = $1 AND outcome = $2", job, outcome); n != 1 || s.late(job) != 1 {
		t.Errorf("recorded %d times, %d of them as %s", s.late(job), n, outcome)
	}
	other.Release()
	s.becomes(job, "completed")
	s.noTokens()
}
