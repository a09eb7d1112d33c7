package suite

import (
	"context"
	"testing"

	"github.com/riverqueue/river"
)

// A crowd of late results: none is written.
func manyLate(t *testing.T, world *World, version Version) {
	s := newScene(t, world, true)
	written := crowd(s, version.Late)
	recorded := s.count("riverkeeper.late_result")
	t.Logf("%d late results: %d written, %d recorded", version.Late, written, recorded)
	if written != 0 || recorded != version.Late {
		t.Errorf("%d of %d late results were written, %d recorded", written, version.Late, recorded)
	}
	s.noTokens()
}

// The same with the fence removed: they are written.
func manyLateUnfenced(t *testing.T, world *World, version Version) {
	written := crowd(newScene(t, world, false), version.Late)
	t.Logf("%d late results without the fence: %d written", version.Late, written)
	if written == 0 {
		t.Error("nothing was written without the fence: the test with it proves nothing")
	}
}

// crowd has many jobs end, takes all of them away while their results are on the way, and returns how many rows of the
// next attempts those results changed.
func crowd(s *Scene, size int) (written int) {
	s.Helper()
	ways := []string{success, output, failure, snooze, cancelled, panicked}
	jobs := make([]river.InsertManyParams, size)
	for i := range jobs {
		jobs[i].Args = Args{Number: i, End: ways[i%len(ways)]}
	}
	if _, err := s.inserter.InsertMany(context.Background(), jobs); err != nil {
		s.Fatal(err)
	}
	worker := s.Process(first(min(size, 2000)))
	worker.Wire.Hold(results)
	worker.start(s)
	s.eventually("all ended", func() bool { return worker.endings() == size })
	worker.Wire.Hold(fetches)
	taken := s.exec(`UPDATE river_job SET attempt = attempt + 1, attempted_at = clock_timestamp(),
		attempted_by = array_append(attempted_by, 'doomed') WHERE state = 'running'`)
	if taken != size {
		s.Fatalf("%d of %d jobs were taken away", taken, size)
	}
	s.exec("CREATE TABLE before AS SELECT id, to_jsonb(j) AS whole FROM river_job AS j")
	worker.halt(s)
	return s.count("before AS b JOIN river_job AS j ON j.id = b.id WHERE to_jsonb(j) IS DISTINCT FROM b.whole")
}
