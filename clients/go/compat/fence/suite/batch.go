package suite

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Leader is a job that works others along with its own, as River Pro's batches do.
type Leader struct {
	Members []int64 `json:"members"`
}

// Kind is for River.
func (Leader) Kind() string { return "leader" }

// multi is how such a job reports: River's executor calls these two on an error.
type multi struct {
	jobs   []*rivertype.JobRow
	errors map[int64]error
}

func (m *multi) Error() string               { return "results of several jobs" }
func (m *multi) Jobs() []*rivertype.JobRow   { return m.jobs }
func (m *multi) ErrorsByID() map[int64]error { return m.errors }

type leaderWorker struct {
	river.WorkerDefaults[Leader]
	s       *Scene
	worked  chan struct{} // closed once the members are claimed
	report  chan struct{} // closed: it may report
	cancels int64         // the member that is cancelled
}

// Work claims the members with a statement of its own: their claims are not the leader's.
func (w *leaderWorker) Work(ctx context.Context, job *river.Job[Leader]) error {
	client := river.ClientFromContext[pgx.Tx](ctx)
	w.s.claim(job.Args.Members...)
	result := &multi{jobs: []*rivertype.JobRow{job.JobRow}, errors: map[int64]error{}}
	for _, id := range job.Args.Members {
		member, err := client.JobGet(ctx, id)
		if err != nil {
			return err
		}
		result.jobs = append(result.jobs, member)
		if id == w.cancels {
			result.errors[id] = river.JobCancel(errors.New("this one is cancelled"))
		}
	}
	close(w.worked)
	<-w.report
	return result
}

// batch is a leader at work with three members, the last of which is cancelled.
func batch(s *Scene) (leader int64, members []int64, working *leaderWorker, worker *Process) {
	s.Helper()
	for range 3 {
		members = append(members, s.insert(success, func(options *river.InsertOpts) { options.Queue = "members" }))
	}
	result, err := s.inserter.Insert(context.Background(), Leader{members}, nil)
	if err != nil {
		s.Fatal(err)
	}
	working = &leaderWorker{s: s, worked: make(chan struct{}), report: make(chan struct{}), cancels: members[2]}
	setup := first(1)
	setup.extra = func(workers *river.Workers) { river.AddWorker(workers, working) }
	worker = s.Process(setup).start(s)
	<-working.worked
	return result.Job.ID, members, working, worker
}

// The results of a batch are written under each member's own claim.
func softBatch(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	leader, members, working, worker := batch(s)
	close(working.report)
	s.becomes(leader, "completed")
	s.becomes(members[0], "completed")
	s.becomes(members[1], "completed")
	s.becomes(members[2], "cancelled")
	worker.halt(s)
	if all := s.count("riverkeeper.late_result"); all != 0 {
		t.Errorf("%d late results recorded", all)
	}
	s.noTokens()
}

// Of a batch only the member is late that was rescued.
func lateSoftBatch(t *testing.T, world *World, _ Version) {
	s := newScene(t, world, true)
	leader, members, working, worker := batch(s)
	s.rescue(members[1])
	s.claim(members[1])
	before := s.row(members[1])
	close(working.report)
	s.becomes(leader, "completed")
	s.becomes(members[0], "completed")
	s.becomes(members[2], "cancelled")
	worker.halt(s)
	if after := s.row(members[1]); after != before {
		t.Errorf("the row was\n%s, is\n%s", before, after)
	}
	if s.late(members[1]) != 1 || s.count("riverkeeper.late_result") != 1 {
		t.Errorf("%d late results recorded of the late member, %d of all", s.late(members[1]), s.count("riverkeeper.late_result"))
	}
	s.noTokens()
}
