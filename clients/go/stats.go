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
	LeasesExpired  int64         // claims whose work was cancelled for want of a beat
	StopsRequested int64         // claims whose work was cancelled at the keeper's wish
	Settled        int64         // results let out after the keeper was told
	Dropped        int64         // results kept in: the claim was lost
	Abandoned      int64         // results kept in: nobody could be asked before the process had to stop
	Panics         int64         // caught in here; never the job's
	Working        int           // claims at work now
	LastBeat       time.Duration // how long the last statement that succeeded took
	SinceHeard     time.Duration // since the last beat that succeeded was sent; 0 = none yet
}

type counters struct {
	beats, failures, refusals, lost, leases, stops, settled, dropped, abandoned, panics, lastBeat atomic.Int64
}

// Stats returns the counts of this moment.
func (b *Beater) Stats() Stats {
	c := &b.counts
	stats := Stats{
		Beats: c.beats.Load(), Failures: c.failures.Load(), Refusals: c.refusals.Load(), Lost: c.lost.Load(),
		LeasesExpired: c.leases.Load(), StopsRequested: c.stops.Load(), Settled: c.settled.Load(),
		Dropped: c.dropped.Load(), Abandoned: c.abandoned.Load(), Panics: c.panics.Load(),
		LastBeat: time.Duration(c.lastBeat.Load()),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	stats.Working = len(b.works)
	if b.heard > 0 {
		stats.SinceHeard = uptime() - b.heard
	}
	return stats
}

// Instance is the random id of this process in the keeper's client table.
func (b *Beater) Instance() string { return b.instance }
