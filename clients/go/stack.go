package riverbeat

import (
	"bytes"
	"context"
	"log/slog"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	stackLabel   = "riverkeeper_job" // on the goroutines of a job, and in profiles that the program takes
	longestStack = 32 * 1024         // bytes, as the table's constraint
	mostStacks   = 20                // in one tick; the others are requested again by the next beat
)

// Do runs f on this goroutine, under a pprof label that the goroutines started by f inherit: by it a stack that
// Riverkeeper requests shows this work alone. Without Do, or with Config.NoStacks, a request is not answered.
func (w *Work) Do(ctx context.Context, f func(context.Context)) {
	if w.b == nil || w.b.NoStacks || w.b.Metadata {
		f(ctx)
		return
	}
	pprof.Do(ctx, pprof.Labels(stackLabel, w.key.label()), f)
}

// label names the claim; it has no character that the text of a profile would quote.
func (k claimKey) label() string { return strconv.FormatInt(k.jobID, 10) + " " + k.attemptedAt }

// sendStacks answers the requests that a beat brought. What goes wrong costs no beat: the next one brings the request again.
func (b *Beater) sendStacks(ctx context.Context, batch *batch, stacks []stack) {
	b.guarded("stack", func() {
		limit := beatTimeout(batch.interval) - (uptime() - batch.sent)
		if len(stacks) == 0 || limit <= 0 {
			return
		}
		err := b.writeStacks(ctx, limit, stacks)
		if answer := serverError(err); answer != nil && answer.Code == "22P05" { // the database's encoding lacks a character
			for i := range stacks {
				stacks[i].text = ascii(stacks[i].text)
			}
			err = b.writeStacks(ctx, limit, stacks)
		}
		if err != nil && b.failureLog.isNew("stack") {
			b.log.Warn("riverbeat: stack not sent; jobs and beats continue", slog.Any("error", err))
		}
	})
}

// stack is where the work of a claim stands.
type stack struct {
	key  claimKey
	text string
}

// takeStacks stops the world for the time of one profile, however many jobs are asked for. A job whose work does not run under Do
// has no stack.
func (b *Beater) takeStacks(requested []*Work) (stacks []stack) {
	b.guarded("stack", func() { stacks = b.readStacks(requested) })
	return stacks
}

func (b *Beater) readStacks(requested []*Work) (stacks []stack) {
	found := &stackReader{wanted: map[string]*jobStack{}}
	b.mu.Lock()
	for _, w := range requested {
		if !w.over && !b.NoStacks && len(found.wanted) < mostStacks {
			found.wanted[w.key.label()] = &jobStack{key: w.key}
		}
	}
	b.mu.Unlock()
	if len(found.wanted) == 0 {
		return nil
	}
	if err := pprof.Lookup("goroutine").WriteTo(found, 1); err != nil {
		return nil
	}
	for _, job := range found.wanted {
		if text := job.format(); text != "" {
			stacks = append(stacks, stack{job.key, text})
		}
	}
	slices.SortFunc(stacks, func(a, b stack) int { return a.key.compare(b.key) })
	return stacks
}

func (b *Beater) writeStacks(ctx context.Context, limit time.Duration, stacks []stack) error {
	ids, times, texts := make([]int64, len(stacks)), make([]string, len(stacks)), make([]string, len(stacks))
	for i, s := range stacks {
		ids[i], times[i], texts[i] = s.key.jobID, s.key.attemptedAt, s.text
	}
	arguments := map[string]any{"job_ids": ids, "attempted_ats": times, "stacks": texts}
	return b.connection.use(ctx, limit, func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.checkedStatements(ctx, conn)
		if err != nil {
			return err
		}
		return query(ctx, conn, sql.stack, arguments, func(rows pgx.Rows) error { return rows.Err() })
	})
}

// jobStack is the goroutines of a job; those that stand alike are one.
type jobStack struct {
	key    claimKey
	groups []goroutines
}

type goroutines struct {
	count  int
	frames []string // the innermost first
	isWork bool     // the goroutine that runs the job itself
}

// format is the contract's text: the goroutine of the work first, and a blank line between two.
func (j *jobStack) format() string {
	slices.SortStableFunc(j.groups, func(a, b goroutines) int {
		if a.isWork == b.isWork {
			return 0
		} else if a.isWork {
			return -1
		}
		return 1
	})
	var lines []string
	for i, group := range j.groups {
		if i > 0 {
			lines = append(lines, "")
		}
		if group.count > 1 {
			lines = append(lines, strconv.Itoa(group.count)+" goroutines:")
		}
		lines = append(lines, group.frames...)
	}
	return fitted(lines)
}

// fitted joins the lines of which the table takes the bytes, whole frames only.
func fitted(lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		if text.Len()+len(line) >= longestStack {
			break
		}
		text.WriteString(line)
		text.WriteByte('\n')
	}
	return strings.TrimRight(text.String(), "\n")
}

// stackReader takes the text of a goroutine profile, and keeps what belongs to the wanted labels. The profile of a large
// process is never in memory as a whole.
type stackReader struct {
	wanted map[string]*jobStack
	line   bytes.Buffer
	count  int       // of the group that is being read
	job    *jobStack // whose it is; nil: not wanted
}

// Write is for pprof.
func (r *stackReader) Write(p []byte) (int, error) {
	for _, b := range p {
		if b != '\n' {
			r.line.WriteByte(b)
			continue
		}
		r.read(r.line.String())
		r.line.Reset()
	}
	return len(p), nil
}

// read takes one line:
//
//	2 @ 0x43a0f6 0x44b5c5
//	# labels: {"riverkeeper_job":"7 2026-01-31T23:59:59.123456Z"}
//	#	0x44b5c4	time.Sleep+0x144	/usr/local/go/src/runtime/time.go:285
func (r *stackReader) read(line string) {
	if number, _, isGroup := strings.Cut(line, " @ "); isGroup {
		r.count, _ = strconv.Atoi(number)
		r.job = nil
		return
	}
	if labels, isLabels := strings.CutPrefix(line, "# labels: "); isLabels {
		_, value, _ := strings.Cut(labels, `"`+stackLabel+`":"`)
		value, _, _ = strings.Cut(value, `"`)
		if r.job = r.wanted[value]; r.job != nil {
			r.job.groups = append(r.job.groups, goroutines{count: r.count})
		}
		return
	}
	if r.job != nil {
		r.job.groups[len(r.job.groups)-1].add(line)
	}
}

func (g *goroutines) add(line string) {
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == '\t' })
	if len(fields) < 4 || fields[0] != "#" { // a frame without a name says nothing
		return
	}
	function := fields[2]
	if end := strings.LastIndex(function, "+0x"); end > 0 {
		function = function[:end]
	}
	g.frames = append(g.frames, storable(function+"\t"+strings.TrimSpace(fields[3])))
	g.isWork = g.isWork || strings.HasSuffix(function, "clients/go.(*Work).Do")
}

func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 126 {
			return '?'
		}
		return r
	}, text)
}
