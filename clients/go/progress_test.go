package riverbeat

import (
	"context"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

// Progress may be called anywhere: without a beat in the context it does nothing.
func TestProgressOutsideOfAJob(t *testing.T) {
	Progress(context.Background(), 0.5, "nobody hears it")
}

// A note is at most 1 kB, whole runes only, and storable.
func TestNotesAreCut(t *testing.T) {
	for _, note := range []string{
		strings.Repeat("x", 2000), strings.Repeat("ü", 2000), "x" + strings.Repeat("€", 2000),
		"xy" + strings.Repeat("😀", 2000), strings.Repeat("\xff", 2000), strings.Repeat("\x00", 2000),
	} {
		w := &Work{}
		w.Progress(0.5, note)
		_, _, got := w.progress.latest()
		if len(*got) > longestNote || len(*got) < longestNote-utf8.UTFMax && !strings.Contains(note, "\xff") {
			t.Errorf("%d bytes", len(*got))
		}
		if !utf8.ValidString(*got) || strings.Contains(*got, "\x00") {
			t.Errorf("not storable: %q", (*got)[len(*got)-8:])
		}
	}
}

// A value is a number from 0 to 1: the table's constraint would fail the beat of the whole process.
func TestValuesAreClamped(t *testing.T) {
	for given, want := range map[float64]float64{
		-1: 0, 0: 0, 1e-300: 0, 1e-7: 0, 1e-6: 1e-6, 0.4: 0.4, 1: 1, 1.0001: 1, math.Inf(1): 1, math.Inf(-1): 0,
	} {
		if got := clamped(given); got != want {
			t.Errorf("%v became %v", given, got)
		}
	}
	w := &Work{}
	w.Progress(math.NaN(), "")
	if count, value, note := w.progress.latest(); count != 1 || value != nil || note != nil {
		t.Errorf("NaN: %v reports, %v, %v", count, value, note)
	}
}

// What a job pays for telling, from the depth of a few contexts.
func BenchmarkProgress(b *testing.B) {
	type key int
	ctx := context.WithValue(context.Background(), workKey{}, &Work{})
	for i := range 5 {
		ctx = context.WithValue(ctx, key(i), i)
	}
	b.ReportAllocs()
	for b.Loop() {
		Progress(ctx, 0.4, "page 4 of 10")
	}
}

// The same with a note that has to be cut.
func BenchmarkProgressLongNote(b *testing.B) {
	ctx := context.WithValue(context.Background(), workKey{}, &Work{})
	note := strings.Repeat("ü", 5000)
	for b.Loop() {
		Progress(ctx, 0.4, note)
	}
}

// Where nothing beats.
func BenchmarkProgressWithoutBeat(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		Progress(ctx, 0.4, "page 4 of 10")
	}
}
