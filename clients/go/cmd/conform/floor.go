package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// command is one line of input.
type command struct {
	Do          string  `json:"do"` // start, progress, finish, stats, quit
	JobID       int64   `json:"job_id"`
	Attempt     int     `json:"attempt"`
	AttemptedAt string  `json:"attempted_at"`
	Interval    string  `json:"interval"`
	Lease       *string `json:"lease"`
	Value       any     `json:"value"` // a number, null, or a text for what JSON has no number for
	Note        string  `json:"note"`
	Outcome     string  `json:"outcome"`
	Commit      bool    `json:"commit"`
}

// event is one line of output.
type event struct {
	Event       string           `json:"event"` // ready, begun, cancelled, result, stats
	JobID       int64            `json:"job_id,omitempty"`
	Attempt     int              `json:"attempt,omitempty"`
	AttemptedAt string           `json:"attempted_at,omitempty"`
	Cause       string           `json:"cause,omitempty"`
	Token       *string          `json:"token,omitempty"`
	Held        *bool            `json:"held,omitempty"`
	Accepted    *bool            `json:"accepted,omitempty"`
	Found       *bool            `json:"found,omitempty"`
	Value       json.RawMessage  `json:"value,omitempty"`
	Instance    string           `json:"instance,omitempty"`
	Stacks      bool             `json:"stacks,omitempty"` // it answers requests for stacks
	Stats       *riverbeat.Stats `json:"stats,omitempty"`
}

// job is one claim that waits for its "finish".
type job struct {
	claim riverbeat.Claim
	begun chan struct{} // closed once work and ctx are there: a re-claim waits for the earlier attempt
	work  *riverbeat.Work
	ctx   context.Context //nolint:containedctx // watched for its cause
	stop  context.CancelFunc
}

// floor is where the jobs are worked.
type floor struct {
	beater   *riverbeat.Beater
	database *pgx.ConnConfig
	mu       sync.Mutex
	out      *json.Encoder
	jobs     map[int64][]*job // oldest attempt first
}

func newFloor(beater *riverbeat.Beater, database *pgx.ConnConfig, out *json.Encoder) *floor {
	return &floor{beater: beater, database: database, out: out, jobs: map[int64][]*job{}}
}

func (f *floor) say(e event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.out.Encode(e)
}

func (f *floor) obey(c command) error {
	switch c.Do {
	case "start":
		return f.start(c)
	case "progress":
		return f.progress(c)
	case "checkpoint", "checkpoint_tx", "resume":
		return f.checkpoint(c)
	case "finish":
		return f.finish(c)
	case "stats":
		stats := f.beater.Stats()
		f.say(event{Event: "stats", Instance: f.beater.Instance(), Stats: &stats})
		return nil
	}
	return fmt.Errorf("unknown command %q", c.Do)
}

