package riverbeat

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// vectors reads a list of the contract's test vectors.
func vectors[T any](t *testing.T, name string) []T {
	t.Helper()
	text, err := os.ReadFile("../vectors/" + name + ".json")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("not in the repository")
	}
	var cases []T
	if err = errors.Join(err, json.Unmarshal(text, &cases)); err != nil || len(cases) == 0 {
		t.Fatalf("%s: %d cases: %v", name, len(cases), err)
	}
	return cases
}

// Every text of a time with a zone names the claim that Postgres reads in it, and no other text is a claim.
func TestVectorsOfClaims(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Given string
		Text        *string
	}](t, "claims") {
		key, err := Claim{JobID: 1, AttemptedAt: c.Given}.key()
		switch {
		case c.Text == nil && err == nil:
			t.Errorf("%s: %q was taken for %q", c.Name, c.Given, key.attemptedAt)
		case c.Text != nil && err != nil:
			t.Errorf("%s: %v", c.Name, err)
		case c.Text != nil && key.attemptedAt != *c.Text:
			t.Errorf("%s: %q became %q", c.Name, c.Given, key.attemptedAt)
		}
	}
}

// Progress is sent as a number that its column takes, or not at all.
func TestVectorsOfProgress(t *testing.T) {
	for _, c := range vectors[struct {
		Name  string
		Given any
		Sent  *float64
	}](t, "progress") {
		var value float64
		switch given := c.Given.(type) {
		case float64:
			value = given
		case string:
			value, _ = strconv.ParseFloat(given, 64)
		default:
			continue // Progress takes a number
		}
		w := &Work{}
		w.Progress(value, "")
		_, sent, _ := w.progress.latest()
		if (sent == nil) != (c.Sent == nil) || sent != nil && math.Abs(float64(*sent)-*c.Sent) > 1e-6 {
			t.Errorf("%s: %v", c.Name, sent)
		}
	}
}

// A note is sent as text that its column takes; Go's strings hold any bytes, and no lone surrogates.
func TestVectorsOfNotes(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Needs string
		Given, Sent *string
		GivenHex    string `json:"given_hex"`
	}](t, "notes") {
		var note string
		switch {
		case c.Needs == "surrogates":
			continue
		case c.Needs == "bytes":
			bytes, err := hex.DecodeString(c.GivenHex)
			if err != nil {
				t.Fatal(err)
			}
			note = string(bytes)
		case c.Given != nil:
			note = *c.Given
		}
		w := &Work{}
		w.Progress(0.5, note)
		_, _, sent := w.progress.latest()
		if (sent == nil) != (c.Sent == nil) || sent != nil && *sent != *c.Sent {
			t.Errorf("%s: %q", c.Name, note)
		}
	}
}

// A checkpoint is sent as JSON in ASCII, and what is none, or is too large, is an error at the call.
func TestVectorsOfCheckpoints(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Needs string
		Given       any
		Times       int
		Sent        *string
	}](t, "checkpoints") {
		given := c.Given
		switch {
		case c.Needs == "surrogates": // Go's strings hold none, a json.RawMessage does
			given = json.RawMessage(`["a\ud800b"]`)
		case c.Needs == "numbers":
			given, _ = strconv.ParseFloat(c.Given.(string), 64)
		case c.Times > 0:
			given = strings.Repeat(c.Given.(string), c.Times)
		}
		sent, err := encodeCheckpoint(given)
		if c.Times > 0 {
			sent = strconv.Itoa(len(sent))
		}
		if (err == nil) != (c.Sent != nil) || err == nil && sent != *c.Sent {
			t.Errorf("%s: %q, %v", c.Name, sent, err)
		}
	}
}

