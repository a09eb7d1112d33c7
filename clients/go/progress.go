package riverbeat

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"
)

const longestNote = 1024 // bytes, as the table's constraint

// progress is the newest progress report of a job. Its lock is not the Beater's: a job may report a million times a second.
type progress struct {
	mu    sync.Mutex
	count uint64 // of reports
	value float32
	note  string

	acknowledged uint64 // count of the last beat that succeeded; guarded by the Beater's mu
}

// Progress reports how far the job is, from 0 to 1, and where. It is sent with the next beat, so it costs next to nothing
// and may be called in the innermost loop. Only Progress shows that a job moves; the same number reported again
// counts too. A job with a progress timeout that stops reporting counts as hung.
//
// The note is cut to 1 kB. Outside of a job that beats, Progress does nothing.
func Progress(ctx context.Context, value float64, note string) {
	if w, ok := ctx.Value(workKey{}).(*Work); ok {
		w.Progress(value, note)
	}
}

// Progress is the package's Progress for a Work at hand.
func (w *Work) Progress(value float64, note string) {
	if len(note) > longestNote {
		note = cut(note)
	}
	p := &w.progress
	p.mu.Lock()
	p.count++
	p.value, p.note = float32(clamped(value)), note
	p.mu.Unlock()
}

// latest returns what to send: nil for what was never reported.
func (p *progress) latest() (count uint64, value *float32, note *string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 {
		return 0, nil, nil
	}
	if told := p.value; told == told { //nolint:staticcheck // NaN alone is not itself, and Postgres takes it for no progress
		value = &told
	}
	if p.note != "" {
		text := storable(p.note)
		note = &text
	}
	return p.count, value, note
}

const smallest = 1e-6 // Postgres refuses a real that is nearly, but not quite, nothing

// clamped leaves NaN as it is: it is no number.
func clamped(value float64) float64 {
	if value < smallest {
		return 0
	}
	return min(value, 1)
}

// cut returns a copy, so that a short note does not keep a long text in memory.
func cut(note string) string {
	end := longestNote
	for end > longestNote-utf8.UTFMax && !utf8.RuneStart(note[end]) {
		end--
	}
	return strings.Clone(note[:end])
}

// storable is what Postgres takes as text: one bad note would fail the beat of the whole process.
func storable(note string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(note, "?"), "\x00", "?")
}
