package riverbeat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// refusal is an answer that says: no heartbeats here. It never cancels anything.
type refusal struct {
	reason  string
	foreign bool // found out after the fact: the table is another River's
}

func (r *refusal) Error() string { return "riverbeat: " + r.reason }

// refusals are the SQLSTATEs that no retry will heal, and after which nothing was written.
var refusals = map[string]string{
	"42P01": "a table is missing: install or upgrade the keeper schema (riverkeeper schema install)",
	"3F000": "a schema is missing: install the keeper schema (riverkeeper schema install)",
	"42703": "a column is missing: the keeper schema is of another version",
	"42501": "a grant is missing (riverkeeper schema grants)",
	"25006": "the server is read-only",
	"28000": "the login was refused",
	"28P01": "the login was refused",
	"3D000": "the database does not exist",
}

// refused says why the server will not have beats, or "".
func refused(err error) string {
	var known *refusal
	if errors.As(err, &known) {
		return known.reason
	}
	if answer := answered(err); answer != nil {
		return refusals[answer.Code]
	}
	return ""
}

func foreign(err error) bool {
	var known *refusal
	return errors.As(err, &known) && known.foreign
}

// answered is the server's own error, or nil where the way to it failed.
func answered(err error) *pgconn.PgError {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer
	}
	return nil
}

// collided is true for errors after which the same statement is worth an instant second try.
func collided(err error) bool {
	answer := answered(err)
	return answer != nil && (answer.Code == "40P01" || answer.Code == "40001")
}

// trouble tells each kind of trouble once, and once when it is over.
type trouble struct {
	log  *slog.Logger
	mu   sync.Mutex
	told map[string]bool
}

func (t *trouble) once(kind, message string, attributes ...any) {
	if t.first(kind) {
		t.log.Error(message, attributes...)
	}
}

func (t *trouble) first(kind string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told[kind] {
		return false
	}
	if t.told == nil {
		t.told = map[string]bool{}
	}
	t.told[kind] = true
	return true
}

// beat tells of a beat that failed. The job goes on in any case.
func (t *trouble) beat(err error) {
	if reason := refused(err); reason != "" {
		t.once("beat: "+reason, "riverbeat: no heartbeats; jobs go on without", slog.String("reason", reason),
			slog.Any("error", err))
		return
	}
	if errors.Is(err, context.Canceled) {
		return // we are being stopped
	}
	if t.first("beat") {
		t.log.Warn("riverbeat: a beat failed", slog.Any("error", err))
	}
}

// over forgets the troubles with beats, so that new ones are told again.
func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	troubled := false
	for kind := range t.told {
		if len(kind) >= 4 && kind[:4] == "beat" {
			delete(t.told, kind)
			troubled = true
		}
	}
	if troubled {
		t.log.Info("riverbeat: beats are heard again")
	}
}

// guarded runs what must never hurt a job: a panic in it is told and counted.
func (b *Beater) guarded(what string, do func()) {
	defer func() {
		if caught := recover(); caught != nil {
			b.counts.panics.Add(1)
			b.trouble.once("panic: "+what, "riverbeat: a bug in the heartbeat client; the job goes on",
				slog.String("in", what), slog.String("panic", fmt.Sprint(caught)))
		}
	}()
	do()
}
