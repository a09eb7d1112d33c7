package tests

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
)

var leased = riverbeat.Tier{Interval: beat, Lease: 5 * beat}

// A lease cancels work whose beats all failed for the time of the lease, counted from the sending of the last beat that succeeded.
func TestLease(t *testing.T) {
	p := world.Proxy(t)
	b := newBench(t, through(p))
	work, ctx, _ := b.beating(leased)
	b.beats(6)
	if ctx.Err() != nil {
		t.Fatal("cancelled while heard")
	}
	before := time.Now()
	p.Cut()
	if cause := b.cancelled(ctx); !errors.Is(cause, riverbeat.ErrLeaseExpired) {
		t.Errorf("cause %v", cause)
	}
	if took := time.Since(before); took < 3*beat || took > 8*beat {
		t.Errorf("cancelled %v after the cut", took)
	}
	p.Mend()
	if !work.Finish(riverbeat.Failed) {
		t.Error("nobody took the claim away, but the result was kept in")
	}
}

// Without a lease the database may be away for as long as it likes.
func TestNoLeaseNoCancel(t *testing.T) {
	p := world.Proxy(t)
	b := newBench(t, through(p))
	work, ctx, claim := b.beating(quick)
	before := b.log.times("beat failed")
	p.Cut()
	time.Sleep(5 * beat)
	if ctx.Err() != nil {
		t.Error("cancelled")
	}
	if n := b.log.times("beat failed"); n > before+1 {
		t.Errorf("told %d times\n%s", n-before, b.log)
	}
	p.Mend()
	last := b.text(claim, "beat_at")
	b.eventually("it beats again", func() bool { return b.text(claim, "beat_at") != last })
	work.Finish(riverbeat.Completed)
}

// A connection whose packets are swallowed costs one beat, not all.
func TestFreshConnectionAfterABlackHole(t *testing.T) {
	p := world.Proxy(t)
	b := newBench(t, through(p))
	work, _, claim := b.beating(quick)
	defer work.Finish(riverbeat.Completed)
	p.SwallowPresent()
	before := b.text(claim, "beat_at")
	begun := time.Now()
	b.eventually("it beats again", func() bool { return b.text(claim, "beat_at") != before })
	if took := time.Since(begun); took > 8*beat {
		t.Errorf("took %v", took)
	}
}

// A beat that waits for a lock is given up on the server too: else each tick would leave one more there.
func TestNoStatementIsLeftBehind(t *testing.T) {
	b := newBench(t)
	work, ctx, _ := b.beating(quick)
	tx, err := b.pool.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(ctx, "LOCK TABLE riverkeeper.heartbeat IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	b.eventually("many beats fail", func() bool { return b.beater.Stats().Failures > 15 })
	if n := b.count("pg_stat_activity WHERE application_name = 'riverbeat' AND wait_event_type = 'Lock'"); n > 2 {
		t.Errorf("%d statements wait on the server", n)
	}
	if ctx.Err() != nil {
		t.Error("cancelled")
	}
	_ = tx.Rollback(context.Background())
	b.beats(2)
	work.Finish(riverbeat.Completed)
}

// A failure that waiting does not fix is logged once, counted, tried again, and cancels nothing, also with a lease.
func TestRefusalsCancelNothing(t *testing.T) {
	for name, spoil := range map[string]string{
		"TableMissing":  "ALTER TABLE riverkeeper.heartbeat RENAME TO elsewhere",
		"MetaMissing":   "ALTER TABLE riverkeeper.meta RENAME TO elsewhere",
		"SchemaMissing": "ALTER SCHEMA riverkeeper RENAME TO elsewhere",
		"ForeignRiver":  "UPDATE riverkeeper.meta SET river_schema = 'another'",
		"TooNew":        "UPDATE riverkeeper.meta SET min_compatible = 3",
		"TooOld":        "UPDATE riverkeeper.meta SET version = 1",
		"GrantMissing":  "REVOKE ALL ON riverkeeper.heartbeat FROM beats",
		"ReadOnly":      "ALTER ROLE beats SET default_transaction_read_only = on",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.stop()
			b.exec("DO $$ BEGIN CREATE ROLE beats LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
			b.exec("ALTER ROLE beats RESET ALL")
			b.exec("GRANT USAGE ON SCHEMA riverkeeper TO beats")
			b.exec("GRANT SELECT, INSERT, UPDATE ON riverkeeper.heartbeat, riverkeeper.client, riverkeeper.meta TO beats")
			b.exec("GRANT SELECT ON river_job TO beats")
			b.exec(spoil)
			spoiled := benchOn(t, b.url, func(c *riverbeat.Config) {
				c.Database = c.Database.Copy()
				c.Database.ConnConfig.User = "beats"
			})
			claim := spoiled.running()
			work, ctx := spoiled.beater.Begin(context.Background(), claim, leased)
			spoiled.eventually("it tries on", func() bool { return spoiled.beater.Stats().Refusals > 8 })
			if ctx.Err() != nil {
				t.Errorf("cancelled: %v", context.Cause(ctx))
			}
			if n := spoiled.log.times("beats are refused"); n != 1 {
				t.Errorf("told %d times\n%s", n, spoiled.log)
			}
			if !work.Finish(riverbeat.Completed) {
				t.Error("the result was kept in")
			}
		})
	}
}

