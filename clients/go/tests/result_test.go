package tests

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
)

// fencing is a Beater whose results carry tokens.
func fencing(c *riverbeat.Config) { c.Fences = true }

func fencedBench(t *testing.T, change ...func(*riverbeat.Config)) *bench {
	t.Helper()
	url := world.Fresh(t)
	suite.InstallFence(t, url, suite.Keeper, "public")
	return benchOn(t, url, append(change, fencing)...)
}

// The token is the claim, to the microsecond; the client row reports that results carry it, and the log has it once.
func TestTokenIsTheClaim(t *testing.T) {
	b := fencedBench(t)
	work, _, claim := b.beating(quick)
	if got := work.Token(); got != claim.AttemptedAt {
		t.Errorf("token %q of claim %q", got, claim.AttemptedAt)
	}
	if n := b.count("riverkeeper.client WHERE fences"); n != 1 || !b.beater.Stats().Fenced {
		t.Error("the client row does not say that it fences")
	}
	if !work.Finish(riverbeat.Snoozed) || work.Token() != claim.AttemptedAt {
		t.Error("no token after the work has returned")
	}
	b.eventually("the end is told", func() bool { return b.text(claim, "outcome") == "snoozed" })
	if b.log.times("fence=yes") != 1 || b.log.times("fence=no") != 0 {
		t.Errorf("the log:\n%s", b.log)
	}
}

// Without the fence in the database a client is plain: no token, and its row reports that, and its log once. So is a
// client that cannot attach one.
func TestPlainClients(t *testing.T) {
	able, unable := newBench(t, fencing), fencedBench(t, func(c *riverbeat.Config) {})
	unable.stop()
	unable = benchOn(t, unable.url)
	for name, b := range map[string]*bench{"not installed": able, "no token": unable} {
		work, _, _ := b.beating(quick)
		b.beats(2)
		if work.Token() != "" || b.beater.Stats().Fenced || b.count("riverkeeper.client WHERE fences AND beat_at > now() - interval '1 s'") != 0 && name == "not installed" {
			t.Errorf("%s: token %q", name, work.Token())
		}
		if b.log.times("fence=no") != 1 || b.log.times("fence=yes") != 0 {
			t.Errorf("%s: the log:\n%s", name, b.log)
		}
		work.Finish(riverbeat.Completed)
	}
}

