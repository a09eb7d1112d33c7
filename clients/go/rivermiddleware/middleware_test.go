package rivermiddleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river/rivertype"
)

var _ rivertype.WorkerMiddleware = (*Middleware)(nil)

// Riverkeeper reads what River will make of a result.
func TestOutcomes(t *testing.T) {
	remote, cancel := context.WithCancelCause(context.Background())
	cancel(rivertype.ErrJobCancelledRemotely)
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want riverbeat.Outcome
	}{
		{context.Background(), nil, riverbeat.Completed},
		{remote, nil, riverbeat.Completed},
		{remote, context.Canceled, riverbeat.Cancelled},
		{context.Background(), errors.New("no"), riverbeat.Failed},
		{context.Background(), fmt.Errorf("wrapped: %w", &rivertype.JobSnoozeError{}), riverbeat.Snoozed},
		{context.Background(), fmt.Errorf("wrapped: %w", rivertype.JobCancel(errors.New("no"))), riverbeat.Cancelled},
	} {
		if got := outcomeOf(c.ctx, c.err); got != c.want {
			t.Errorf("%v: %s", c.err, got)
		}
	}
}

// A bare "context canceled" gets its cause in the job's row; an error of the job's own stays as it is.
func TestCancellationsAreExplained(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(riverbeat.ErrStopRequested)
	if err := withCause(ctx, ctx.Err()); !errors.Is(err, riverbeat.ErrStopRequested) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	own := errors.New("my own")
	if err := withCause(ctx, own); err != own { //nolint:errorlint // the very one
		t.Error(err)
	}
	if err := withCause(ctx, nil); err != nil {
		t.Error(err)
	}
}

// A job that no client holds, as in rivertest, is just worked.
func TestJobsThatNobodyHolds(t *testing.T) {
	m := New(testPool(t), Plain(), Logger(slog.New(slog.DiscardHandler)))
	want := errors.New("mine")
	if err := m.Work(context.Background(), &rivertype.JobRow{ID: 1}, func(context.Context) error { return want }); err != want { //nolint:errorlint // the very one
		t.Error(err)
	}
}

// A panic goes on to River with its own value, also while the database is away.
func TestPanicsGoOn(t *testing.T) {
	m := New(testPool(t), Plain(), Logger(slog.New(slog.DiscardHandler)), FenceFor(time.Millisecond))
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	at := time.Now()
	job := &rivertype.JobRow{ID: 1, Attempt: 1, AttemptedAt: &at, AttemptedBy: []string{"me"}}
	defer func() {
		if got := recover(); got != "the job's own" {
			t.Errorf("recovered %v", got)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = m.Stop(ctx)
	}()
	_ = m.Work(stopped, job, func(context.Context) error { panic("the job's own") })
}

func testPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), "postgres://nobody@127.0.0.1:1/none")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// River 0.44 to 0.47 panics where a result is dropped: no token there, with any option.
func TestReleasesThatPanicAreNotFenced(t *testing.T) {
	fence := Fenced(func(context.Context, string, any) error { return nil })
	for minor, want := range map[int]bool{0: true, 39: true, 43: true, 44: false, 47: false, 48: true, 51: true} {
		if got := fence.supportedBy(minor).fences(); got != want {
			t.Errorf("0.%d: %v", minor, got)
		}
	}
}

// batch is the error by which River Pro reports the jobs of a batch.
type batch struct {
	error
	jobs []*rivertype.JobRow
}

func (batch) ErrorsByID() map[int64]error { return nil }
func (b batch) Jobs() []*rivertype.JobRow { return b.jobs }

// The result of a batch brings the claim of each member: River writes the leader's metadata into all their results. One that
// is too big brings none. The error stays as it is, because River checks its type.
func TestBatchesHaveATokenForEachMember(t *testing.T) {
	metadata := map[string]any{}
	set := func(_ context.Context, key string, value any) error { metadata[key] = value; return nil }
	m := New(testPool(t), Fenced(set), Logger(slog.New(slog.DiscardHandler)))
	first := time.Date(2026, 11, 28, 1, 24, 43, 301049000, time.UTC)
	second := first.Add(time.Microsecond)
	leader := &rivertype.JobRow{ID: 1, Attempt: 1, AttemptedAt: &first, AttemptedBy: []string{"me"}}
	member := &rivertype.JobRow{ID: 2, Attempt: 1, AttemptedAt: &second}
	big := make([]*rivertype.JobRow, largestBatch+1)
	for i := range big {
		big[i] = member
	}
	for _, c := range []struct {
		result error
		want   any
	}{
		{batch{context.Canceled, []*rivertype.JobRow{leader, member}},
			map[string]string{"1": "2026-11-28T01:24:43.301049Z", "2": "2026-11-28T01:24:43.301050Z"}},
		{batch{context.Canceled, big}, nil},
		{errors.New("ordinary"), "2026-11-28T01:24:43.301049Z"},
	} {
		err := m.Work(context.Background(), leader, func(context.Context) error { return c.result })
		if reflect.TypeOf(err) != reflect.TypeOf(c.result) {
			t.Errorf("%T became %T", c.result, err)
		}
		if got := metadata[riverbeat.TokenKey]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T: token %v", c.result, got)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = m.Stop(ctx)
}

// A binary that lists no modules still shows the version, by the path from which River's function was compiled.
func TestVersionOfASourceFile(t *testing.T) {
	for file, want := range map[string]string{
		"/go/pkg/mod/github.com/riverqueue/river@v0.47.0/metadata.go": "v0.47.0",
		"github.com/riverqueue/river@v0.51.2/metadata.go":             "v0.51.2",
		"/app/vendor/github.com/riverqueue/river/metadata.go":         "",
		"": "",
	} {
		if got := versionIn(file); got != want {
			t.Errorf("%s: %s", file, got)
		}
	}
	if file := (Fence{func(context.Context, string, any) error { return nil }}).file(); !strings.HasSuffix(file, "middleware_test.go") {
		t.Error(file)
	}
}

// The version is read only to say which fence there could be.
func TestVersions(t *testing.T) {
	for version, want := range map[string]int{"v0.51.1": 51, "v0.39.0-rc.1": 39, "v1.2.0": 1002, "": 0, "(devel)": 0} {
		if got := minorOf(version); got != want {
			t.Errorf("%s: %d", version, got)
		}
	}
}
