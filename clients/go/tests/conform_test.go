package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// The conformance program starts, learns of a loss, reports what its results carry, and ends.
func TestConformProgram(t *testing.T) {
	b := newBench(t)
	b.stop()
	say, events := conform(t, b.url)
	expect(t, events, `{"event":"ready","stacks":true}`)
	lost, kept := b.running(), b.running()
	start := func(claim riverbeat.Claim, lease string) {
		say(`{"do":"start","job_id":%d,"attempt":%d,"attempted_at":%q,"interval":"200ms","lease":%s}`,
			claim.JobID, claim.Attempt, claim.AttemptedAt, lease)
	}
	start(lost, `null`)
	start(kept, `"10s"`)
	say(`{"do":"progress","job_id":%d,"value":0.4,"note":"x"}`, kept.JobID)
	b.eventually("they beat", func() bool { return b.count("riverkeeper.heartbeat") == 2 })
	b.eventually("progress is told", func() bool { return b.text(kept, "ROW(progress, note, lease)") == "(0.4,x,00:00:10)" })
	b.exec("UPDATE riverkeeper.heartbeat SET lost_at = now() WHERE job_id = $1", lost.JobID)
	expect(t, events, fmt.Sprintf(`{"event":"cancelled","job_id":%d,"attempt":1,"attempted_at":%q,"cause":"claim_lost"}`, lost.JobID, lost.AttemptedAt))
	say(`{"do":"finish","job_id":%d,"outcome":"completed"}`, lost.JobID)
	expect(t, events, fmt.Sprintf(`{"event":"result","job_id":%d,"attempt":1,"attempted_at":%q,"held":false}`, lost.JobID, lost.AttemptedAt))
	say(`{"do":"finish","job_id":%d,"outcome":"snoozed"}`, kept.JobID)
	expect(t, events, fmt.Sprintf(`{"event":"result","job_id":%d,"attempt":1,"attempted_at":%q,"held":true}`, kept.JobID, kept.AttemptedAt))
	say(`{"do":"quit"}`)
	b.eventually("ends are told", func() bool {
		return b.count("riverkeeper.heartbeat WHERE outcome IN ('completed', 'snoozed')") == 2
	})
}

func conform(t *testing.T, url string) (say func(string, ...any), events <-chan string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "conform")
	build := exec.Command("go", "build", "-o", program, "./cmd/conform")
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	run := exec.Command(program, "-database-url", url, "-client-id", client, "-interval", "200ms")
	in, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := make(chan string, 100)
	go func() {
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			if text := scanner.Text(); !strings.Contains(text, `"begun"`) { // they come when they come
				lines <- text
			}
		}
	}()
	return func(format string, arguments ...any) {
		_, _ = io.WriteString(in, fmt.Sprintf(format, arguments...)+"\n")
	}, lines
}

func expect(t *testing.T, events <-chan string, want string) {
	t.Helper()
	select {
	case got := <-events:
		var one, two any
		if json.Unmarshal([]byte(got), &one) != nil || json.Unmarshal([]byte(want), &two) != nil || fmt.Sprint(one) != fmt.Sprint(two) {
			t.Fatalf("got %s, want %s", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("nothing came; want %s", want)
	}
}
