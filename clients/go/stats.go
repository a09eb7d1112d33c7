package riverbeat

import (
	"sync/atomic"
	"time"
)

// Stats are counts since New, for a metrics endpoint.
type Stats struct {
	Beats          int64         // statements that succeeded
	Failures       int64         // statements that failed because the database could not be reached in time
	Refusals       int64         // statements refused: table or grant missing, read-only, another River's schema
	Lost           int64         // claims lost
	LeasesExpired  int64         // claims whose work was cancelled because no beat succeeded
	StopsRequested int64         // claims whose work was cancelled because Riverkeeper requested it
	Late           int64         // results that came back after their claim was known to be lost
	Abandoned      int64         // claims given up: the lease expired, or the process stopped first
	Panics         int64         // caught in here; never the job's
	Working        int           // claims at work now
	LastBeat       time.Duration // how long the last statement that succeeded took
	SinceLastBeat  time.Duration // since the last beat that succeeded was sent; 0 = none yet
	Fenced         bool          // the fence is in force, and results carry a token
}

type counters struct {
	beats, failures, refusals, lost, leases, stops, late, abandoned, panics, lastBeat atomic.Int64
}

// Stats returns the counts of this moment.
func (b *Beater) Stats() Stats {
	c := &b.counts
	stats := Stats{
		Beats: c.beats.Load(), Failures: c.failures.Load(), Refusals: c.refusals.Load(), Lost: c.lost.Load(),
		LeasesExpired: c.leases.Load(), StopsRequested: c.stops.Load(), Late: c.late.Load(),
		Abandoned: c.abandoned.Load(), Panics: c.panics.Load(),
		LastBeat: time.Duration(c.lastBeat.Load()),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	stats.Working = len(b.works)
	stats.Fenced = b.fenced()
	if b.lastBeat > 0 {
		stats.SinceLastBeat = uptime() - b.lastBeat
	}
	return stats
}

// Instance is the random id of this process in the client table.
func (b *Beater) Instance() string { return b.instance }
