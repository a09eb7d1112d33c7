package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// Args of a job, which name how it ends.
type Args struct {
	Number int    `json:"number" river:"unique"`
	End    string `json:"end"`
}

// Kind is for River.
func (Args) Kind() string { return "ends" }

// Strange is a kind that only some workers know.
type Strange struct {
	Number int `json:"number"`
}

// Kind is for River.
func (Strange) Kind() string { return "strange" }

// Ways for a job to end.
const (
	success   = "success"
	output    = "success with recorded output"
	failure   = "error"
	snooze    = "snooze"
	cancelled = "cancelled by the job"
	remote    = "cancelled by a client"
	panicked  = "panic"
	timeout   = "job timeout"
	stopped   = "soft stop"
	unknown   = "unknown kind"
	discarded = "error at the last attempt"
	inTx      = "completed in a transaction"
	update    = "update of its own output while at work"

	failsOnce   = "error, then success"
	snoozesOnce = "short snooze, then success"
)

// Worker ends its jobs as they tell, or all of them with success; it may hold them before.
type Worker struct {
	river.WorkerDefaults[Args]
	succeeds   bool
	retriesNow bool
	limit      time.Duration
	complete   func(ctx context.Context, job *river.Job[Args]) error

	mu       sync.Mutex
	holding  bool
	let      map[claim]bool // may end though others are held
	released *sync.Cond
	begun    map[claim]bool
	ended    map[claim]bool
}

// claim is one attempt of one job.
type claim struct {
	job     int64
	attempt int
}

// NextRetry is for River.
func (w *Worker) NextRetry(job *river.Job[Args]) time.Time {
	if w.retriesNow || job.Args.End == failsOnce {
		return time.Now()
	}
	return time.Now().Add(time.Hour)
}

// Timeout is for River.
func (w *Worker) Timeout(job *river.Job[Args]) time.Duration {
	if job.Args.End == timeout && !w.succeeds {
		return time.Millisecond
	}
	return w.limit
}

// Release lets all jobs end.
func (w *Worker) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holding = false
	w.released.Broadcast()
}

// ReleaseOnly lets one attempt of one job end.
func (w *Worker) ReleaseOnly(job int64, attempt int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.let[claim{job, attempt}] = true
	w.released.Broadcast()
}

// endings counts the attempts that have ended.
func (w *Worker) endings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ended)
}

func (w *Worker) did(what map[claim]bool, job int64, attempt int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return what[claim{job, attempt}]
}

// Work is for River. A held job is deaf: it does not heed its context.
func (w *Worker) Work(ctx context.Context, job *river.Job[Args]) error {
	mine := claim{job.ID, job.Attempt}
	w.mu.Lock()
	w.begun[mine] = true
	for w.holding && !w.let[mine] {
		w.released.Wait()
	}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended[mine] = true
	}()
	if w.succeeds {
		return nil
	}
	return w.end(ctx, job)
}

func (w *Worker) end(ctx context.Context, job *river.Job[Args]) error {
	switch job.Args.End {
	case success:
		return nil
	case output:
		return river.RecordOutput(ctx, fmt.Sprintf("output of attempt %d", job.Attempt))
	case snooze:
		return river.JobSnooze(time.Hour)
	case snoozesOnce:
		if bytes.Contains(job.Metadata, []byte("snoozes")) {
			return nil
		}
		return river.JobSnooze(0)
	case failsOnce:
		if job.Attempt > 1 {
			return nil
		}
	case cancelled:
		return river.JobCancel(errors.New("cancelled late"))
	case panicked:
		panic("panicked late")
	case remote, timeout, stopped:
		<-ctx.Done()
		return ctx.Err()
	case inTx:
		return w.complete(ctx, job)
	case update:
		client := river.ClientFromContext[pgx.Tx](ctx)
		_, err := client.JobUpdate(ctx, job.ID, &river.JobUpdateParams{Output: "so far"})
		return err
	}
	return errors.New("failed late")
}

type strangeWorker struct {
	river.WorkerDefaults[Strange]
	as *Worker
}

func (w *strangeWorker) Work(ctx context.Context, job *river.Job[Strange]) error {
	return w.as.Work(ctx, &river.Job[Args]{JobRow: job.JobRow, Args: Args{End: success}})
}
