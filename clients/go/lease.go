package riverbeat

import (
	"log/slog"
	"time"
)

// longestWait is how often leases are checked although none is due: a Go timer stops while the machine sleeps.
const longestWait = time.Second

// watchLeases cancels the work whose beats did not come through.
func (b *Beater) watchLeases() {
	defer close(b.leaseDone)
	for {
		wait, leased := b.expireLeases(uptime())
		var due <-chan time.Time
		if leased {
			due = time.After(wait)
		}
		select {
		case <-due:
		case <-b.leaseWake:
		case <-b.done:
			return
		}
	}
}

// expireLeases returns how long to wait for the next one, if there is any lease.
func (b *Beater) expireLeases(now time.Duration) (wait time.Duration, leased bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait = longestWait
	for _, w := range b.works {
		if w.tier.Lease == 0 || w.expired || w.lost || w.finished {
			continue
		}
		left := w.lastBeat + w.tier.Lease - now
		if left > 0 {
			leased, wait = true, min(wait, left)
			continue
		}
		w.expired = true
		b.counts.leases.Add(1)
		b.log.Warn("riverbeat: lease expired; the work is cancelled", slog.Int64("job_id", w.key.jobID),
			slog.Duration("lease", w.tier.Lease))
		w.cancel(ErrLeaseExpired)
	}
	return wait, leased
}
