package suite

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

var ends = []string{"success", "error", "panic", "snooze", "cancel"}

// Run is the contract test with one River version; fenced: it can attach a token.
func Run(t *testing.T, world *World, fence rivermiddleware.Fence, fenced bool) {
	t.Run("IdleClientBeatsFromItsStart", func(t *testing.T) { idle(t, world, fence) })
	t.Run("OrdinaryResultsAreWritten", func(t *testing.T) { ordinary(t, world, fence, true) })
	t.Run("OrdinaryResultsAreWrittenWithoutTheFence", func(t *testing.T) { ordinary(t, world, fence, false) })
	t.Run("LateResultBeforeTheNextAttempt", func(t *testing.T) { late(t, world, fence, fenced, false) })
	if fenced {
		t.Run("LateResultDuringTheNextAttempt", func(t *testing.T) { late(t, world, fence, fenced, true) })
	}
	if fenced {
		t.Run("FenceThatComesWhileTheJobRuns", func(t *testing.T) { installedLater(t, world, fence) })
	}
	t.Run("LateResultWithoutTheFence", func(t *testing.T) { unfenced(t, world, fence) })
	t.Run("HoldBeforeJobCompleteTx", func(t *testing.T) { effects(t, world, fence, fenced, true) })
	t.Run("JobCompleteTxWithoutHold", func(t *testing.T) { effects(t, world, fence, fenced, false) })
}

// Middleware as the tests want it: quick, quiet and with its own schemas' names.
func Middleware(tb testing.TB, pool *pgxpool.Pool, fence rivermiddleware.Fence, options ...rivermiddleware.Option) *rivermiddleware.Middleware {
	tb.Helper()
	middleware := rivermiddleware.New(pool, fence, append(Quick(), options...)...)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = middleware.Stop(ctx)
	})
	return middleware
}

// Quick is short intervals, and no log.
func Quick() []rivermiddleware.Option {
	return []rivermiddleware.Option{
		rivermiddleware.Interval(100 * time.Millisecond), rivermiddleware.FenceFor(time.Second),
		rivermiddleware.Logger(slog.New(slog.NewTextHandler(Quiet{}, nil))),
		rivermiddleware.TierFor(rivermiddleware.ByKind(map[string]riverbeat.Tier{
			"ends": {Interval: 100 * time.Millisecond}, "effect": {Interval: 100 * time.Millisecond},
		})),
	}
}

// idle: a worker process without a job has a client row under its client's id, and beats.
func idle(t *testing.T, world *World, fence rivermiddleware.Fence) {
	pool := pgtest.Pool(t, world.Fresh(t))
	middleware := Middleware(t, pool, fence)
	client := Client(t, pool, NewWorker(false), 1, middleware)
	middleware.Start(client.ID())
	Idle(t, pool, client.ID())
}

// Idle waits until an idle client of this id has beaten twice.
func Idle(tb testing.TB, pool *pgxpool.Pool, id string) {
	tb.Helper()
	Eventually(tb, "the idle client beats", func() bool {
		return Count(tb, pool, "riverkeeper.client WHERE client_id = '"+id+"' AND beat_at > started_at + interval '100 ms'") == 1
	})
}

var outcomes = map[string]string{
	"success": "completed", "error": "available", "panic": "available", "snooze": "scheduled", "cancel": "cancelled",
}

// ordinary: what has beaten and is not lost ends as River would have it, and no token stays in its row.
func ordinary(t *testing.T, world *World, fence rivermiddleware.Fence, installed bool) {
	pool, _ := fencedPool(t, world, installed)
	worker := NewWorker(false)
	client := Client(t, pool, worker, 10, Middleware(t, pool, fence))
	ids := map[string]int64{}
	for _, how := range ends {
		ids[how] = Insert(t, client, how)
	}
	Eventually(t, "all beat", func() bool { return beating(t, pool) == len(ends) })
	worker.Release()
	for how, want := range outcomes {
		Eventually(t, how+" ends as "+want, func() bool {
			state := RowOf(t, pool, ids[how]).State
			return state == want || (want == "available" && state != "running") // it may be at work again
		})
	}
	StopClient(t, client)
	if n := Count(t, pool, "river_job WHERE metadata ? 'riverkeeper:claim'"); n != 0 {
		t.Errorf("a token stayed in %d rows", n)
	}
}

func fencedPool(tb testing.TB, world *World, installed bool) (*pgxpool.Pool, string) {
	tb.Helper()
	url := world.Fresh(tb)
	if installed {
		InstallFence(tb, url, Keeper, "public")
	}
	return pgtest.Pool(tb, url), url
}

func beating(tb testing.TB, pool *pgxpool.Pool) int {
	tb.Helper()
	return Count(tb, pool, "riverkeeper.heartbeat")
}

