package suite

import (
	"testing"
	"time"
)

// A partition that outlasts every timeout: River's statements were given up and put back, the job was rescued long ago,
// and then all that was ever sent arrives. Nothing of it is written.
func partition(t *testing.T, world *World, version Version) {
	s := newScene(t, world, true)
	proxy := world.Proxy(t)
	jobs := map[string]int64{}
	for _, end := range []string{success, output, failure, snooze, cancelled, panicked} {
		jobs[end] = s.insert(end)
	}
	setup := first(len(jobs))
	setup.holding, setup.dial = true, proxy.Dial
	worker := s.Process(setup).start(s)
	for _, job := range jobs {
		s.eventually("at work", func() bool { return worker.did(worker.begun, job, 1) })
	}
	worker.Wire.Hold(fetches)
	proxy.Stall()
	since := time.Now()
	worker.Worker.Release()
	for _, job := range jobs {
		s.eventually("ended", func() bool { return worker.did(worker.ended, job, 1) })
		s.rescue(job)
	}
	other := s.Process(second(len(jobs))).start(s)
	before := map[string]string{}
	for end, job := range jobs {
		s.eventually("at work again", func() bool { return other.did(other.begun, job, 2) })
		before[end] = s.row(job)
	}
	time.Sleep(time.Until(since.Add(time.Duration(version.Away) * time.Second)))
	proxy.Resume()
	for end, job := range jobs {
		s.eventually("late "+end+" recorded", func() bool { return s.late(job) > 0 })
	}
	worker.halt(s)
	for end, job := range jobs {
		if after := s.row(job); after != before[end] {
			t.Errorf("late %s: the row was\n%s, is\n%s", end, before[end], after)
		}
	}
	other.Release()
	for _, job := range jobs {
		s.becomes(job, "completed")
	}
	s.noTokens()
}

// River writes a result twice when it did not hear that the first write went through. The second does not end the
// attempt that began in between.
func writtenTwice(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	job, before, worker, other := twice(s)
	s.eventually("the second write recorded", func() bool { return s.late(job) == 1 })
	if after := s.row(job); after != before {
		t.Errorf("the row was\n%s, is\n%s", before, after)
	}
	worker.halt(s)
	other.Release()
	s.becomes(job, "completed")
	s.expect(job, "cardinality(errors)", "1")
	s.noTokens()
}

// Without the fence it does: the test above can fail.
func writtenTwiceUnfenced(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, false)
	job, _, _, _ := twice(s)
	s.eventually("attempt 2 ended by attempt 1", func() bool { return s.field(job, "cardinality(errors)") == "2" })
}

// twice has River write an error whose answer is lost, a second process claim the next attempt, and River write again.
func twice(s *Scene) (job int64, before string, worker, other *Process) {
	s.Helper()
	proxy := s.world.Proxy(s.T)
	job = s.insert(failure)
	setup := first(1)
	setup.dial, setup.retriesNow = proxy.Dial, true
	worker = s.Process(setup)
	worker.Wire.Hold(results)
	worker.start(s)
	s.eventually("ended", func() bool { return worker.did(worker.ended, job, 1) })
	worker.Wire.Hold(fetches)
	proxy.LoseAnswers(results)
	worker.Wire.ReleaseOnly(results)
	s.becomes(job, "available") // written; the worker does not know
	other = s.Process(second(1)).start(s)
	s.eventually("at work again", func() bool { return other.did(other.begun, job, 2) })
	before = s.row(job)
	proxy.Cut()
	proxy.Mend()
	return job, before, worker, other
}

// Many results go in one statement. Where one of them is late, its neighbours are written all the same.
func oneAmongMany(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	var jobs []int64
	for range 100 {
		jobs = append(jobs, s.insert(success))
	}
	worker := s.Process(first(len(jobs)))
	worker.Wire.Hold(results)
	worker.start(s)
	for _, job := range jobs {
		s.eventually("ended", func() bool { return worker.did(worker.ended, job, 1) })
	}
	worker.Wire.Hold(fetches)
	lost := jobs[50]
	s.rescue(lost)
	s.claim(lost)
	before := s.row(lost)
	worker.halt(s)
	if after := s.row(lost); after != before {
		t.Errorf("the row was\n%s, is\n%s", before, after)
	}
	if done := s.count("river_job WHERE state = 'completed'"); done != len(jobs)-1 {
		t.Errorf("%d of %d neighbours are completed", done, len(jobs)-1)
	}
	if all := s.count("riverkeeper.late_result"); all != 1 {
		t.Errorf("%d late results recorded", all)
	}
	s.noTokens()
}
