package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// River drops events that find the buffer full; the record of a test must be whole.
const buffer = 1_000_000

// An event is the line a test reads: what River itself told its subscribers about a job.
type event struct {
	Event       river.EventKind `json:"event"`
	ID          int64           `json:"id"`
	Kind        string          `json:"kind"`
	Queue       string          `json:"queue"`
	State       string          `json:"state"`
	Attempt     int             `json:"attempt"`
	Errors      int             `json:"errors"`
	AttemptedAt *time.Time      `json:"attempted_at"`
	FinalizedAt *time.Time      `json:"finalized_at"`
	ScheduledAt time.Time       `json:"scheduled_at"`
	RunSeconds  float64         `json:"run_seconds"`
}

// recordEvents subscribes before the client starts; the function it returns waits for the last line.
func recordEvents(client *river.Client[pgx.Tx], path string) (func() error, error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the record of events: %w", err)
	}
	events, unsubscribe := client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: buffer,
		Kinds: append([]river.EventKind{
			river.EventKindJobCancelled, river.EventKindJobCompleted, river.EventKindJobFailed, river.EventKindJobSnoozed,
		}, newerEvents...),
	})
	written := make(chan struct{})
	go func() {
		defer close(written)
		record(file, events)
	}()
	return func() error {
		unsubscribe()
		<-written
		return file.Close()
	}, nil
}

// record writes each line at once: a process killed with -9 leaves what it had heard.
func record(file *os.File, events <-chan *river.Event) {
	lines := json.NewEncoder(file)
	for e := range events {
		if err := lines.Encode(describe(e)); err != nil {
			slog.Error("event not recorded", "error", err)
		}
	}
}

func describe(e *river.Event) event {
	job := e.Job
	return event{
		Event: e.Kind, ID: job.ID, Kind: job.Kind, Queue: job.Queue, State: string(job.State),
		Attempt: job.Attempt, Errors: len(job.Errors), AttemptedAt: job.AttemptedAt,
		FinalizedAt: job.FinalizedAt, ScheduledAt: job.ScheduledAt, RunSeconds: e.JobStats.RunDuration.Seconds(),
	}
}
