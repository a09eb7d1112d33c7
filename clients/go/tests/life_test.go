package tests

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// Stop waits for the last work, reports its end, and leaves no goroutine behind.
func TestStopLeavesNothingBehind(t *testing.T) {
	b := newBench(t)
	work, _, claim := b.beating(leased)
	stopped := make(chan error)
	go func() { stopped <- b.beater.Stop(context.Background()) }()
	select {
	case <-stopped:
		t.Fatal("did not wait for the work")
	case <-time.After(3 * beat):
	}
	work.Finish(riverbeat.Completed)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := b.text(claim, "outcome"); got != "completed" {
		t.Errorf("outcome %s", got)
	}
	b.eventually("no goroutine is left", func() bool { return ours() == "" })
}

// A Stop that loses its patience ends the work that is left, and reports that it was given up.
func TestStopWithoutPatience(t *testing.T) {
	b := newBench(t)
	work, workCtx, claim := b.beating(quick)
	ctx, cancel := context.WithTimeout(context.Background(), beat)
	defer cancel()
	if err := b.beater.Stop(ctx); err == nil {
		t.Error("no error")
	}
	if cause := b.cancelled(workCtx); !errors.Is(cause, riverbeat.ErrStopped) {
		t.Errorf("cause %v", cause)
	}
	if got := b.text(claim, "outcome"); got != "abandoned" {
		t.Errorf("outcome %s", got)
	}
	work.Finish(riverbeat.Completed)
	after, _ := b.beater.Begin(context.Background(), b.running(), quick)
	if !after.Finish(riverbeat.Completed) {
		t.Error("a job after the end is lost")
	}
	b.eventually("no goroutine is left", func() bool { return ours() == "" })
}

// The end of the context that it was started with is a Stop.
func TestContextEndsTheBeats(t *testing.T) {
	b := newBench(t)
	b.stop()
	beater, err := riverbeat.New(riverbeat.Config{Database: b.pool.Config(), ClientID: client, Interval: beat})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	beater.Start(ctx)
	cancel()
	b.eventually("no goroutine is left", func() bool { return ours() == "" })
	if err := beater.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// ours returns the stacks of goroutines that run this client, but not those of tests.
func ours() (stacks string) {
	buffer := make([]byte, 1<<20)
	buffer = buffer[:runtime.Stack(buffer, true)]
	for _, stack := range strings.Split(string(buffer), "\n\n") {
		if strings.Contains(stack, "riverkeeper/clients/go.") && !strings.Contains(stack, "testing.tRunner") {
			stacks += stack
		}
	}
	return stacks
}

// Metadata mode needs no table. It beats on the job's row, claim by claim, sees a loss, and passes by a locked row.
func TestMetadataMode(t *testing.T) {
	b := newBench(t)
	b.stop()
	b.exec("DROP SCHEMA riverkeeper CASCADE")
	claim, gone, locked := b.running(), b.running(), b.running()
	b.exec("UPDATE river_job SET attempt = 2 WHERE id = $1", gone.JobID)
	tx, err := b.pool.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if err := riverbeat.VerifyClaim(context.Background(), tx, locked); err != nil {
		t.Fatal(err)
	}
	beater, err := riverbeat.New(riverbeat.Config{Database: b.pool.Config(), ClientID: client, Metadata: true})
	if err != nil {
		t.Fatal(err)
	}
	var works []*riverbeat.Work
	var contexts []context.Context
	for _, c := range []riverbeat.Claim{claim, gone, locked} {
		work, ctx := beater.Begin(context.Background(), c, leased)
		works, contexts = append(works, work), append(contexts, ctx)
	}
	time.Sleep(150 * time.Millisecond) // claims that have just begun wait for the next tick
	beater.Start(context.Background())
	if cause := b.cancelled(contexts[1]); !errors.Is(cause, riverbeat.ErrClaimLost) {
		t.Errorf("cause %v", cause)
	}
	if contexts[0].Err() != nil || contexts[2].Err() != nil {
		t.Error("a held claim was cancelled")
	}
	if n := b.count("river_job WHERE (metadata ->> 'health_check_at')::timestamptz > now() - interval '1 min' AND id = $1", claim.JobID); n != 1 {
		t.Error("no beat")
	}
	for i, want := range []bool{true, false, true} {
		if got := works[i].Finish(riverbeat.Completed); got != want {
			t.Errorf("claim %d: let out %v", i, got)
		}
	}
	if err := beater.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
