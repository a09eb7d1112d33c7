package riverbeat

import "time"

// Tier is how often a claim beats, and how long its work continues without a successful beat.
type Tier struct {
	Interval time.Duration // how often to beat
	Lease    time.Duration // 0: the work is never cancelled because a beat failed
}

// The tiers that Riverkeeper ships with. Riverkeeper never counts a worker as lost before three of its intervals have passed,
// with any configuration.
var (
	Standard = Tier{Interval: 10 * time.Second}
	Urgent   = Tier{Interval: 2 * time.Second}
)

const shortestInterval = 100 * time.Millisecond // below it the beats themselves would be the load

// corrected makes a tier that the contract allows, and reports whether it had to be changed.
func (t Tier) corrected(standard time.Duration) (Tier, bool) {
	given := t
	if t.Interval <= 0 {
		t.Interval, given.Interval = standard, standard
	}
	t.Interval = max(t.Interval, shortestInterval)
	if t.Lease > 0 {
		t.Lease = max(t.Lease, 2*t.Interval+t.Interval/2) // one beat may fail, and the next be slow
	}
	t.Lease = max(t.Lease, 0)
	return t, t != given
}

// limit is how long a beat may take: the next tick must find the connection free.
func beatTimeout(interval time.Duration) time.Duration { return interval / 2 }
