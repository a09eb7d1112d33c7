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

// Run is the contract test. exact says that the fence must keep a late result in although the next attempt is at work.
func Run(t *testing.T, world *World, fence rivermiddleware.Fence, exact bool) {
	t.Run("OrdinaryResultsGetOut", func(t *testing.T) { ordinary(t, world, fence) })
	t.Run("LateResultIsIgnoredBeforeTheNextAttempt", func(t *testing.T) { late(t, world, fence, exact, false) })
	if exact {
		t.Run("LateResultIsKeptFromTheNextAttempt", func(t *testing.T) { late(t, world, fence, exact, true) })
	} else {
		t.Run("LateResultIsHeldForABoundedTime", func(t *testing.T) { bounded(t, world, fence) })
	}
}

// Middleware as the tests want it: quick, quiet and with its own schemas' names.
func Middleware(pool *pgxpool.Pool, fence rivermiddleware.Fence, options ...rivermiddleware.Option) *rivermiddleware.Middleware {
	quiet := slog.New(slog.NewTextHandler(Quiet{}, nil))
	return rivermiddleware.New(pool, fence, append([]rivermiddleware.Option{
		rivermiddleware.Interval(100 * time.Millisecond), rivermiddleware.Logger(quiet), rivermiddleware.FenceFor(time.Second),
		rivermiddleware.TierFor(rivermiddleware.ByKind(map[string]riverbeat.Tier{"ends": {Interval: 100 * time.Millisecond}})),
	}, options...)...)
}

var outcomes = map[string]string{
	"success": "completed", "error": "available", "panic": "available", "snooze": "scheduled", "cancel": "cancelled",
}

// ordinary: what has beaten and is not lost ends as River would have it.
func ordinary(t *testing.T, world *World, fence rivermiddleware.Fence) {
	pool := pgtest.Pool(t, world.Fresh(t))
	middleware := Middleware(pool, fence)
	t.Cleanup(func() { _ = middleware.Stop(context.Background()) })
	worker := NewWorker(false)
	client := Client(t, pool, worker, 10, middleware)
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
}

func beating(tb testing.TB, pool *pgxpool.Pool) (count int) {
	tb.Helper()
	if err := pool.QueryRow(context.Background(), "SELECT count(*) FROM riverkeeper.heartbeat").Scan(&count); err != nil {
		tb.Fatal(err)
	}
	return count
}

// late: the claim is lost; the next attempt is at work (reclaimed) or is waited for. Nothing is written, and the worker's
// slots are free again. Without the exact fence River merges the metadata of a result that it ignores, as it always did.
func late(t *testing.T, world *World, fence rivermiddleware.Fence, exact, reclaimed bool) {
	pool := pgtest.Pool(t, world.Fresh(t))
	middleware := Middleware(pool, fence)
	t.Cleanup(func() { _ = middleware.Stop(context.Background()) })
	worker := NewWorker(false)
	client := Client(t, pool, worker, len(ends), middleware)
	before := map[string]Row{}
	ids := map[string]int64{}
	for _, how := range ends {
		ids[how] = Insert(t, client, how)
	}
	Eventually(t, "all beat", func() bool { return beating(t, pool) == len(ends) })
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
		if after := RowOf(t, pool, id); !same(before[how], after, exact) {
			t.Errorf("late %s: row was %+v, is %+v", how, before[how], after)
		}
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

// bounded: while the next attempt is at work a late result waits for the fence, and the slot comes back after it.
func bounded(t *testing.T, world *World, fence rivermiddleware.Fence) {
	pool := pgtest.Pool(t, world.Fresh(t))
	middleware := Middleware(pool, fence)
	t.Cleanup(func() { _ = middleware.Stop(context.Background()) })
	worker := NewWorker(true)
	client := Client(t, pool, worker, 1, middleware)
	id := Insert(t, client, "success")
	Eventually(t, "it beats", func() bool { return beating(t, pool) == 1 })
	if ok, err := Rescue(context.Background(), pool, id, 0); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := Claim(context.Background(), pool, id, "another"); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the worker is told", func() bool { return worker.Context(id).Err() != nil })
	begun := time.Now()
	Eventually(t, "the result is let out at last", func() bool { return RowOf(t, pool, id).State != "running" })
	if waited := time.Since(begun); waited < 800*time.Millisecond || waited > 5*time.Second {
		t.Errorf("held for %v, not for the fence of 1 s", waited)
	}
	worker.Release()
	other := Insert(t, client, "success")
	Eventually(t, "the slot is free", func() bool { return RowOf(t, pool, other).State == "completed" })
}
