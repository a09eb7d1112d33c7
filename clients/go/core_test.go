package riverbeat

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The contract's statements live in clients/sql; the copies here are for go:embed, and nothing else.
func TestStatementsAreThoseOfTheContract(t *testing.T) {
	if _, err := os.Stat("../sql"); err != nil {
		t.Skip("not in the repository")
	}
	copies, _ := filepath.Glob("sql/*.sql")
	if len(copies) == 0 {
		t.Fatal("no statements")
	}
	for _, copied := range copies {
		want, missing := os.ReadFile(filepath.Join("../sql", filepath.Base(copied)))
		got, err := os.ReadFile(copied)
		if err = errors.Join(missing, err); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs (%v): run make generate", copied, err)
		}
	}
}

// Nothing of the contract's notation is left for Postgres to stumble over.
func TestStatementsAreForPgx(t *testing.T) {
	all := newStatements(`a"b`, "K k")
	for name, sql := range map[string]string{
		"meta": all.meta, "beat": all.beat, "beat_metadata": all.beatMetadata, "end": all.end, "stack": all.stack,
		"claim_status": all.claimStatus, "verify_claim": all.verifyClaim, "known": all.known,
		"checkpoint": all.checkpoint, "checkpoint_tx": all.checkpointTx, "resume": all.resume,
	} {
		if regexp.MustCompile(`%\(|\bkeeper\.|\briver\.|--`).MatchString(sql) {
			t.Errorf("%s: %s", name, sql)
		}
		if strings.Contains(strings.ReplaceAll(sql, "'river_job'", ""), "river_job") && !strings.Contains(sql, `"a""b".river_job`) {
			t.Errorf("%s: River's schema is not quoted", name)
		}
	}
	if strings.Contains(newStatements("", "k").verifyClaim, `""`) {
		t.Error("no schema is not an empty schema")
	}
}

