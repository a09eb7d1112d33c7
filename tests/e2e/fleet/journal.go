package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river/rivertype"
)

// pulseEvery is how often a process with a journal writes that it runs: a gap shows that it was frozen or starved.
const pulseEvery = 250 * time.Millisecond

// A journal is a process's own record of its jobs, outside of the database: each line is written at once, so that a
// process killed with -9 leaves it whole. A nil journal records nothing.
type journal struct {
	file   *os.File
	client string
}

// An entry is one line of a journal. Unused fields are left out.
type entry struct {
	At      float64 `json:"at"` // Unix seconds
	Client  string  `json:"client"`
	Event   string  `json:"event"` // pulse, begin, completing, effect, end
	Job     int64   `json:"job,omitempty"`
	Claim   string  `json:"claim,omitempty"`   // attempted_at as the heartbeat contract writes it
	Attempt int     `json:"attempt,omitempty"` // what River calls it; a snooze puts it back
	Queue   string  `json:"queue,omitempty"`
	Seconds float64 `json:"seconds,omitempty"` // of begin: how long the work is to take
	Outcome string  `json:"outcome,omitempty"` // of end and effect
	Cause   string  `json:"cause,omitempty"`
}

func openJournal(path, client string) (*journal, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &journal{file, client}
	go j.pulse()
	return j, nil
}

func (j *journal) pulse() {
	for {
		j.write(entry{Event: "pulse"})
		time.Sleep(pulseEvery)
	}
}

// of adds the claim of a job to an entry and writes it.
func (j *journal) of(job *rivertype.JobRow, e entry) {
	e.Job, e.Attempt, e.Queue = job.ID, job.Attempt, job.Queue
	e.Claim = riverbeat.AttemptedAtText(*job.AttemptedAt)
	j.write(e)
}

// write hands the whole line to the system in one call: lines of several goroutines do not mix.
func (j *journal) write(e entry) {
	if j == nil {
		return
	}
	e.At, e.Client = float64(time.Now().UnixMicro())/1e6, j.client
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		slog.Error("journal not written", "error", err)
	}
}
