package riverbeat

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// named claims of one statement, with what was sent for each.
type batch struct {
	works    []*Work
	counts   []uint64 // of progress, to know what was acknowledged
	interval time.Duration
	sent     time.Duration // uptime just before sending
	fresh    []*Work       // named for the first time
}

// standings are what the statement answered.
type standings map[claimKey]string

const (
	held     = "held"
	stopIt   = "stop"
	finished = "finished"
	lost     = "lost"
)

// tick sends one beat for all, and then the ends of those that have returned.
func (b *Beater) tick(ctx context.Context) {
	b.guarded("tick", func() {
		batch := b.collect()
		defer b.first.Do(func() { close(b.answered) }) // also after a panic
		answer, err := b.send(ctx, batch)
		b.absorb(batch, answer, err)
		if err == nil {
			b.flushEnds(ctx)
		}
	})
}

// collect takes the claims that are due, in the order of the contract: never later than each one's interval, and not at
// every tick of a process that hurries for a more urgent claim.
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
			w.sent = true // before it is: the answer may get lost, and the row be there
			found.fresh = append(found.fresh, w)
		}
	}
	return found
}

const youth = 100 * time.Millisecond // at most, of a claim that waits for the next tick

// due leaves out claims that have just begun: whatever is named makes a row, and most jobs are short. Until they are
// named their process speaks for them.
func (w *Work) due(now, pace time.Duration) bool {
	if !w.sent {
		return now-w.heard >= min(w.tier.Interval/20, youth)
	}
	return !w.beaten || now+pace/2 >= w.heard+w.tier.Interval*9/10
}

func (b *Beater) send(ctx context.Context, batch *batch) (answer standings, err error) {
	err = b.beats.use(ctx, limit(batch.interval), func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.ask(ctx, conn)
		if err != nil {
			return err
		}
		batch.sent = uptime()
		beat := b.beatTable
		if b.Metadata {
			beat = b.beatRows
		}
		if answer, err = beat(ctx, conn, sql, batch); collided(err) {
			batch.sent = uptime()
			answer, err = beat(ctx, conn, sql, batch)
		}
		if err != nil {
			return err
		}
		b.counts.lastBeat.Store(int64(uptime() - batch.sent))
		return b.believe(ctx, conn, sql, batch.works, answer)
	})
	return answer, err
}

func (b *Beater) beatTable(ctx context.Context, conn *pgx.Conn, sql *statements, batch *batch) (standings, error) {
	answer := make(standings, len(batch.works))
	var key claimKey
	var standing string
	err := query(ctx, conn, sql.beat, b.beatArguments(batch), func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&key.jobID, &key.attemptedAt, &standing}, func() error {
			answer[key] = standing
			return nil
		})
		return err
	})
	return answer, err
}

// absorb takes in an answer, or its want. A statement that failed says nothing about any claim.
func (b *Beater) absorb(batch *batch, answer standings, err error) {
	if err != nil {
		b.absorbFailure(batch, err)
		return
	}
	b.counts.beats.Add(1)
	b.trouble.over()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = batch.sent
	for i, w := range batch.works {
		if !w.over {
			b.stand(w, batch, i, answer[w.key])
		}
	}
}

func (b *Beater) stand(w *Work, batch *batch, i int, standing string) {
	switch standing {
	case held, stopIt:
		w.heard, w.beaten = batch.sent, true
		w.told.acknowledged = batch.counts[i]
		if standing == stopIt && !w.stopAsked {
			w.stopAsked = true
			b.counts.stops.Add(1)
			b.log.Warn("riverbeat: the keeper asks a job to stop", slog.Int64("job_id", w.key.jobID))
			w.cancel(ErrStopRequested)
		}
	case finished:
		w.finished = true
	case lost:
		b.log.Warn("riverbeat: a claim is lost; its work is cancelled",
			slog.Int64("job_id", w.key.jobID), slog.Int("attempt", w.claim.Attempt))
		w.lose()
	}
}

func (b *Beater) absorbFailure(batch *batch, err error) {
	b.trouble.beat(err)
	reason := refused(err)
	if reason == "" {
		b.counts.failures.Add(1)
	} else {
		b.counts.refusals.Add(1)
		b.loseFence(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	unsent := batch.sent == 0
	if reason != "" || unsent { // nothing was written
		for _, w := range batch.fresh {
			w.sent = false
		}
	}
	if reason != "" {
		b.sql = nil // ask meta again
		for _, w := range b.works {
			w.heard = uptime() // refused is not unheard: it must not cancel anything, with a lease neither
		}
	}
}
