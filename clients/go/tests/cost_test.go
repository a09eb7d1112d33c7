package tests

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

// measuring is for RIVERBEAT_BENCH=1: figures, not rules.
func measuring(t *testing.T) {
	t.Helper()
	if os.Getenv("RIVERBEAT_BENCH") == "" {
		t.Skip("RIVERBEAT_BENCH=1 measures this")
	}
}

// What 10,000 running claims of ten processes cost the database at the standard interval.
func TestCostOfAFleet(t *testing.T) {
	measuring(t)
	const processes, each, ticks = 10, 1000, 6
	b := newBench(t)
	b.stop()
	b.exec(`INSERT INTO river_job (kind, args, max_attempts, state, attempt, attempted_at, attempted_by)
		SELECT 'ends', '{}', 25, 'running', 1, clock_timestamp(), ARRAY['bench'] FROM generate_series(1, $1)`, processes*each)
	b.exec("VACUUM ANALYZE river_job")
	beaters := fleet(b, processes, each)
	b.eventually("all beat", func() bool { return b.count("riverkeeper.heartbeat") == processes*each })
	time.Sleep(riverbeat.Standard.Interval) // the inserts are not what is measured
	cpu, wal, begun, before := serverCPU(t), walBytes(b), time.Now(), total(beaters)
	hot, updates := heapUpdates(b)
	var took []time.Duration
	seen := make([]int64, len(beaters))
	for time.Since(begun) < ticks*riverbeat.Standard.Interval {
		for i, beater := range beaters {
			if stats := beater.Stats(); stats.Beats != seen[i] {
				seen[i] = stats.Beats
				took = append(took, stats.LastBeat)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	spent, elapsed, beats := serverCPU(t)-cpu, time.Since(begun), total(beaters)-before
	time.Sleep(2 * time.Second) // statistics arrive late
	hotAfter, updatesAfter := heapUpdates(b)
	slices.Sort(took)
	t.Logf("%d statements of %d claims in %v: database CPU %.2f %% of one core; statement p50 %v, p99 %v, max %v",
		beats, each, elapsed.Round(time.Second), 100*spent.Seconds()/elapsed.Seconds(),
		took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	t.Logf("WAL %.0f bytes a beat; %.2f %% of %d updates HOT", float64(walBytes(b)-wal)/float64(beats*each),
		100*float64(hotAfter-hot)/float64(updatesAfter-updates), updatesAfter-updates)
}

func fleet(b *bench, processes, each int) (beaters []*riverbeat.Beater) {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), `
		SELECT id, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM river_job ORDER BY id`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n%each == 0 {
			beater, err := riverbeat.New(riverbeat.Config{Database: b.pool.Config(), ClientID: "bench"})
			if err != nil {
				b.Fatal(err)
			}
			beaters = append(beaters, beater)
		}
		claim := riverbeat.Claim{Attempt: 1}
		if err := rows.Scan(&claim.JobID, &claim.AttemptedAt); err != nil {
			b.Fatal(err)
		}
		beaters[len(beaters)-1].Begin(context.Background(), claim, riverbeat.Standard)
	}
	for i, beater := range beaters[:processes] {
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
		beater.Start(context.Background())
		b.Cleanup(func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = beater.Stop(ctx)
		})
	}
	return beaters
}

func total(beaters []*riverbeat.Beater) (beats int64) {
	for _, beater := range beaters {
		beats += beater.Stats().Beats
	}
	return beats
}

func walBytes(b *bench) (bytes int64) {
	b.Helper()
	if err := b.pool.QueryRow(context.Background(), "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	return bytes
}

func heapUpdates(b *bench) (hot, all int64) {
	b.Helper()
	err := b.pool.QueryRow(context.Background(),
		"SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'heartbeat'").Scan(&hot, &all)
	if err != nil {
		b.Fatal(err)
	}
	return hot, all
}

// serverCPU is what the server's processes have used, also those that have ended.
func serverCPU(t *testing.T) (used time.Duration) {
	t.Helper()
	if world.PID() == 0 {
		t.Skip("needs its own server")
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		pid := filepath.Base(filepath.Dir(stat))
		own := pid == strconv.Itoa(world.PID())
		if !own && fields[1] != strconv.Itoa(world.PID()) {
			continue
		}
		last := 13 // utime, stime
		if own {
			last = 15 // and those of children that have ended
		}
		for _, field := range fields[11:last] {
			jiffies, _ := strconv.Atoi(field)
			used += time.Duration(jiffies) * 10 * time.Millisecond
		}
	}
	return used
}

type shortArgs struct{}

func (shortArgs) Kind() string { return "short" }

// What the middleware and the fence cost jobs that end at once: rounds with and without them in turn. Processor time, of the workers and
// of the database together, tells it also on a machine that others use.
func TestThroughputOfShortJobs(t *testing.T) {
	measuring(t)
	const jobs, rounds = 20_000, 7
	best, cost := map[bool]float64{}, map[bool]time.Duration{}
	var ratios []float64
	for round := range rounds {
		rate := map[bool]float64{}
		for _, with := range []bool{round%2 == 0, round%2 == 1} { // who comes second has the warmer machine
			before := serverCPU(t) + ownCPU()
			rate[with] = throughput(t, jobs, with)
			cost[with] += serverCPU(t) + ownCPU() - before
			best[with] = max(best[with], rate[with])
		}
		ratios = append(ratios, rate[true]/rate[false])
	}
	slices.Sort(ratios)
	t.Logf("jobs/s without %.0f, with %.0f: best with/without %.3f; of pairs median %.3f, all %s",
		best[false], best[true], best[true]/best[false], ratios[rounds/2], fmt.Sprintf("%.3f", ratios))
	t.Logf("processor time a job, insertion included: without %v, with %v; without/with %.3f",
		cost[false]/(jobs*rounds), cost[true]/(jobs*rounds), cost[false].Seconds()/cost[true].Seconds())
}

func ownCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func throughput(t *testing.T, jobs int, with bool) float64 {
	t.Helper()
	url := world.Fresh(t)
	if with {
		suite.InstallFence(t, url, suite.Keeper, "public")
	}
	pool := pgtest.Pool(t, url)
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	var middleware []rivertype.Middleware
	if with {
		beats := rivermiddleware.New(pool, rivermiddleware.Fenced(river.MetadataSet), rivermiddleware.Logger(quiet))
		t.Cleanup(func() { _ = beats.Stop(context.Background()) })
		middleware = append(middleware, beats)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[shortArgs]) error { return nil }))
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1000}},
		Workers: workers, Middleware: middleware, Logger: quiet, FetchCooldown: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	insertShort(t, pool, client, jobs)
	begun := time.Now()
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for left := 1; left > 0; {
		time.Sleep(10 * time.Millisecond)
		if err := pool.QueryRow(context.Background(), "SELECT count(*) FROM river_job WHERE state IN ('available', 'running')").Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(begun)
	if err := client.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	return float64(jobs) / took.Seconds()
}

func insertShort(t *testing.T, pool *pgxpool.Pool, client interface {
	InsertManyFast(context.Context, []river.InsertManyParams) (int, error)
}, jobs int) {
	t.Helper()
	params := make([]river.InsertManyParams, jobs)
	for i := range params {
		params[i].Args = shortArgs{}
	}
	if _, err := client.InsertManyFast(context.Background(), params); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(context.Background(), "VACUUM ANALYZE river_job"); err != nil {
		t.Fatal(err)
	}
}
