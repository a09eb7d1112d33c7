package riverbeat

import (
	"context"
	"fmt"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

var lastJob atomic.Int64 // each test has jobs of its own: a goroutine of another may still be about to end

// working is a Beater that beats for nobody, and the work of a job on it.
func working(t *testing.T, jobs int, change ...func(*Config)) (*Beater, []*Work) {
	t.Helper()
	database, err := pgxpool.ParseConfig("postgres://nowhere/")
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Database: database, ClientID: "worker"}
	for _, do := range change {
		do(&config)
	}
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	works := make([]*Work, jobs)
	for i := range works {
		claim := Claim{JobID: lastJob.Add(1), Attempt: 1, AttemptedAt: "2026-01-31T23:59:59.123456Z"}
		works[i], _ = b.register(context.Background(), claim, Standard)
	}
	return b, works
}

// during calls look while each job runs in a goroutine of its own, with children that it started.
func during(works []*Work, job func(ctx context.Context, w *Work, wait func()), look func()) {
	var begun, ended sync.WaitGroup
	end := make(chan struct{})
	for _, w := range works {
		begun.Add(2)
		ended.Add(1)
		go w.Do(context.Background(), func(ctx context.Context) {
			defer ended.Done()
			job(ctx, w, func() { begun.Done(); <-end })
		})
	}
	begun.Wait()
	look()
	close(end)
	ended.Wait()
}

// charge is what a job does here: it waits, and so does what it has started.
func charge(_ context.Context, _ *Work, wait func()) {
	go child(wait)
	wait()
}

//go:noinline
func child(wait func()) { wait() }

//go:noinline
func refund(_ context.Context, _ *Work, wait func()) {
	go child(wait)
	wait()
}

var frame = regexp.MustCompile(`^[^\t]+\t[^\t]+:\d+$`)

// A stack has the goroutines of its own job, those that it started too, the work's first; functions, files and lines only.
func TestAStackIsOfItsJobAlone(t *testing.T) {
	b, works := working(t, 2)
	charged, refunded := works[:1], works[1:]
	during(charged, charge, func() {
		during(refunded, refund, func() {
			stacks := b.takeStacks(works)
			if len(stacks) != 2 {
				t.Fatal(stacks)
			}
			for i, own := range []string{"riverbeat.charge", "riverbeat.refund"} {
				other := []string{"refund", "charge"}[i]
				own = strings.ReplaceAll(own, "riverbeat.", "clients/go.")
				threads := strings.Split(stacks[i].text, "\n\n")
				if len(threads) != 2 || !strings.Contains(threads[0], own+"\t") || !strings.Contains(threads[1], "clients/go.child\t") {
					t.Errorf("job %d: %q", i+1, threads)
				}
				if strings.Contains(threads[0], "clients/go."+other+"\t") || strings.Contains(stacks[i].text, "0x") {
					t.Errorf("job %d: %s", i+1, stacks[i].text)
				}
				for _, line := range strings.Split(strings.ReplaceAll(stacks[i].text, "\n\n", "\n"), "\n") {
					if !frame.MatchString(line) {
						t.Errorf("%q", line)
					}
				}
			}
		})
	})
}

// Nobody asked for the stack of work that has returned, that runs outside of Do, or of a client that sends none.
func TestThereIsNoStack(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"NoStacks": func(c *Config) { c.NoStacks = true },
		"metadata": func(c *Config) { c.Metadata = true },
	} {
		b, works := working(t, 1, change)
		during(works, charge, func() {
			if stacks := b.takeStacks(works); len(stacks) != 0 {
				t.Errorf("%s: %v", name, stacks)
			}
		})
	}
	b, works := working(t, 1)
	if stacks := b.takeStacks(works); len(stacks) != 0 {
		t.Error("outside of Do:", stacks)
	}
	during(works, charge, func() {
		works[0].removeFromBeats()
		if stacks := b.takeStacks(works); len(stacks) != 0 {
			t.Error("returned:", stacks)
		}
	})
}

// The labels of the job's own code stay, and those of others are no claim of ours.
func TestLabelsOfOthers(t *testing.T) {
	b, works := working(t, 1)
	imitated := works[0].key.label()
	job := func(ctx context.Context, w *Work, wait func()) {
		go pprof.Do(ctx, pprof.Labels("step", `"riverkeeper_job":"2 x"`), func(context.Context) { wait() })
		go pprof.Do(context.Background(), pprof.Labels("note", `{"`+stackLabel+`":"`+imitated+`"}`), func(context.Context) { child(wait) })
	}
	done := make(chan struct{})
	go during(works, job, func() {
		defer close(done)
		stacks := b.takeStacks(works)
		if len(stacks) != 1 || strings.Contains(stacks[0].text, "clients/go.child") || !strings.Contains(stacks[0].text, "TestLabelsOfOthers") {
			t.Error(stacks)
		}
	})
	<-done
}

// The label is gone when the work has returned, also by a panic, which goes on as it is.
func TestALabelEndsWithItsWork(t *testing.T) {
	b, works := working(t, 1)
	func() {
		defer func() {
			if caught := recover(); caught != "mine" {
				t.Error(caught)
			}
		}()
		works[0].Do(context.Background(), func(context.Context) { panic("mine") })
	}()
	if stacks := b.takeStacks(works); len(stacks) != 0 {
		t.Error(stacks)
	}
}

// The table refuses more than 32 kB: whole frames are left out at the end, the innermost are kept.
func TestALongStackIsCut(t *testing.T) {
	job := &jobStack{}
	for i := range 2000 {
		job.groups = append(job.groups, goroutines{count: i, frames: []string{fmt.Sprintf("main.é%d\t/a/b.go:%d", i, i)}})
	}
	job.groups[1999].isWork = true
	text := job.format()
	if len(text) > longestStack || len(text) < longestStack-100 || !strings.HasPrefix(text, "1999 goroutines:\nmain.é1999\t/a/b.go:1999\n\n") {
		t.Error(len(text), text[:60])
	}
	lines := strings.Split(text, "\n")
	if last := lines[len(lines)-1]; !frame.MatchString(last) && !strings.HasSuffix(last, "goroutines:") {
		t.Error(last)
	}
}

// Whatever a later Go prints, reading it does not fail; lines that are no frames are left out.
func FuzzStackReader(f *testing.F) {
	for _, text := range []string{
		"2 @ 0x1\n# labels: {\"riverkeeper_job\":\"1 a\"}\n#\t0x1\tmain.f+0x1\t\t/a b/c.go:1\n\n",
		"x @ \n# labels: \n#\n#\t\n", "# labels: {\"riverkeeper_job\":\"1 a\"}\n#\t0x1\t+0x\t:\n", "\x00\n\n\n@",
		"1 @ 1\n# labels: {\"riverkeeper_job\":\"1 a\"}\n#\t0x1\t\xff\xfe\t\x00:1\textra\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		reader := &stackReader{wanted: map[string]*jobStack{"1 a": {}}}
		for _, part := range strings.SplitAfter(text, "\t") { // in pieces, as pprof writes
			if n, err := reader.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if got := reader.wanted["1 a"].format(); got != storable(got) || len(got) > longestStack {
			t.Errorf("%q", got)
		}
	})
}

// What a job pays that nobody asks about: the label.
func BenchmarkDo(b *testing.B) {
	w := &Work{b: &Beater{}, key: claimKey{1, "2026-01-31T23:59:59.123456Z"}}
	for b.Loop() {
		w.Do(context.Background(), func(context.Context) {})
	}
}