func (f *floor) start(c command) error {
	tier, err := tierOf(c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	j := &job{
		claim: riverbeat.Claim{JobID: c.JobID, Attempt: c.Attempt, AttemptedAt: c.AttemptedAt},
		begun: make(chan struct{}), stop: stop,
	}
	earlier := f.jobs[c.JobID]
	f.jobs[c.JobID] = append(earlier, j)
	go func() {
		if len(earlier) > 0 {
			<-earlier[len(earlier)-1].begun // attempts of one job begin in the order of the commands
		}
		j.work, j.ctx = f.beater.Begin(ctx, j.claim, tier)
		close(j.begun)
		f.say(event{Event: "begun", JobID: j.claim.JobID, Attempt: j.claim.Attempt, AttemptedAt: j.claim.AttemptedAt})
		j.work.Do(j.ctx, func(ctx context.Context) { <-ctx.Done() })
		if cause := causeOf(j.ctx); cause != "" {
			f.say(event{Event: "cancelled", JobID: j.claim.JobID, Attempt: j.claim.Attempt,
				AttemptedAt: j.claim.AttemptedAt, Cause: cause})
		}
	}()
	return nil
}

func (f *floor) progress(c command) error {
	jobs := f.jobs[c.JobID]
	if len(jobs) == 0 {
		return fmt.Errorf("job %d was not started", c.JobID)
	}
	newest := jobs[len(jobs)-1]
	<-newest.begun
	value, err := numberOf(c.Value)
	riverbeat.Progress(newest.ctx, value, c.Note)
	return err
}

// checkpoint saves or reads a checkpoint of the newest attempt.
func (f *floor) checkpoint(c command) error {
	jobs := f.jobs[c.JobID]
	if len(jobs) == 0 {
		return fmt.Errorf("job %d was not started", c.JobID)
	}
	newest := jobs[len(jobs)-1]
	<-newest.begun
	e := event{Event: c.Do, JobID: newest.claim.JobID, Attempt: newest.claim.Attempt, AttemptedAt: newest.claim.AttemptedAt}
	var err error
	switch c.Do {
	case "checkpoint":
		saved := riverbeat.Checkpoint(newest.ctx, c.Value)
		accepted := saved == nil || errors.Is(saved, riverbeat.ErrClaimLost)
		e.Accepted = &accepted
	case "checkpoint_tx":
		e.Held, err = f.checkpointTx(newest.ctx, c)
	case "resume":
		e.Event = "resumed"
		var found, held bool
		found, err = riverbeat.Resume(newest.ctx, &e.Value)
		if held = !errors.Is(err, riverbeat.ErrClaimLost); !held {
			err = nil
		}
		e.Held, e.Found = &held, &found
	}
	if err == nil {
		f.say(e)
	}
	return err
}

// checkpointTx saves a checkpoint in a transaction of its own; false where the claim is lost.
func (f *floor) checkpointTx(ctx context.Context, c command) (*bool, error) {
	held := true
	conn, err := pgx.ConnectConfig(context.Background(), f.database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(context.Background())
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	err = riverbeat.CheckpointTx(context.WithoutCancel(ctx), tx, c.Value)
	if errors.Is(err, riverbeat.ErrClaimLost) {
		held = false
		return &held, nil
	}
	if err == nil && c.Commit {
		err = tx.Commit(context.Background())
	}
	return &held, err
}

// numberOf is NaN, which is no progress, for null: this client's Progress takes a number.
func numberOf(value any) (float64, error) {
	switch value := value.(type) {
	case float64:
		return value, nil
	case string:
		return strconv.ParseFloat(value, 64)
	}
	return math.NaN(), nil
}

// finish ends the oldest attempt of the job that is still at work.
func (f *floor) finish(c command) error {
	jobs := f.jobs[c.JobID]
	if len(jobs) == 0 {
		return fmt.Errorf("job %d was not started", c.JobID)
	}
	j := jobs[0]
	f.jobs[c.JobID] = jobs[1:]
	go func() {
		<-j.begun
		held := j.work.Finish(riverbeat.Outcome(c.Outcome))
		e := event{Event: "result", JobID: j.claim.JobID, Attempt: j.claim.Attempt, AttemptedAt: j.claim.AttemptedAt, Held: &held}
		if token := j.work.Token(); token != "" {
			e.Token = &token
		}
		f.say(e)
		j.stop()
	}()
	return nil
}

// abandon ends the contexts of all that is left, as a process that is requested to stop does.
func (f *floor) abandon() {
	for _, jobs := range f.jobs {
		for _, j := range jobs {
			j.stop()
		}
	}
}

func tierOf(c command) (tier riverbeat.Tier, err error) {
	if c.Interval != "" {
		if tier.Interval, err = time.ParseDuration(c.Interval); err != nil {
			return tier, err
		}
	}
	if c.Lease != nil {
		tier.Lease, err = time.ParseDuration(*c.Lease)
	}
	return tier, err
}

func causeOf(ctx context.Context) string {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, riverbeat.ErrClaimLost):
		return "claim_lost"
	case errors.Is(cause, riverbeat.ErrLeaseExpired):
		return "lease_expired"
	case errors.Is(cause, riverbeat.ErrStopRequested):
		return "stop_requested"
	}
	return ""
}
