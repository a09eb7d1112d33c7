package riverbeat

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Work is one claim at work in this process, from Begin to Finish.
type Work struct {
	b           *Beater // nil for work that does not beat
	process     *Beater // also for that
	claim       Claim
	key         claimKey
	tier        Tier
	ctx         context.Context //nolint:containedctx // handed out by Begin
	cancel      context.CancelCauseFunc
	returned    chan struct{}
	ended       time.Duration // uptime of its return; readable once returned is closed
	progress    progress
	checkpoints checkpoints

	// The rest is guarded by b.mu.
	lastBeat      time.Duration // uptime of sending the last beat that named it and succeeded; of its start before that
	confirmed     bool          // a beat that named it has succeeded
	sent          bool          // a row may exist
	lost          bool
	finished      bool // completed by the job itself
	stopRequested bool
	expired       bool
	over          bool  // the work has returned
	leaving       bool  // it waits until its last checkpoint is saved
	givenUp       bool  // reported as abandoned
	successor     *Work // a later attempt of the job that was begun here while this one was at work
}

type workKey struct{}

// Begin starts the work of a claim, and returns the context to run it with. The context is cancelled with the
// causes ErrClaimLost, ErrLeaseExpired, ErrStopRequested and ErrStopped. Finish must follow, also after a panic.
//
// An earlier attempt of the same job that is still at work here is cancelled, and waited for up to the fence.
func (b *Beater) Begin(ctx context.Context, claim Claim, tier Tier) (*Work, context.Context) {
	w, earlier := b.register(ctx, claim, tier)
	b.awaitFirstAnswer(ctx)
	if w.b == nil {
		return w, ctx
	}
	if earlier != nil {
		b.awaitEarlier(w.ctx, earlier)
	}
	return w, w.ctx
}

// register returns a Work without a Beater where there is nothing to beat for.
func (b *Beater) register(ctx context.Context, claim Claim, tier Tier) (w, earlier *Work) {
	key, err := claim.key()
	if err != nil {
		b.failureLog.logOnce("claim", "riverbeat: job runs without heartbeats", slog.Any("error", err))
		return &Work{}, nil
	}
	tier, changed := b.tierOf(tier)
	if changed {
		b.failureLog.logOnce("tier", "riverbeat: tier corrected: a lease must be 2.5 intervals or more",
			slog.Duration("interval", tier.Interval), slog.Duration("lease", tier.Lease))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.works[key] != nil { // registered twice, as by a middleware that is installed twice: the outer one counts
		return &Work{process: b, key: key}, nil
	}
	if b.state == stateStopped || !b.beatsFor(claim.Kind) {
		return &Work{process: b, key: key}, nil
	}
	earlier = b.newest[claim.JobID]
	w = &Work{b: b, process: b, claim: claim, key: key, tier: tier, returned: make(chan struct{}), lastBeat: uptime()}
	w.ctx, w.cancel = context.WithCancelCause(context.WithValue(ctx, workKey{}, w))
	if earlier != nil {
		earlier.successor = w
	}
	b.works[key], b.newest[claim.JobID] = w, w
	b.active++
	b.shortenInterval(tier)
	return w, earlier
}

func (b *Beater) tierOf(tier Tier) (Tier, bool) {
	if b.Metadata {
		return Tier{Interval: b.Interval}, false
	}
	return tier.corrected(b.Interval)
}

func (b *Beater) beatsFor(kind string) bool {
	return b.Kinds == nil || kind == "" || slices.Contains(b.Kinds, kind)
}

// shortenInterval makes the whole process beat as often as its most urgent claim needs, from then on: what the process declares
// should not change with every job.
func (b *Beater) shortenInterval(tier Tier) {
	if tier.Interval < b.interval {
		b.interval = tier.Interval
		notify(b.wake)
	}
	if tier.Lease > 0 {
		notify(b.leaseWake)
	}
}

// await ends an earlier attempt: the queue handed the job out again, so that one is over.
func (b *Beater) awaitEarlier(ctx context.Context, earlier *Work) {
	b.mu.Lock()
	earlier.markLost()
	b.mu.Unlock()
	b.log.Warn("riverbeat: job claimed again while an earlier attempt is active; the earlier one is cancelled",
		slog.Int64("job_id", earlier.claim.JobID), slog.Int("earlier_attempt", earlier.claim.Attempt))
	timer := time.NewTimer(b.Fence)
	defer timer.Stop()
	select {
	case <-earlier.returned:
	case <-timer.C:
		return
	case <-ctx.Done():
		return
	}
	select { // the earlier result is handed in after this moment, and must not replace ours
	case <-time.After(resultGap):
	case <-ctx.Done():
	}
}

const (
	resultGap       = 500 * time.Millisecond // between two results of one job that this process hands in
	writtenAfter    = 2 * time.Second        // a result counts as written this long after its work has returned,
	writtenAtLatest = 30 * time.Second       // or at most this long after it, if the database is away
)

// AwaitSuccessor holds up the result of an attempt that was overtaken, until that of the later attempt in this process has
// been written. River collects results by job id and keeps one: the late one would replace the other before either was
// sent, the database would drop it, and work that was done would be done once more. It returns at once in every other case.
func (w *Work) AwaitSuccessor() {
	last := w.lastSuccessor()
	if last == w {
		return
	}
	select {
	case <-last.returned:
	default:
		return // its result comes after ours, and replaces it
	}
	for !w.b.isResultWritten(last) {
		select {
		case <-time.After(resultGap / 5):
		case <-w.b.halted.Done():
			return
		}
	}
}

func (w *Work) lastSuccessor() *Work {
	if w.b == nil {
		return w
	}
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	last := w
	for last.successor != nil {
		last = last.successor
	}
	return last
}

// isResultWritten is true when a beat has come through after the result was handed in: so could the result.
func (b *Beater) isResultWritten(w *Work) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	since := uptime() - w.ended
	return since > writtenAtLatest || since > writtenAfter && b.lastBeat > w.ended+writtenAfter/2
}

// lose needs b.mu.
func (w *Work) markLost() {
	if w.lost {
		return
	}
	w.lost = true
	w.b.counts.lost.Add(1)
	w.cancel(ErrClaimLost)
}

// depart takes the claim out of the beats: what it proved has ended.
func (w *Work) removeFromBeats() {
	b := w.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.over {
		return
	}
	w.over, w.ended = true, uptime()
	delete(b.works, w.key)
	if b.newest[w.key.jobID] == w {
		delete(b.newest, w.key.jobID)
	}
	close(w.returned)
}