// lateResults lets five jobs return after their claims were lost, in every way that a job can end: their rows before and
// after that.
func lateResults(t *testing.T, pool *pgxpool.Pool, fence rivermiddleware.Fence, reclaimed bool) (before, after map[string]Row) {
	t.Helper()
	middleware := Middleware(t, pool, fence)
	worker := NewWorker(false)
	client := Client(t, pool, worker, len(ends), middleware)
	ids := map[string]int64{}
	for _, how := range ends {
		ids[how] = Insert(t, client, how)
	}
	Eventually(t, "all beat", func() bool { return beating(t, pool) == len(ends) })
	before, after = map[string]Row{}, map[string]Row{}
	for how, id := range ids {
		rescueAndTell(t, pool, worker, id)
		if reclaimed {
			if err := Claim(context.Background(), pool, id, "another"); err != nil {
				t.Fatal(err)
			}
		}
		before[how] = RowOf(t, pool, id)
	}
	worker.Release()
	other := Insert(t, client, "success")
	Eventually(t, "the slots are free", func() bool { return RowOf(t, pool, other).State == "completed" })
	StopClient(t, client) // flushes what River has to write
	for how, id := range ids {
		after[how] = RowOf(t, pool, id)
	}
	Eventually(t, "the keeper is told how they ended", func() bool {
		return Count(t, pool, "riverkeeper.heartbeat WHERE lost_at IS NOT NULL AND ended_at IS NOT NULL") == len(ends)
	})
	return before, after
}

// late: the claim is lost; the next attempt is at work (reclaimed) or is waited for. Nothing is written, and the worker's
// slots are free again. Without a token River merges the metadata of a result that it ignores, as it always did.
func late(t *testing.T, world *World, fence rivermiddleware.Fence, fenced, reclaimed bool) {
	pool, _ := fencedPool(t, world, true)
	before, after := lateResults(t, pool, fence, reclaimed)
	for how := range before {
		if !same(before[how], after[how], fenced && reclaimed) {
			t.Errorf("late %s: row was %+v, is %+v", how, before[how], after[how])
		}
		if after[how].Token {
			t.Errorf("late %s: the token stayed in the row", how)
		}
	}
}

// unfenced: where the fence is not installed late results are written into the next attempt, every one. It is what the
// fence is there for, and what would be seen if it did nothing.
func unfenced(t *testing.T, world *World, fence rivermiddleware.Fence) {
	pool, _ := fencedPool(t, world, false)
	before, after := lateResults(t, pool, fence, true)
	for how := range before {
		if same(before[how], after[how], false) {
			t.Errorf("late %s: not written: %+v", how, after[how])
		}
	}
}

// installedLater: the fence also holds for jobs that began before it was installed.
func installedLater(t *testing.T, world *World, fence rivermiddleware.Fence) {
	ctx := context.Background()
	pool, url := fencedPool(t, world, false)
	middleware := Middleware(t, pool, fence)
	worker := NewWorker(false)
	client := Client(t, pool, worker, 1, middleware)
	id := Insert(t, client, "success")
	Eventually(t, "it beats", func() bool { return beating(t, pool) == 1 })
	InstallFence(t, url, Keeper, "public")
	if _, err := pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'riverbeat' AND datname = current_database()`); err != nil { // so that it sends meta.sql again
		t.Fatal(err)
	}
	Eventually(t, "it is noticed", func() bool { return Count(t, pool, "riverkeeper.client WHERE fences") == 1 })
	rescueAndTell(t, pool, worker, id)
	if err := Claim(ctx, pool, id, "another"); err != nil {
		t.Fatal(err)
	}
	before := RowOf(t, pool, id)
	worker.Release()
	StopClient(t, client)
	if after := RowOf(t, pool, id); !same(before, after, true) {
		t.Errorf("row was %+v, is %+v", before, after)
	}
}

func rescueAndTell(t *testing.T, pool *pgxpool.Pool, worker *Worker, id int64) {
	t.Helper()
	if ok, err := Rescue(context.Background(), pool, id, time.Hour); err != nil || !ok {
		t.Fatalf("rescue of %d: %v, %v", id, ok, err)
	}
	Eventually(t, "the worker is told", func() bool { return worker.Context(id).Err() != nil })
	if cause := context.Cause(worker.Context(id)); !errors.Is(cause, riverbeat.ErrClaimLost) {
		t.Errorf("cause %v", cause)
	}
}

func same(a, b Row, metadataToo bool) bool {
	return a.State == b.State && a.Attempt == b.Attempt && a.Errors == b.Errors &&
		(a.Snoozes == b.Snoozes || !metadataToo)
}
