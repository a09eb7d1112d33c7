package riverbeat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// refusal is an answer of the database that means: no heartbeats here. A refusal never cancels a job.
type refusal struct {
	reason  string
	missing bool // the tables are not there
}

func (r *refusal) Error() string { return "riverbeat: " + r.reason }

// refusals are the SQLSTATEs that a retry does not heal, and after which nothing was written.
var refusals = map[string]string{
	"42P01": "a table is missing: install or upgrade the keeper schema (riverkeeper schema install)",
	"3F000": "a schema is missing: install the keeper schema (riverkeeper schema install)",
	"42703": "a column is missing: upgrade the keeper schema (riverkeeper schema install) or this client",
	"42704": "an object is missing: upgrade the keeper schema (riverkeeper schema install) or this client",
	"42883": "a function is missing: upgrade the keeper schema (riverkeeper schema install) or this client",
	"42501": "a grant is missing (riverkeeper schema grants)",
	"25006": "the server is read-only: connect to the primary",
	"28000": "the server refused the login",
	"28P01": "the server refused the password",
	"3D000": "the database does not exist",
}

// refusalReason is why the database accepts no beats, or "" for any other error.
func refusalReason(err error) string {
	var known *refusal
	if errors.As(err, &known) {
		return known.reason
	}
	if answer := serverError(err); answer != nil {
		return refusals[answer.Code]
	}
	return ""
}

// isMissing is true where the tables are not there, so that nothing can have been saved in them.
func isMissing(err error) bool {
	var known *refusal
	if errors.As(err, &known) {
		return known.missing
	}
	answer := serverError(err)
	return answer != nil && (answer.Code == "42P01" || answer.Code == "3F000")
}

// serverError is the server's own error, or nil where the statement did not reach the server.
func serverError(err error) *pgconn.PgError {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer
	}
	return nil
}

// isRetryable is true for errors after which the same statement may succeed at once: a deadlock or a serialization failure.
func isRetryable(err error) bool {
	answer := serverError(err)
	return answer != nil && (answer.Code == "40P01" || answer.Code == "40001")
}

// failureLog logs each kind of failure once, and once when beats succeed again.
type failureLog struct {
	log    *slog.Logger
	mu     sync.Mutex
	logged map[string]bool
}

const beatKind = "beat" // prefix of the kinds that a successful beat ends

func (l *failureLog) logOnce(kind, message string, attributes ...any) {
	if l.isNew(kind) {
		l.log.Error(message, attributes...)
	}
}

func (l *failureLog) isNew(kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.logged[kind] {
		return false
	}
	if l.logged == nil {
		l.logged = map[string]bool{}
	}
	l.logged[kind] = true
	return true
}

// beatFailed logs a beat that failed. The jobs go on in any case.
func (l *failureLog) beatFailed(err error) {
	if reason := refusalReason(err); reason != "" {
		l.logOnce(beatKind+": "+reason, "riverbeat: beats are refused; jobs continue without heartbeats",
			slog.String("reason", reason), slog.Any("error", err))
		return
	}
	if errors.Is(err, context.Canceled) {
		return // this process stops
	}
	if l.isNew(beatKind) {
		l.log.Warn("riverbeat: beat failed; jobs continue, the next tick tries again", slog.Any("error", err))
	}
}

// recovered forgets the failures of beats, so that new ones are logged again.
func (l *failureLog) recovered() {
	if l.forget(beatKind) {
		l.log.Info("riverbeat: beats succeed again")
	}
}

// forget is true where a kind with this prefix was logged.
func (l *failureLog) forget(prefix string) (found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind := range l.logged {
		if strings.HasPrefix(kind, prefix) {
			delete(l.logged, kind)
			found = true
		}
	}
	return found
}

// guarded runs code that must never harm a job: a panic in it is logged and counted.
func (b *Beater) guarded(step string, do func()) {
	defer func() {
		if caught := recover(); caught != nil {
			b.counts.panics.Add(1)
			b.failureLog.logOnce("panic: "+step, "riverbeat: bug in the heartbeat client; jobs continue",
				slog.String("step", step), slog.String("panic", fmt.Sprint(caught)))
		}
	}()
	do()
}
