package tests

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
)

const (
	client = "worker-1"
	beat   = 200 * time.Millisecond // half of it is what a beat may take: less, and a busy machine fails tests
)

var quick = riverbeat.Tier{Interval: beat}

// bench is a database with a Beater on it.
type bench struct {
	*testing.T
	url    string
	pool   *pgxpool.Pool
	beater *riverbeat.Beater
	log    *journal
}

// newBench starts a Beater, as changed by the options, that stops with the test.
func newBench(t *testing.T, change ...func(*riverbeat.Config)) *bench {
	t.Helper()
	return benchOn(t, world.Fresh(t), change...)
}

func benchOn(t *testing.T, url string, change ...func(*riverbeat.Config)) *bench {
	t.Helper()
	b := &bench{T: t, url: url, log: &journal{}}
	b.pool = pgtest.Pool(t, b.url)
	config := riverbeat.Config{
		Database: b.pool.Config(), ClientID: client, Interval: beat, Fence: time.Second,
		Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	for _, do := range change {
		do(&config)
	}
	beater, err := riverbeat.New(config)
	if err != nil {
		t.Fatal(err)
	}
	b.beater = beater
	beater.Start(context.Background())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_ = beater.Stop(ctx)
	})
	return b
}

// running inserts a job that runs under a claim of ours.
func (b *bench) running() riverbeat.Claim {
	b.Helper()
	claim := riverbeat.Claim{Attempt: 1}
	err := b.pool.QueryRow(context.Background(), `
		INSERT INTO river_job (kind, args, max_attempts, state, attempt, attempted_at, attempted_by)
		VALUES ('ends', '{}', 25, 'running', 1, clock_timestamp(), ARRAY[$1])
		RETURNING id, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, client).
		Scan(&claim.JobID, &claim.AttemptedAt)
	if err != nil {
		b.Fatal(err)
	}
	return claim
}

// beating is a claim at work whose first beat has come through.
func (b *bench) beating(tier riverbeat.Tier) (*riverbeat.Work, context.Context, riverbeat.Claim) {
	b.Helper()
	claim := b.running()
	work, ctx := b.beater.Begin(context.Background(), claim, tier)
	b.eventually("it beats", func() bool { return b.count("riverkeeper.heartbeat WHERE job_id = $1", claim.JobID) == 1 })
	return work, ctx, claim
}

func (b *bench) exec(sql string, arguments ...any) {
	b.Helper()
	if _, err := b.pool.Exec(context.Background(), sql, arguments...); err != nil {
		b.Fatal(err)
	}
}

// count counts the rows of "table WHERE ...".
func (b *bench) count(from string, arguments ...any) (n int) {
	b.Helper()
	if err := b.pool.QueryRow(context.Background(), "SELECT count(*) FROM "+from, arguments...).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// text reads one value of the claim's heartbeat row.
func (b *bench) text(claim riverbeat.Claim, expression string) (value string) {
	b.Helper()
	err := b.pool.QueryRow(context.Background(),
		"SELECT coalesce(("+expression+")::text, 'NULL') FROM riverkeeper.heartbeat WHERE job_id = $1 AND attempt = $2",
		claim.JobID, claim.Attempt).Scan(&value)
	if err != nil {
		b.Fatal(err)
	}
	return value
}

func (b *bench) eventually(what string, condition func() bool) {
	b.Helper()
	suite.Eventually(b.T, what, condition)
}

// beats waits for n more beats that succeeded.
func (b *bench) beats(n int64) {
	b.Helper()
	from := b.beater.Stats().Beats
	b.eventually("beats", func() bool { return b.beater.Stats().Beats >= from+n })
}

// cancelled waits for the end of a work's context, and returns its cause.
func (b *bench) cancelled(ctx context.Context) error {
	b.Helper()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(10 * time.Second):
		b.Fatal("the work was not cancelled")
		return nil
	}
}

// journal is a log that tests can read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) times(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), what)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// through leads only the Beater through the proxy: the test's own pool stays direct.
func through(p *pgtest.Proxy) func(*riverbeat.Config) {
	return func(c *riverbeat.Config) {
		c.Database = c.Database.Copy()
		c.Database.ConnConfig.DialFunc = p.Dial
	}
}
