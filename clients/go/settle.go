package riverbeat

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	shutdownGrace = 5 * time.Second        // for asking on after the work's context is over
	firstPause    = 100 * time.Millisecond // between two questions that failed
	longestPause  = time.Second
	settleLimit   = 5 * time.Second // for one question
)

// Finish says that the work has returned, and answers whether its result may be let out. False means that the claim is
// lost, or that nobody could be asked before the work's context was five seconds over: then the result must not reach
// the queue, because it would be written into the next attempt of the job.
//
// Jobs that end before their first beat are not asked about; for the others one statement is sent. While the database
// is away Finish waits, as long as the context of the work lives.
func (w *Work) Finish(outcome Outcome) (letOut bool) {
	b := w.b
	if b == nil {
		return true
	}
	defer b.leave(w)
	w.depart()
	b.guarded("finish", func() {
		letOut = true // also after a panic in here, unless the claim is known to be lost
		letOut, outcome = w.verdict(outcome)
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.sent {
		b.addEnd(ending{w.key, outcome})
	}
	return letOut && !w.lost
}

// leave lets go of the context last: until then its end bounds the settling.
func (b *Beater) leave(w *Work) {
	w.cancel(context.Canceled)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.active--
	if b.active == 0 && b.state == stateStopping {
		signal(b.wake)
	}
}

// verdict also names the outcome that the keeper is told.
func (w *Work) verdict(outcome Outcome) (letOut bool, told Outcome) {
	w.hear()
	known, ask := w.known()
	switch {
	case known == lost:
		w.drop()
		return false, outcome
	case !ask:
		return true, outcome
	}
	switch w.settle() {
	case lost:
		w.drop()
		return false, outcome
	case "":
		w.b.counts.abandoned.Add(1)
		w.b.log.Error("riverbeat: nobody could say whose claim this is; the result is kept in, the job will be rescued",
			slog.Int64("job_id", w.key.jobID), slog.Int("attempt", w.claim.Attempt))
		return false, abandoned
	}
	return true, outcome
}

func (w *Work) drop() {
	w.b.counts.dropped.Add(1)
	w.b.log.Warn("riverbeat: the result of a lost claim is kept in", slog.Int64("job_id", w.key.jobID),
		slog.Int("attempt", w.claim.Attempt))
}

// hear waits for a beat that is under way, where the process was not heard lately, as at its start: asking for each of a
// thousand short jobs would hold them up for longer than that one beat takes.
func (w *Work) hear() {
	b := w.b
	b.mu.Lock()
	underWay := b.underWay
	wait := underWay != nil && !w.lost && !w.sent && !b.Metadata && !b.heardLately()
	b.mu.Unlock()
	if !wait {
		return
	}
	select {
	case <-underWay:
	case <-w.ctx.Done():
	case <-b.halted.Done():
	}
}

// heardLately needs b.mu.
func (b *Beater) heardLately() bool { return b.heard > 0 && uptime()-b.heard <= b.interval }

// known says whether the claim is known lost, and if not, whether the keeper has to be asked.
func (w *Work) known() (standing string, ask bool) {
	b := w.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case w.lost:
		return lost, false
	case b.Metadata: // there is no table to settle in
		return "", false
	case w.sent:
		return "", true
	case b.heardLately():
		return "", false // our process was heard: nobody takes away a claim that never beat
	}
	return "", !b.unheardOf()
}

// unheardOf is true where no keeper can ever have heard of this process, because every beat was refused: then none can
// think it dead. It needs b.mu.
func (b *Beater) unheardOf() bool { return !b.spoken && b.refused }

// settle asks until it is answered; "" when it had to give up.
func (w *Work) settle() (standing string) {
	ctx, cancel := w.patience()
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		standing, err := w.settleOnce(ctx)
		if err == nil {
			return standing
		}
		w.b.trouble.settle(err)
		if w.unheardOf() { // not known at first: a beat was under way
			return settled
		}
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

func (w *Work) unheardOf() bool {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return !w.sent && w.b.unheardOf()
}

// patience ends five seconds after the work's context, or when Stop has lost its own.
func (w *Work) patience() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(w.b.halted)
	forget := context.AfterFunc(w.ctx, func() {
		timer := time.AfterFunc(shutdownGrace, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() {
		forget()
		cancel()
	}
}

func (w *Work) settleOnce(ctx context.Context) (standing string, err error) {
	b := w.b
	var sql *statements
	arguments := oneClaim(w)
	arguments["instance"] = b.instance
	arguments["beat_interval"] = interval(w.tier.Interval)
	arguments["lease"] = leaseText(w.tier.Lease)
	err = b.settles.use(ctx, settleLimit, func(ctx context.Context, conn *pgx.Conn) error {
		if sql, err = b.ask(ctx, conn); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, sql.settle, named(arguments)...).Scan(&standing); err != nil {
			return err
		}
		return b.believe(ctx, conn, sql, []*Work{w}, standings{w.key: standing})
	})
	reason := refused(err)
	if reason == "" { // settled, or perhaps settled: there may be a row
		b.mu.Lock()
		w.sent = true
		b.mu.Unlock()
	}
	if foreign(err) {
		w.b.trouble.beat(err)
		return settled, nil // the table of another River: none of our claims can be lost there
	}
	if err == nil {
		if standing == settled {
			b.counts.settled.Add(1)
		}
		return standing, nil
	}
	if reason != "" && !readOnly(err) {
		return w.lookMyself(ctx, err)
	}
	return "", err
}

// lookMyself stands in for settling where that is impossible for good (the table was dropped, the grant taken back after
// the claim had beaten): waiting would hold the worker's slot for ever. It leaves the moment between looking and
// River's write open.
func (w *Work) lookMyself(ctx context.Context, cause error) (standing string, err error) {
	w.b.trouble.once("unfenced", "riverbeat: results cannot be settled any more; the job's row is looked at instead",
		slog.Any("error", cause))
	sql := newStatements(w.b.RiverSchema, w.b.KeeperSchema)
	err = w.b.settles.use(ctx, settleLimit, func(ctx context.Context, conn *pgx.Conn) error {
		return holdClaim(ctx, conn, sql.hold, w.claim)
	})
	switch {
	case err == nil:
		return settled, nil
	case err == ErrClaimLost: //nolint:errorlint // exactly this one
		return lost, nil
	case refused(err) != "": // we may not even look: there is no fence to be had
		return settled, nil
	}
	return "", err
}

func readOnly(err error) bool {
	answer := answered(err)
	return answer != nil && answer.Code == "25006" // River cannot write either: waiting costs nothing
}
