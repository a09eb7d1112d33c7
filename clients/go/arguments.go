package riverbeat

import (
	"strconv"
	"time"
)

// beatArguments makes the parameters of beat.sql, and records in the batch which progress they contain.
func (b *Beater) beatArguments(batch *batch) map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(batch.works)
	intervals, leases := make([]string, n), make([]*string, n)
	reported, values, notes := make([]bool, n), make([]*float32, n), make([]*string, n)
	batch.counts = make([]uint64, n)
	for i, w := range batch.works {
		intervals[i], leases[i] = interval(w.tier.Interval), leaseText(w.tier.Lease)
		batch.counts[i], values[i], notes[i] = w.progress.latest()
		reported[i] = batch.counts[i] != w.progress.acknowledged
	}
	arguments := claimArguments(batch.works)
	arguments["instance"] = b.instance
	arguments["client_id"] = b.ClientID
	arguments["software"] = b.Software
	arguments["started_at"] = b.started.UTC().Format(time.RFC3339Nano)
	arguments["fences"] = b.fenced()
	arguments["client_interval"] = interval(batch.interval)
	arguments["kinds"] = b.Kinds
	arguments["intervals"] = intervals
	arguments["leases"] = leases
	arguments["progress_reported"] = reported
	arguments["progress"] = values
	arguments["notes"] = notes
	return arguments
}

func claimArguments(works []*Work) map[string]any {
	ids, times, attempts := make([]int64, len(works)), make([]string, len(works)), make([]int16, len(works))
	for i, w := range works {
		ids[i], times[i], attempts[i] = w.key.jobID, w.key.attemptedAt, int16(w.claim.Attempt)
	}
	return map[string]any{"job_ids": ids, "attempted_ats": times, "attempts": attempts}
}

// interval is text that Postgres reads the same under every IntervalStyle.
func interval(d time.Duration) string {
	return strconv.FormatInt(d.Microseconds(), 10) + " microseconds"
}

// leaseText is nil for no lease.
func leaseText(lease time.Duration) *string {
	if lease == 0 {
		return nil
	}
	text := interval(lease)
	return &text
}
