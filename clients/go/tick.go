package riverbeat

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// batch is the claims that one statement names, and what it reports of each.
type batch struct {
	works     []*Work
	counts    []uint64 // progress reports of each claim so far, to know which of them a successful beat has sent
	interval  time.Duration
	sent      time.Duration // uptime just before sending
	fresh     []*Work       // claims that are named for the first time
	requested []*Work       // claims whose stack the answer requests
}

// statuses is the answer of the statement: the status of each claim.
type statuses map[claimKey]string

const (
	statusHeld     = "held"
	statusStop     = "stop"
	statusFinished = "finished"
	statusLost     = "lost"
)

// tick sends one beat for all claims, and then the outcomes of those whose work has returned.
func (b *Beater) tick(ctx context.Context) {
	b.guarded("tick", func() {
		batch := b.collect()
		defer b.firstAnswer.Do(func() { close(b.answered) }) // also after a panic
		answer, err := b.send(ctx, batch)
		stacks := b.takeStacks(batch.requested) // before work is cancelled: they show where it hung
		b.applyAnswer(batch, answer, err)
		if err != nil {
			b.podReported = false
		} else {
			b.saveCheckpoints(ctx)
			b.flushEnds(ctx)
			b.sendStacks(ctx, batch, stacks)
			b.reportPod(ctx)
		}
	})
}

// collect takes the claims that are due, in the order of the contract. A claim is never later than its own interval, but
// skips ticks that the process makes for a more urgent claim.
func (b *Beater) collect() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := &batch{interval: b.interval}
	now := uptime()
	for _, w := range b.works {
		if due := w.due(now, b.interval); due && !w.finished && !w.lost {
			found.works = append(found.works, w)
		}
	}
	slices.SortFunc(found.works, func(a, b *Work) int { return a.key.compare(b.key) })
	for _, w := range found.works {
		if !w.sent {
			w.sent = true // before the statement is sent: its answer may get lost although the row exists
			found.fresh = append(found.fresh, w)
		}
	}
	return found
}

const longestDelay = 100 * time.Millisecond // that a new claim waits before a beat names it

// due leaves out claims that have just begun: each named claim makes a row, and most jobs are short. Until a beat names a
// claim, the beat of its process shows that it lives.
func (w *Work) due(now, pace time.Duration) bool {
	if !w.sent && !w.leaving {
		return now-w.lastBeat >= min(w.tier.Interval/20, longestDelay)
	}
	return !w.confirmed || w.leaving || now+pace/2 >= w.lastBeat+w.tier.Interval*9/10
}

func (b *Beater) send(ctx context.Context, batch *batch) (answer statuses, err error) {
	err = b.connection.use(ctx, beatTimeout(batch.interval), func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.checkedStatements(ctx, conn)
		if err != nil {
			return err
		}
		batch.sent = uptime()
		beat := b.beatTable
		if b.Metadata {
			beat = b.beatMetadata
		}
		if answer, err = beat(ctx, conn, sql, batch); isRetryable(err) {
			batch.sent = uptime()
			answer, err = beat(ctx, conn, sql, batch)
		}
		if err != nil {
			return err
		}
		b.counts.lastBeat.Store(int64(uptime() - batch.sent))
		return b.verifyRiverSchema(ctx, conn, sql, batch.works, answer)
	})
	return answer, err
}

func (b *Beater) beatTable(ctx context.Context, conn *pgx.Conn, sql *statements, batch *batch) (statuses, error) {
	answer := make(statuses, len(batch.works))
	var ordinal int
	var status string
	var stackRequested bool
	batch.requested = nil
	err := query(ctx, conn, sql.beat, b.beatArguments(batch), func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&ordinal, &status, &stackRequested}, func() error {
			err := answer.record(batch.works, ordinal, status)
			if err == nil && stackRequested {
				batch.requested = append(batch.requested, batch.works[ordinal-1])
			}
			return err
		})
		return err
	})
	if err == nil && len(answer) != len(batch.works) {
		err = errAnswerFitsNoClaim
	}
	return answer, err
}

// record takes one row of an answer: the ordinal of a claim among those that were given, from 1, and its status.
func (s statuses) record(given []*Work, ordinal int, status string) error {
	if ordinal < 1 || ordinal > len(given) {
		return errAnswerFitsNoClaim
	}
	s[given[ordinal-1].key] = status
	return nil
}

// applyAnswer applies the answer of a beat, or its failure. A statement that failed proves nothing about any claim.
func (b *Beater) applyAnswer(batch *batch, answer statuses, err error) {
	if err != nil {
		b.applyFailure(batch, err)
		return
	}
	b.counts.beats.Add(1)
	b.failureLog.recovered()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastBeat, b.failing = batch.sent, false
	for i, w := range batch.works {
		if !w.over {
			b.applyStatus(w, batch, i, answer[w.key])
		}
	}
}

func (b *Beater) applyStatus(w *Work, batch *batch, i int, status string) {
	switch status {
	case statusHeld, statusStop:
		w.lastBeat, w.confirmed = batch.sent, true
		w.progress.acknowledged = batch.counts[i]
		if status == statusStop && !w.stopRequested {
			w.stopRequested = true
			b.counts.stops.Add(1)
			b.log.Warn("riverbeat: Riverkeeper requests that a job stops; its work is cancelled", slog.Int64("job_id", w.key.jobID))
			w.cancel(ErrStopRequested)
		}
	case statusFinished:
		w.finished = true
	case statusLost:
		b.log.Warn("riverbeat: claim lost; its work is cancelled",
			slog.Int64("job_id", w.key.jobID), slog.Int("attempt", w.claim.Attempt))
		w.markLost()
	}
}

func (b *Beater) applyFailure(batch *batch, err error) {
	b.failureLog.beatFailed(err)
	reason := refusalReason(err)
	if reason == "" {
		b.counts.failures.Add(1)
	} else {
		b.counts.refusals.Add(1)
		b.recordRefusal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failing = true
	unsent := batch.sent == 0
	if reason != "" || unsent { // nothing was written
		for _, w := range batch.fresh {
			w.sent = false
		}
	}
	if reason != "" {
		b.sql = nil // the next tick checks the keeper schema again
		for _, w := range b.works {
			w.lastBeat = uptime() // a refused beat counts as a beat: it must not end a lease
		}
	}
}
