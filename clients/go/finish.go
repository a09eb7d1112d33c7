package riverbeat

import (
	"context"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"
)

const maxEnds = 100_000 // kept while the database is away; they only inform

// ending is how the work of a claim ended.
type ending struct {
	key     claimKey
	outcome Outcome
}

// Finish records that the work has returned and how it ended. The next beat reports the outcome. Finish waits only until
// the last Checkpoint of work that failed or snoozed is saved, for a second at most. False means that the claim is known
// to be lost: do not write the result if you can prevent that. With a Token on the result the database drops it in any
// case.
//
// Work that failed after its lease expired is reported as "abandoned": whatever the queue does with the result, Riverkeeper
// does not have to wait for this claim.
func (w *Work) Finish(outcome Outcome) (held bool) {
	b := w.b
	if b == nil {
		return true
	}
	w.awaitLastCheckpoint(outcome)
	w.removeFromBeats()
	defer b.release(w)
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.lost {
		b.counts.late.Add(1)
		b.log.Warn("riverbeat: result of a lost claim", slog.Int64("job_id", w.key.jobID),
			slog.Int("attempt", w.claim.Attempt), slog.String("outcome", string(outcome)), slog.Bool("fenced", b.fenced()))
	}
	if w.expired && !w.lost && outcome == Failed {
		outcome = abandoned
		b.counts.abandoned.Add(1)
	}
	b.keepUnsaved(w, outcome)
	if w.sent && !w.givenUp {
		b.addEnd(ending{w.key, outcome})
	}
	return !w.lost
}

// release cancels the context of the work last.
func (b *Beater) release(w *Work) {
	w.cancel(context.Canceled)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.active--
	if b.active == 0 && b.state == stateStopping {
		notify(b.wake)
	}
}

// abandonWork cancels the work that is left when the context of Stop is over: nobody beats for it any more, so it must not
// go on. Each claim is reported as abandoned, so that Riverkeeper does not wait for it.
func (b *Beater) abandonWork() {
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

// addEnd needs b.mu.
func (b *Beater) addEnd(end ending) {
	if !b.Metadata && len(b.ends) < maxEnds {
		b.ends = append(b.ends, end)
	}
}

// flushEnds sends the outcomes that were not sent yet, and keeps them if that fails.
func (b *Beater) flushEnds(ctx context.Context) {
	b.mu.Lock()
	ends := b.ends
	b.ends = nil
	b.mu.Unlock()
	if len(ends) == 0 {
		return
	}
	slices.SortFunc(ends, func(a, b ending) int { return a.key.compare(b.key) })
	err := b.connection.use(ctx, b.lastLimit(), func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.checkedStatements(ctx, conn)
		if err != nil {
			return err
		}
		return query(ctx, conn, sql.end, endArguments(ends), func(rows pgx.Rows) error { return rows.Err() })
	})
	if err == nil {
		return
	}
	b.failureLog.beatFailed(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ends = append(ends, b.ends...)
}

func endArguments(ends []ending) map[string]any {
	ids, times, outcomes := make([]int64, len(ends)), make([]string, len(ends)), make([]string, len(ends))
	for i, end := range ends {
		ids[i], times[i], outcomes[i] = end.key.jobID, end.key.attemptedAt, string(end.outcome)
	}
	return map[string]any{"job_ids": ids, "attempted_ats": times, "outcomes": outcomes}
}
