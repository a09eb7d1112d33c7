package riverbeat

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// claimLayout is the contract's text form: Postgres keeps microseconds, and a rounded claim matches nothing.
const claimLayout = "2006-01-02T15:04:05.000000Z"

// Claim names one attempt of one job. Attempt alone would not: a snooze puts it back.
type Claim struct {
	JobID       int64
	Attempt     int
	AttemptedAt string // as the database wrote it; see AttemptedAtText
	Kind        string // optional: distinguishes a first lost claim from a wrong River schema
}

// AttemptedAtText is the contract's form of a time that was read from the database with its microseconds.
func AttemptedAtText(at time.Time) string { return at.UTC().Format(claimLayout) }

// claimKey is what makes two claims the same.
type claimKey struct {
	jobID       int64
	attemptedAt string
}

func (c Claim) key() (claimKey, error) {
	at, err := parseTime(c.AttemptedAt)
	if err != nil { // sent to the database, it would fail the beat of every other claim
		return claimKey{}, fmt.Errorf("riverbeat: attempted_at of job %d: %w", c.JobID, err)
	}
	return claimKey{c.JobID, AttemptedAtText(at)}, nil
}

// parseTime reads the contract's form, RFC 3339, and timestamptz as Postgres writes it; always with a zone.
func parseTime(text string) (at time.Time, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07"} {
		if at, err = time.Parse(layout, strings.ToUpper(text)); err == nil {
			return at, nil
		}
	}
	return at, err
}

// compare is the order in which claims stand in a statement: two writers that keep it cannot wait for each other.
func (k claimKey) compare(other claimKey) int {
	return cmp.Or(cmp.Compare(k.jobID, other.jobID), cmp.Compare(k.attemptedAt, other.attemptedAt))
}

// Outcome is how the work of a claim ended.
type Outcome string

// The outcomes that a job can have, also where its claim was lost. Abandoned is reported for claims that this process gave up.
const (
	Completed Outcome = "completed"
	Failed    Outcome = "failed"
	Snoozed   Outcome = "snoozed"
	Cancelled Outcome = "cancelled"

	abandoned Outcome = "abandoned"
)
