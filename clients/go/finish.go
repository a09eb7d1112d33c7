package riverbeat

import (
	"context"
	"log/slog"
)

// Finish says that the work has returned, and how it ended; the keeper is told with the next beat. It never waits. False
// means that the claim is known to be lost: who can keep the result from being written, does. With a Token on it the
// database drops it in any case.
//
// Work that failed after its lease had expired is told as given up ("abandoned"): whatever the queue makes of the result,
// the keeper need not wait for this claim.
func (w *Work) Finish(outcome Outcome) (held bool) {
	b := w.b
	if b == nil {
		return true
	}
	w.depart()
	defer b.leave(w)
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.lost {
		b.counts.late.Add(1)
		b.log.Warn("riverbeat: a lost claim has returned a result", slog.Int64("job_id", w.key.jobID),
			slog.Int("attempt", w.claim.Attempt), slog.String("outcome", string(outcome)), slog.Bool("fenced", b.fenced()))
	}
	if w.expired && !w.lost && outcome == Failed {
		outcome = abandoned
		b.counts.abandoned.Add(1)
	}
	if w.sent && !w.givenUp {
		b.addEnd(ending{w.key, outcome})
	}
	return !w.lost
}

// leave lets go of the context last.
func (b *Beater) leave(w *Work) {
	w.cancel(context.Canceled)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.active--
	if b.active == 0 && b.state == stateStopping {
		signal(b.wake)
	}
}

// giveUp ends what is still at work when Stop has lost its patience: nobody beats for it any more, so it must not go on,
// and the keeper is told that it need not wait.
func (b *Beater) giveUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.works {
		w.cancel(ErrStopped)
		if w.sent && !w.lost && !w.finished {
			w.givenUp = true
			b.addEnd(ending{w.key, abandoned})
			b.counts.abandoned.Add(1)
		}
	}
}
