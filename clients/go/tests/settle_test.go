package tests

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// A live claim that has beaten is settled before its result gets out, and its end is told.
func TestSettles(t *testing.T) {
	b := newBench(t)
	work, _, claim := b.beating(quick)
	if !work.Finish(riverbeat.Snoozed) {
		t.Error("kept in")
	}
	if b.text(claim, "settled_at IS NOT NULL") != "true" {
		t.Error("not settled")
	}
	b.eventually("the end is told", func() bool { return b.text(claim, "outcome") == "snoozed" })
}

// A claim that was taken away since the last beat is found out by settling.
func TestSettlingFindsTheLoss(t *testing.T) {
	b := newBench(t, func(c *riverbeat.Config) { c.Interval = 10 * time.Second })
	work, _, _ := b.beating(riverbeat.Standard)
	b.exec("UPDATE riverkeeper.heartbeat SET lost_at = now()")
	if work.Finish(riverbeat.Completed) {
		t.Error("let out")
	}
	if stats := b.beater.Stats(); stats.Dropped != 1 {
		t.Errorf("%+v", stats)
	}
}

// Before the process was ever heard, also a claim that never beat is settled.
func TestSettlesBeforeTheProcessIsHeard(t *testing.T) {
	b := newBench(t)
	b.stop()
	config := riverbeat.Config{Database: b.pool.Config(), ClientID: client}
	silent, err := riverbeat.New(config)
	if err != nil {
		t.Fatal(err)
	}
	claim := b.running()
	work, _ := silent.Begin(context.Background(), claim, riverbeat.Standard)
	if !work.Finish(riverbeat.Completed) {
		t.Error("kept in")
	}
	if b.text(claim, "settled_at IS NOT NULL") != "true" {
		t.Error("not settled")
	}
	_ = silent.Stop(context.Background())
}

func (b *bench) stop() {
	b.Helper()
	if err := b.beater.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// While the database is away a result waits; when it is back it is decided.
func TestResultWaitsForTheDatabase(t *testing.T) {
	p := newProxy(t)
	b := newBench(t, p.through)
	work, _, _ := b.beating(quick)
	p.cut()
	done := make(chan bool)
	go func() { done <- work.Finish(riverbeat.Completed) }()
	select {
	case <-done:
		t.Fatal("did not wait")
	case <-time.After(500 * time.Millisecond):
	}
	b.exec("UPDATE riverkeeper.heartbeat SET lost_at = now()")
	p.mend()
	if <-done {
		t.Error("a lost claim's result was let out")
	}
}

// Once the work's context is over, a result that nobody can decide is kept in after five seconds: no slot is held on.
func TestShutdownGivesUpSettling(t *testing.T) {
	p := newProxy(t)
	b := newBench(t, p.through)
	claim := b.running()
	parent, cancel := context.WithCancel(context.Background())
	work, _ := b.beater.Begin(parent, claim, quick)
	b.eventually("it beats", func() bool { return b.count("riverkeeper.heartbeat") == 1 })
	p.cut()
	cancel()
	begun := time.Now()
	if work.Finish(riverbeat.Completed) {
		t.Error("let out")
	}
	if waited := time.Since(begun); waited < 4*time.Second || waited > 7*time.Second {
		t.Errorf("gave up after %v", waited)
	}
	p.mend()
	b.eventually("the end is told", func() bool { return b.text(claim, "outcome") == "abandoned" })
}

// A second attempt of a job in one process ends the first, and waits until it has returned.
func TestReclaimWaitsForTheEarlierAttempt(t *testing.T) {
	b := newBench(t, func(c *riverbeat.Config) { c.Fence = time.Minute })
	first, firstCtx, claim := b.beating(quick)
	b.exec("UPDATE river_job SET attempt = 2, attempted_at = clock_timestamp()")
	second := claim
	second.Attempt = 2
	if err := b.pool.QueryRow(context.Background(), `SELECT to_char(attempted_at AT TIME ZONE 'UTC',
		'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM river_job`).Scan(&second.AttemptedAt); err != nil {
		t.Fatal(err)
	}
	begun := make(chan *riverbeat.Work)
	go func() {
		work, _ := b.beater.Begin(context.Background(), second, quick)
		begun <- work
	}()
	if cause := b.cancelled(firstCtx); !errors.Is(cause, riverbeat.ErrClaimLost) {
		t.Errorf("cause %v", cause)
	}
	select {
	case <-begun:
		t.Fatal("the second attempt did not wait")
	case <-time.After(3 * beat):
	}
	if first.Finish(riverbeat.Completed) {
		t.Error("the first attempt's result was let out")
	}
	if work := <-begun; !work.Finish(riverbeat.Completed) {
		t.Error("the second attempt's result was kept in")
	}
}

// A claim that is begun twice, as by a middleware that is installed twice, is one claim.
func TestBegunTwice(t *testing.T) {
	b := newBench(t)
	outer, ctx, claim := b.beating(quick)
	inner, innerCtx := b.beater.Begin(ctx, claim, quick)
	riverbeat.Progress(innerCtx, 0.5, "")
	if !inner.Finish(riverbeat.Completed) || !outer.Finish(riverbeat.Completed) {
		t.Error("kept in")
	}
}

// In the transaction that has the effect, Hold keeps the claim or says that it is lost.
func TestHold(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	defer work.Finish(riverbeat.Completed)
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := riverbeat.Hold(ctx, tx, claim); err != nil {
		t.Errorf("held: %v", err)
	}
	if n := b.count("(SELECT FROM river_job FOR NO KEY UPDATE SKIP LOCKED) AS x"); n != 0 {
		t.Error("the job can be taken away")
	}
	_ = tx.Rollback(ctx)
	b.exec("UPDATE river_job SET attempt = 2, attempted_at = clock_timestamp()")
	if err := work.Hold(context.Background(), b.pool); !errors.Is(err, riverbeat.ErrClaimLost) {
		t.Errorf("lost: %v", err)
	}
}