// A first job waits for the first answer of the database, so that it is known whether its result needs a token.
func TestFirstJobWaitsForTheFirstAnswer(t *testing.T) {
	for _, installed := range []bool{true, false} {
		b := newBench(t)
		b.stop()
		if installed {
			suite.InstallFence(t, b.url, suite.Keeper, "public")
		}
		claim := b.running()
		beater, err := riverbeat.New(riverbeat.Config{Database: b.pool.Config(), ClientID: client, Fences: true})
		if err != nil {
			t.Fatal(err)
		}
		beater.Start(context.Background())
		work, _ := beater.Begin(context.Background(), claim, riverbeat.Standard)
		if got := work.Token() != ""; got != installed {
			t.Errorf("installed %v, token %q", installed, work.Token())
		}
		work.Finish(riverbeat.Completed)
		if err := beater.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// While the database has never answered, jobs begin after a second at most, later ones at once, and results carry a token: one
// too many is harmless, a missing one is not.
func TestJobsBeginWithoutTheDatabase(t *testing.T) {
	p := world.Proxy(t)
	p.Swallow()
	b := newBench(t, through(p), fencing)
	first := b.running()
	begun := time.Now()
	work, _ := b.beater.Begin(context.Background(), first, riverbeat.Standard)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the first job waited %v", took)
	}
	if work.Token() != first.AttemptedAt {
		t.Errorf("token %q", work.Token())
	}
	b.eventually("a beat fails", func() bool { return b.beater.Stats().Failures > 0 })
	begun = time.Now()
	for range 100 {
		next, _ := b.beater.Begin(context.Background(), b.running(), riverbeat.Standard)
		next.Finish(riverbeat.Completed)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("later jobs waited: %v", took)
	}
	work.Finish(riverbeat.Completed)
}

// A fence that comes or goes is noticed on the next connection: results of work that has begun before carry a token too.
func TestFenceComesAndGoes(t *testing.T) {
	p := world.Proxy(t)
	b := newBench(t, through(p), fencing)
	work, _, claim := b.beating(quick)
	if work.Token() != "" {
		t.Fatal("a token without a fence")
	}
	suite.InstallFence(t, b.url, suite.Keeper, "public")
	reconnect := func() { p.Cut(); p.Mend() }
	reconnect()
	b.eventually("it is noticed", func() bool { return b.beater.Stats().Fenced })
	if work.Token() != claim.AttemptedAt {
		t.Errorf("token %q", work.Token())
	}
	b.eventually("the client row says so", func() bool { return b.count("riverkeeper.client WHERE fences") == 1 })
	b.exec("ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence")
	reconnect()
	b.eventually("it is noticed", func() bool { return !b.beater.Stats().Fenced })
	if work.Token() != "" || b.log.times("the fence is not in force any more") != 1 {
		t.Errorf("token %q, log:\n%s", work.Token(), b.log)
	}
	work.Finish(riverbeat.Completed)
}

// Every job's result carries a token, also one that does not beat: one of another kind, or begun after the beats have ended.
func TestEveryJobHasAToken(t *testing.T) {
	b := fencedBench(t, func(c *riverbeat.Config) { c.Kinds = []string{"report"} })
	b.beats(1)
	claim := b.running()
	claim.Kind = "mail"
	other, _ := b.beater.Begin(context.Background(), claim, quick)
	b.stop()
	late, _ := b.beater.Begin(context.Background(), claim, quick)
	if other.Token() != claim.AttemptedAt || late.Token() != claim.AttemptedAt {
		t.Errorf("tokens %q and %q", other.Token(), late.Token())
	}
}

func (b *bench) stop() {
	b.Helper()
	if err := b.beater.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// A result never waits for the database.
func TestFinishNeverWaits(t *testing.T) {
	p := world.Proxy(t)
	b := newBench(t, through(p))
	work, _, claim := b.beating(quick)
	p.Cut()
	begun := time.Now()
	if !work.Finish(riverbeat.Completed) || time.Since(begun) > time.Second {
		t.Errorf("finished after %v", time.Since(begun))
	}
	p.Mend()
	b.eventually("the end is told", func() bool { return b.text(claim, "outcome") == "completed" })
}

// Work that failed after its lease had expired was given up, and is reported as such; work that succeeded has succeeded.
func TestExpiredWorkIsGivenUp(t *testing.T) {
	for outcome, want := range map[riverbeat.Outcome]string{riverbeat.Failed: "abandoned", riverbeat.Completed: "completed"} {
		p := world.Proxy(t)
		b := newBench(t, through(p))
		work, ctx, claim := b.beating(leased)
		p.Cut()
		if cause := b.cancelled(ctx); !errors.Is(cause, riverbeat.ErrLeaseExpired) {
			t.Errorf("cause %v", cause)
		}
		work.Finish(outcome)
		p.Mend()
		b.eventually("the end is told", func() bool { return b.text(claim, "ended_at IS NOT NULL") == "true" })
		if got := b.text(claim, "outcome"); got != want {
			t.Errorf("%s was told as %s", outcome, got)
		}
	}
}

// A second attempt of a job in one process ends the first, and waits until it has returned.
func TestReclaimWaitsForTheEarlierAttempt(t *testing.T) {
	b := fencedBench(t, func(c *riverbeat.Config) { c.Fence = time.Minute })
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
	if first.Finish(riverbeat.Completed) || first.Token() != claim.AttemptedAt {
		t.Errorf("the first attempt is not lost, or has another's token %q", first.Token())
	}
	if work := <-begun; !work.Finish(riverbeat.Completed) || work.Token() != second.AttemptedAt {
		t.Errorf("the second attempt is lost, or has another's token %q", work.Token())
	}
}

// An overtaken attempt that returns just after the later one hands in its result once that of the later one is written: River
// keeps one result a job, and would keep the last.
func TestOvertakenAttemptWaitsForTheLaterResult(t *testing.T) {
	b := fencedBench(t, func(c *riverbeat.Config) { c.Fence = time.Millisecond })
	first, _, claim := b.beating(quick)
	b.exec("UPDATE river_job SET attempt = 2, attempted_at = attempted_at + interval '1 s'")
	second := claim
	second.Attempt = 2
	at, _ := time.Parse(time.RFC3339Nano, claim.AttemptedAt)
	second.AttemptedAt = riverbeat.AttemptedAtText(at.Add(time.Second))
	later, _ := b.beater.Begin(context.Background(), second, quick)
	begun := time.Now()
	first.AwaitSuccessor()
	later.AwaitSuccessor()
	if waited := time.Since(begun); waited > time.Second {
		t.Errorf("waited %v although the later attempt is at work", waited)
	}
	later.Finish(riverbeat.Completed)
	first.Finish(riverbeat.Completed)
	begun = time.Now()
	first.AwaitSuccessor()
	if waited := time.Since(begun); waited < 1500*time.Millisecond || waited > 20*time.Second {
		t.Errorf("waited %v", waited)
	}
}

// A claim that is begun twice, as by a middleware that is installed twice, is one claim.
func TestBegunTwice(t *testing.T) {
	b := fencedBench(t)
	outer, ctx, claim := b.beating(quick)
	inner, innerCtx := b.beater.Begin(ctx, claim, quick)
	riverbeat.Progress(innerCtx, 0.5, "")
	if !inner.Finish(riverbeat.Completed) || !outer.Finish(riverbeat.Completed) || inner.Token() != outer.Token() {
		t.Error("two claims")
	}
}

// In the transaction that has the effect, Hold keeps the claim or reports that it is lost.
func TestHold(t *testing.T) {
	b := newBench(t)
	work, ctx, claim := b.beating(quick)
	defer work.Finish(riverbeat.Completed)
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := riverbeat.VerifyClaim(ctx, tx, claim); err != nil {
		t.Errorf("held: %v", err)
	}
	if n := b.count("(SELECT FROM river_job FOR NO KEY UPDATE SKIP LOCKED) AS x"); n != 0 {
		t.Error("the job can be taken away")
	}
	_ = tx.Rollback(ctx)
	b.exec("UPDATE river_job SET attempt = 2, attempted_at = clock_timestamp()")
	if err := work.VerifyClaim(context.Background(), b.pool); !errors.Is(err, riverbeat.ErrClaimLost) {
		t.Errorf("lost: %v", err)
	}
}

// Nothing is written before meta has answered: a keeper schema of another River gets no row, whatever is at work or ends.
func TestNothingIsWrittenBeforeTheAnswer(t *testing.T) {
	b := newBench(t)
	b.stop()
	b.exec("UPDATE riverkeeper.meta SET river_schema = 'another'")
	b.exec("TRUNCATE riverkeeper.client, riverkeeper.heartbeat")
	other := benchOn(t, b.url, fencing)
	work, _ := other.beater.Begin(context.Background(), other.running(), quick)
	other.eventually("it is refused", func() bool { return other.beater.Stats().Refusals > 3 })
	work.Finish(riverbeat.Completed)
	other.stop()
	if n := other.count("riverkeeper.client") + other.count("riverkeeper.heartbeat"); n != 0 {
		t.Errorf("%d rows\n%s", n, strings.TrimSpace(other.log.String()))
	}
}