// A claim is a claim however its time is written, to the microsecond.
func TestClaimKeys(t *testing.T) {
	key := func(at string) claimKey {
		k, err := Claim{JobID: 1, AttemptedAt: at}.key()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if key("2026-11-23T08:14:24.887644Z") != key("2026-11-23T09:14:24.887644+01:00") {
		t.Error("one instant, two claims")
	}
	if key("2026-11-23T08:14:24.887644Z") == key("2026-11-23T08:14:24.887645Z") {
		t.Error("two instants, one claim")
	}
	if _, err := (Claim{AttemptedAt: "now"}).key(); err == nil {
		t.Error("no time was taken for a time")
	}
}

// With any values of a user, the contract's arithmetic holds: lease >= 2 intervals and the time of a beat.
func TestTiersAreMended(t *testing.T) {
	for _, c := range []struct {
		given, want Tier
		changed     bool
	}{
		{Tier{}, Tier{Interval: 10 * time.Second}, false},
		{Tier{Interval: 2 * time.Second, Lease: 5 * time.Second}, Tier{2 * time.Second, 5 * time.Second}, false},
		{Tier{Interval: 2 * time.Second, Lease: 4 * time.Second}, Tier{2 * time.Second, 5 * time.Second}, true},
		{Tier{Interval: time.Millisecond}, Tier{Interval: shortestInterval}, true},
		{Tier{Lease: time.Second}, Tier{10 * time.Second, 25 * time.Second}, true},
		{Tier{Interval: time.Second, Lease: -1}, Tier{Interval: time.Second}, true},
	} {
		if got, changed := c.given.corrected(10 * time.Second); got != c.want || changed != c.changed {
			t.Errorf("%+v became %+v, %v", c.given, got, changed)
		}
	}
}

func testBeater(t *testing.T, change func(*Config)) *Beater {
	t.Helper()
	database, err := pgxpool.ParseConfig("postgres://nobody@192.0.2.1/none?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Database: database, ClientID: "test", Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&config)
	}
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return b
}

// Beats come every interval less at most a tenth, spread over it.
func TestJitter(t *testing.T) {
	b := testBeater(t, nil)
	least, most := time.Hour, time.Duration(0)
	for range 1000 {
		least, most = min(least, b.pause()), max(most, b.pause())
	}
	if least < 9*time.Second || most > 10*time.Second || most-least < 900*time.Millisecond {
		t.Errorf("from %v to %v", least, most)
	}
}

// A lease is counted from the sending of the last beat that named the claim, and from its start before that.
func TestLeaseArithmetic(t *testing.T) {
	b := testBeater(t, nil)
	w, ctx := b.Begin(context.Background(), Claim{JobID: 1, AttemptedAt: "2026-11-23T08:14:24.887644Z"}, Tier{10 * time.Second, 25 * time.Second})
	start := w.lastBeat
	if wait, leased := b.expireLeases(start + 10*time.Second); !leased || wait != longestWait || ctx.Err() != nil {
		t.Errorf("after 10 s: %v %v %v", wait, leased, ctx.Err())
	}
	if wait, _ := b.expireLeases(start + 24500*time.Millisecond); wait != 500*time.Millisecond {
		t.Errorf("half a second before: %v", wait)
	}
	w.lastBeat = start + 10*time.Second
	if b.expireLeases(start + 34*time.Second); ctx.Err() != nil {
		t.Error("expired though it was heard")
	}
	if b.expireLeases(start + 35*time.Second); !errors.Is(context.Cause(ctx), ErrLeaseExpired) {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	b.halt()
	w.Finish(Failed)
}

// Riverkeeper counts from when a beat was written: a lease from its answer would outlast Riverkeeper's patience.
func TestSlowAnswerCountsFromItsSending(t *testing.T) {
	b := testBeater(t, nil)
	w, _ := b.Begin(context.Background(), Claim{JobID: 1, AttemptedAt: "2026-11-23T08:14:24.887644Z"}, Standard)
	w.lastBeat -= longestDelay
	batch := b.collect()
	b.beatArguments(batch)
	batch.sent = uptime() - 4*time.Second
	b.applyAnswer(batch, statuses{w.key: statusHeld}, nil)
	if w.lastBeat != batch.sent || b.lastBeat != batch.sent {
		t.Errorf("heard %v and %v, sent %v", w.lastBeat, b.lastBeat, batch.sent)
	}
	b.halt()
	w.Finish(Failed)
}

// A statement that failed proves nothing about a claim, and nothing was written if nothing was sent.
func TestFailedBeatSaysNothing(t *testing.T) {
	b := testBeater(t, nil)
	w, ctx := b.Begin(context.Background(), Claim{JobID: 1, AttemptedAt: "2026-11-23T08:14:24.887644Z"}, Standard)
	if batch := b.collect(); len(batch.works) != 0 {
		t.Error("a claim that has just begun was named")
	}
	w.lastBeat -= longestDelay
	batch := b.collect()
	b.applyAnswer(batch, nil, errors.New("no route to host"))
	if ctx.Err() != nil || w.sent {
		t.Errorf("cancelled %v, sent %v", ctx.Err(), w.sent)
	}
	batch = b.collect()
	batch.sent = uptime()
	b.applyAnswer(batch, nil, errors.New("answer lost"))
	if ctx.Err() != nil || !w.sent {
		t.Errorf("an answer that was lost: cancelled %v, sent %v", ctx.Err(), w.sent)
	}
	b.halt()
	w.Finish(Failed)
}

// Claims of kinds that the process does not beat for are left alone.
func TestKinds(t *testing.T) {
	b := testBeater(t, func(c *Config) { c.Kinds = []string{"report"} })
	claim := Claim{JobID: 1, AttemptedAt: "2026-11-23T08:14:24.887644Z", Kind: "mail"}
	if work, _ := b.Begin(context.Background(), claim, Standard); work.b != nil || !work.Finish(Completed) {
		t.Error("a kind that is not ours")
	}
}

// Wrong configurations are refused at once.
func TestConfigIsChecked(t *testing.T) {
	database, _ := pgxpool.ParseConfig("")
	for _, config := range []Config{{}, {Database: database}, {ClientID: "a"}, {Database: database, ClientID: "a", Interval: -1}} {
		if _, err := New(config); err == nil {
			t.Errorf("%+v", config)
		}
	}
	if got := defaultKeeperSchema("jobs"); got != "jobs_riverkeeper" {
		t.Error(got)
	}
}