// A pair of escapes is a character, each half alone is none, and an escaped backslash is no escape.
func TestLoneSurrogates(t *testing.T) {
	for text, want := range map[string]bool{
		`"\ud83d\ude00"`: false, `"\ud83d"`: true, `"\ude00"`: true, `"\ude00\ud83d"`: true, `"\ud83d\ud83d\ude00"`: true,
		`"\\ud83d"`: false, `"\\\ud83d"`: true, `"\u0000\""`: false, `"\ud83dx\ude00"`: true,
	} {
		if got := hasLoneSurrogate(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// A refusal cancels nothing and renews leases; only a schema that is gone ends the tokens.
func TestVectorsOfErrors(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Meaning string
		SQLState      *string
		FenceIsGone   bool `json:"fence_is_gone"`
	}](t, "sqlstates") {
		err := errors.New("no answer")
		if c.SQLState != nil {
			err = &pgconn.PgError{Code: *c.SQLState}
		}
		b := &Beater{log: slog.New(slog.DiscardHandler)}
		b.Fences = true
		b.recordFence(true)
		isRefused := refusalReason(err) != ""
		if isRefused {
			b.recordRefusal(err)
		}
		if isRefused != (c.Meaning != "failure") || (b.knownFence() == fenceMissing) != c.FenceIsGone {
			t.Errorf("%s: refused %v, fence %v", c.Name, isRefused, b.knownFence())
		}
	}
}

// One bad value of the environment must stop no beat.
func TestVectorsOfPods(t *testing.T) {
	for _, c := range vectors[struct {
		Name        string
		Given, Sent *string
	}](t, "pods") {
		if c.Given == nil {
			c.Given = new(string) // as an unset variable is read
		}
		sent := fitName(*c.Given)
		if (sent == nil) != (c.Sent == nil) || sent != nil && *sent != *c.Sent {
			t.Errorf("%s: %v", c.Name, sent)
		}
	}
}

// What a beat answers decides whether the work is cancelled, is named again, and has its lease renewed.
func TestVectorsOfDecisions(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Answer string
		Cancel       *string
		BeatsOn      bool `json:"beats_on"`
		RenewsLease  bool `json:"renews_lease"`
	}](t, "decisions") {
		b := testBeater(t, nil)
		w, ctx := b.Begin(context.Background(), Claim{JobID: 1, AttemptedAt: "2026-11-23T08:14:24.887644Z"}, Standard)
		w.lastBeat -= longestDelay
		before := w.lastBeat
		batch := b.collect()
		b.beatArguments(batch)
		batch.sent = uptime()
		answer, err := answerOf(batch, c.Answer)
		b.applyAnswer(batch, answer, err)

		cause := ""
		switch context.Cause(ctx) {
		case ErrClaimLost:
			cause = "claim_lost"
		case ErrStopRequested:
			cause = "stop_requested"
		}
		if c.Cancel == nil && ctx.Err() != nil || c.Cancel != nil && cause != *c.Cancel {
			t.Errorf("%s: cancelled by %v", c.Name, context.Cause(ctx))
		}
		if beats := !w.lost && !w.finished; beats != c.BeatsOn {
			t.Errorf("%s: beats on: %v", c.Name, beats)
		}
		if renewed := w.lastBeat > before; renewed != c.RenewsLease && c.Answer != statusFinished { // it has no lease any more
			t.Errorf("%s: lease renewed: %v", c.Name, renewed)
		}
		b.halt()
		w.Finish(Failed)
	}
}

// answerOf is what a beat of one claim brings.
func answerOf(batch *batch, answer string) (statuses, error) {
	found := statuses{}
	switch answer {
	case "refusal":
		return nil, &pgconn.PgError{Code: "42501"}
	case "read_only":
		return nil, &pgconn.PgError{Code: "25006"}
	case "failure":
		return nil, &pgconn.PgError{Code: "57014"}
	case "missing":
		return found, errAnswerFitsNoClaim
	case "unknown_ordinal":
		return found, found.record(batch.works, 2, statusLost)
	}
	return found, found.record(batch.works, 1, answer)
}
