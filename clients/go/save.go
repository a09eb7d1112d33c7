package riverbeat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	checkpointVersion   = 8           // of the keeper schema: the first with checkpoints
	refusedCheckpoints  = time.Minute // nothing is sent for so long after a refusal: each failed statement costs a connection
	maxUnsaved          = 1000        // checkpoints of returned work that are kept while the database is away
	checkpointKind      = "checkpoint"
	checkpointsUnknown  = 0
	checkpointsMissing  = 1
	checkpointsExisting = 2
)

// unsaved is a checkpoint that has to be sent.
type unsaved struct {
	work   *Work
	number int64
	text   *string
}

func (b *Beater) lacksCheckpoints() bool {
	return b.Metadata || b.checkpointTable.Load() == checkpointsMissing
}

func (b *Beater) recordVersion(version int) {
	if version < checkpointVersion {
		b.checkpointTable.Store(checkpointsMissing)
	} else {
		b.checkpointTable.Store(checkpointsExisting)
	}
}

func (b *Beater) logMissingCheckpoints() {
	b.failureLog.logOnce(checkpointKind, "riverbeat: checkpoints are not saved: the keeper schema has no table for them; "+
		"run riverkeeper schema install, and schema grants", slog.String("keeper_schema", b.KeeperSchema))
}

// saveCheckpoints sends the checkpoints that have changed, in a transaction of their own: where it fails, the beat has not.
func (b *Beater) saveCheckpoints(ctx context.Context) {
	found := b.collectUnsaved()
	if len(found) == 0 || b.lacksCheckpoints() || uptime() < b.checkpointsRefusedUntil {
		return
	}
	for _, each := range found {
		each.work.checkpoints.markSent()
	}
	err := b.connection.use(ctx, b.lastLimit(), func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.checkedStatements(ctx, conn)
		if err != nil {
			return err
		}
		return query(ctx, conn, sql.checkpoint, checkpointArguments(found), drained)
	})
	if err != nil {
		b.recordUnsaved(err)
		return
	}
	b.failureLog.forget(checkpointKind)
	for _, each := range found {
		each.work.checkpoints.recordAnswer(each.number, each.text)
	}
}

// drained reads an answer that needs no reading: what was refused is refused for good.
func drained(rows pgx.Rows) error {
	rows.Close()
	return rows.Err()
}

func (b *Beater) recordUnsaved(err error) {
	reason := refusalReason(err)
	if reason != "" {
		b.checkpointsRefusedUntil = uptime() + refusedCheckpoints
	}
	if !errors.Is(err, context.Canceled) {
		b.failureLog.logOnce(checkpointKind+": "+reason, "riverbeat: checkpoints were not saved; jobs continue",
			slog.String("reason", reason), slog.Any("error", err))
	}
}

// collectUnsaved are the checkpoints of the claims that beat, and once those of work that has returned.
func (b *Beater) collectUnsaved() (found []unsaved) {
	b.mu.Lock()
	defer b.mu.Unlock()
	works := b.unsaved
	b.unsaved = nil
	for _, w := range b.works {
		if w.confirmed && !w.lost && !w.finished {
			works = append(works, w)
		}
	}
	for _, w := range works {
		if number, text := w.checkpoints.pending(); text != nil {
			found = append(found, unsaved{w, number, text})
		}
	}
	slices.SortFunc(found, func(a, b unsaved) int { return a.work.key.compare(b.work.key) })
	return found
}

func checkpointArguments(found []unsaved) map[string]any {
	works, numbers, texts := make([]*Work, len(found)), make([]int64, len(found)), make([]string, len(found))
	for i, each := range found {
		works[i], numbers[i], texts[i] = each.work, each.number, *each.text
	}
	arguments := claimArguments(works)
	arguments["numbers"], arguments["vals"] = numbers, texts
	return arguments
}

// awaitLastCheckpoint saves the newest checkpoint of work that failed or snoozed before its result is written: afterwards the
// job does not run under the claim any more. It waits a second at most, and not for a database that failed the last beat.
func (w *Work) awaitLastCheckpoint(outcome Outcome) {
	b := w.b
	if _, text := w.checkpoints.pending(); text == nil || !keepsCheckpoint(outcome) || b.lacksCheckpoints() {
		return
	}
	b.mu.Lock()
	waits := !b.failing && !w.lost && !w.finished && b.state != stateStopped
	w.leaving = true
	b.mu.Unlock()
	if !waits {
		return
	}
	timer := time.NewTimer(lastCheckpointTime)
	defer timer.Stop()
	for {
		answered := w.checkpoints.nextAnswer()
		if _, text := w.checkpoints.pending(); text == nil {
			return
		}
		notify(b.atOnce)
		select {
		case <-answered:
		case <-timer.C:
			return
		case <-b.halted.Done():
			return
		}
	}
}

// keepsCheckpoint is true where another attempt may follow.
func keepsCheckpoint(outcome Outcome) bool {
	return outcome == Failed || outcome == Snoozed || outcome == abandoned
}

// keepUnsaved needs b.mu.
func (b *Beater) keepUnsaved(w *Work, outcome Outcome) {
	if _, text := w.checkpoints.pending(); text != nil && w.sent && !w.lost && keepsCheckpoint(outcome) && len(b.unsaved) < maxUnsaved {
		b.unsaved = append(b.unsaved, w)
	}
}

// lastLimit is the time of a statement after the beat; short once Stop has lost its patience.
func (b *Beater) lastLimit() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := beatTimeout(b.interval)
	if b.halted.Err() != nil {
		limit = min(limit, closeTimeout)
	}
	return limit
}