// A keeper schema that comes later, or comes back, is used from then on.
func TestBeatsOnceTheTablesAreThere(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(leased)
	defer work.Finish(riverbeat.Completed)
	b.exec("ALTER SCHEMA riverkeeper RENAME TO elsewhere")
	b.eventually("it is refused", func() bool { return b.beater.Stats().Refusals > 8 })
	b.exec("ALTER SCHEMA elsewhere RENAME TO riverkeeper")
	before := b.text(claim, "beat_at")
	b.eventually("it beats again", func() bool { return b.text(claim, "beat_at") != before })
	if ctx.Err() != nil {
		t.Error("cancelled")
	}
}

// In another River's table every claim would look lost: it is not believed.
func TestWrongRiverSchemaCancelsNothing(t *testing.T) {
	b := newBench(t)
	claim := b.running()
	claim.Kind = "a kind of another River"
	work, ctx := b.beater.Begin(context.Background(), riverbeat.Claim{
		JobID: claim.JobID + 1000, Attempt: 1, AttemptedAt: claim.AttemptedAt, Kind: claim.Kind,
	}, leased)
	b.eventually("it is refused", func() bool { return b.beater.Stats().Refusals > 8 })
	if ctx.Err() != nil || !work.Finish(riverbeat.Completed) {
		t.Errorf("cancelled (%v) or kept in", context.Cause(ctx))
	}
}

// Schemas may have any name.
func TestQuotedSchemas(t *testing.T) {
	b := newBench(t)
	b.stop()
	const river, keeper = `We"ird`, `Keeper of "it"`
	b.exec(`ALTER SCHEMA public RENAME TO ` + pgx.Identifier{river}.Sanitize())
	if err := suite.InstallKeeper(context.Background(), b.url, keeper, river); err != nil {
		t.Fatal(err)
	}
	odd := benchOn(t, b.url+"&search_path="+`"We""ird"`, func(c *riverbeat.Config) {
		c.RiverSchema, c.KeeperSchema = river, keeper
	})
	claim := odd.running()
	work, _ := odd.beater.Begin(context.Background(), claim, quick)
	odd.eventually("it beats", func() bool { return odd.count(pgx.Identifier{keeper}.Sanitize()+".heartbeat") == 1 })
	if !work.Finish(riverbeat.Completed) {
		t.Error("kept in")
	}
}

// A panic in here is counted, and never the job's.
func TestPanickingBeat(t *testing.T) {
	b := newBench(t, func(c *riverbeat.Config) {
		c.Database = c.Database.Copy()
		c.Database.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { panic("no password today") }
	})
	work, ctx := b.beater.Begin(context.Background(), b.running(), quick)
	b.eventually("it panics", func() bool { return b.beater.Stats().Panics > 3 })
	if ctx.Err() != nil || !work.Finish(riverbeat.Completed) {
		t.Error("it hurt the job")
	}
	if n := b.log.times("bug in the heartbeat client"); n == 0 || n > 2 {
		t.Errorf("told %d times", n)
	}
}
