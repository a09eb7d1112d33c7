package tests

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// A process that works no job beats too.
func TestIdleProcessBeats(t *testing.T) {
	b := newBench(t)
	b.beats(3)
	if n := b.count("riverkeeper.client WHERE client_id = $1 AND beat_interval = '200 ms' AND kinds IS NULL", client); n != 1 {
		t.Errorf("%d client rows", n)
	}
}

// A claim is named by every beat until the work has returned, through cancellation too.
func TestBeatsGoOnThroughCancellation(t *testing.T) {
	b := newBench(t)
	claim := b.running()
	parent, cancel := context.WithCancel(context.Background())
	work, ctx := b.beater.Begin(parent, claim, quick)
	cancel()
	<-ctx.Done()
	b.beats(2)
	before := b.text(claim, "beat_at")
	b.beats(2)
	if b.text(claim, "beat_at") == before {
		t.Error("the beats stopped with the context")
	}
	if !work.Finish(riverbeat.Failed) {
		t.Error("the result was kept in")
	}
}

// A job that ends before its first tick, in a process that beats, sends nothing at all.
func TestShortJobWritesNothing(t *testing.T) {
	b := newBench(t, func(c *riverbeat.Config) { c.Interval = 10 * time.Second })
	b.beats(1)
	claim := b.running()
	work, _ := b.beater.Begin(context.Background(), claim, riverbeat.Standard)
	if !work.Finish(riverbeat.Completed) {
		t.Error("kept in")
	}
	if err := b.beater.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := b.count("riverkeeper.heartbeat"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// Progress is reported by the job alone: a beat without it moves beat_at only, and the same number again counts.
func TestProgressIsToldByTheJobOnly(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	defer work.Finish(riverbeat.Completed)
	b.beats(2)
	if got := b.text(claim, "ROW(progress_at, progress, note)"); got != "(,,)" {
		t.Errorf("before telling: %s", got)
	}
	riverbeat.Progress(ctx, 0.25, "a quarter")
	b.beats(2)
	first := b.text(claim, "progress_at")
	if got := b.text(claim, "ROW(progress, note)"); got != `(0.25,"a quarter")` {
		t.Errorf("told: %s", got)
	}
	b.beats(3)
	if b.text(claim, "progress_at") != first {
		t.Error("a tick moved progress_at")
	}
	riverbeat.Progress(ctx, 0.25, "a quarter")
	b.eventually("the same number counts", func() bool { return b.text(claim, "progress_at") != first })
}

// No note and no number can fail the beat of the whole process.
func TestNoNoteFailsABeat(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	defer work.Finish(riverbeat.Completed)
	for _, note := range []string{"a\x00b", "\xff\xfe", strings.Repeat("ü", 5000), strings.Repeat("\xff", 5000), "'; DROP TABLE x"} {
		for _, value := range []float64{-1, 2, nan()} {
			riverbeat.Progress(ctx, value, note)
			b.beats(2)
		}
	}
	if b.log.times("SQLSTATE") > 0 {
		t.Errorf("the server refused it:\n%s", b.log)
	}
	if got := b.text(claim, "progress"); got != "0" {
		t.Errorf("progress %s", got)
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

// A claim that somebody else ended is cancelled with its own cause; how it ended is reported.
func TestLostClaim(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	b.exec("UPDATE riverkeeper.heartbeat SET lost_at = now()")
	if cause := b.cancelled(ctx); !errors.Is(cause, riverbeat.ErrClaimLost) {
		t.Errorf("cause %v", cause)
	}
	if work.Finish(riverbeat.Completed) {
		t.Error("the result was let out")
	}
	b.eventually("the end is told", func() bool { return b.text(claim, "outcome") == "completed" })
}

// Also River's own rescuer, who marks nothing, is seen.
func TestClaimRescuedByRiver(t *testing.T) {
	b := newBench(t)
	work, ctx, _ := b.beating(quick)
	b.exec("UPDATE river_job SET state = 'retryable'")
	if cause := b.cancelled(ctx); !errors.Is(cause, riverbeat.ErrClaimLost) {
		t.Errorf("cause %v", cause)
	}
	if work.Finish(riverbeat.Failed) {
		t.Error("the result was let out")
	}
}

// A hung job is requested to stop once; what it returns is an ordinary result.
func TestStopRequested(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	b.exec("UPDATE riverkeeper.heartbeat SET stop_requested_at = now()")
	if cause := b.cancelled(ctx); !errors.Is(cause, riverbeat.ErrStopRequested) {
		t.Errorf("cause %v", cause)
	}
	b.beats(3)
	if stats := b.beater.Stats(); stats.StopsRequested != 1 {
		t.Errorf("asked %d times", stats.StopsRequested)
	}
	if !work.Finish(riverbeat.Failed) {
		t.Error("the result was kept in")
	}
	b.eventually("the end is told", func() bool { return b.text(claim, "outcome") == "failed" })
}

// A job completed in its own transaction is beaten for no more, and not cancelled.
func TestFinishedInItsOwnTransaction(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	b.exec("UPDATE river_job SET state = 'completed', finalized_at = now()")
	b.beats(2)
	before := b.text(claim, "beat_at")
	b.beats(3)
	if b.text(claim, "beat_at") != before || ctx.Err() != nil {
		t.Errorf("beaten on, or cancelled: %v", ctx.Err())
	}
	if !work.Finish(riverbeat.Completed) {
		t.Error("the result was kept in")
	}
}

// An urgent claim hurries the process; the claims that are not are not named at every tick.
func TestEachClaimAtItsOwnPace(t *testing.T) {
	b := newBench(t, func(c *riverbeat.Config) { c.Interval = 10 * time.Second })
	slow, _, slowClaim := b.beating(riverbeat.Tier{Interval: 200 * time.Millisecond})
	defer slow.Finish(riverbeat.Completed)
	before := b.text(slowClaim, "beat_at")
	slow2, _, still := b.beating(riverbeat.Standard)
	defer slow2.Finish(riverbeat.Completed)
	once := b.text(still, "beat_at")
	b.beats(4)
	if b.text(slowClaim, "beat_at") == before {
		t.Error("the urgent claim does not beat")
	}
	if b.text(still, "beat_at") != once {
		t.Error("the standard claim beats at the urgent one's pace")
	}
	if n := b.count("riverkeeper.client WHERE beat_interval = '200 ms'"); n != 1 {
		t.Error("the process does not declare its pace")
	}
}

// A beat with claims is one round trip, the settings that are pinned for it included.
func TestABeatIsOneRoundTrip(t *testing.T) {
	wire := &journal{}
	b := newBench(t, func(c *riverbeat.Config) {
		c.Database.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
			conn.PgConn().Frontend().Trace(wire, pgproto3.TracerOptions{SuppressTimestamps: true})
			return nil
		}
	})
	work, _, _ := b.beating(quick)
	defer work.Finish(riverbeat.Completed)
	before, answers := b.beater.Stats().Beats, wire.times("B\tReadyForQuery\t")
	b.beats(5)
	beats := int(b.beater.Stats().Beats - before)
	if trips := wire.times("B\tReadyForQuery\t") - answers; trips < beats || trips > beats+1 { // one more may be under way
		t.Errorf("%d round trips in %d beats", trips, beats)
	}
}
