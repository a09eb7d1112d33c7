package riverbeat

import (
	"context"
	"log/slog"
	"time"
)

// TokenKey is the key of a job's metadata under which its result carries the fencing token.
const TokenKey = "riverkeeper:claim"

// fence is what is known of the triggers that keep an old result out of a later attempt.
type fence int32

const (
	fenceUnknown fence = iota // meta has not answered yet
	fenceMissing
	fenceInForce
)

// knownFence takes no lock: every job calls it.
func (b *Beater) knownFence() fence { return fence(b.fence.Load()) }

func (b *Beater) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == stateStarted
}

// firstAnswerTimeout is how long the jobs of a process that has just started wait for the first answer of meta, at most.
const firstAnswerTimeout = time.Second

// Token is the fencing token of this work: attach it to the result, under TokenKey, before the work begins and once more
// after it has returned. The database then drops the result if the claim is lost by the time it is written. "" means that
// no token is wanted, because no fence is in force.
//
// While it is not known whether the fence is in force, there is a token. A needless token is left over in the
// job's metadata, and no fence judges by it later; a result without a token may be written into a later attempt.
func (w *Work) Token() string {
	b := w.process
	if b == nil || !b.Fences {
		return ""
	}
	if b.knownFence() == fenceMissing {
		return ""
	}
	return w.key.attemptedAt
}

// awaitFirstAnswer holds up the first jobs of a process, until it is known whether results need a token. Once the first
// beat has succeeded or failed, no job waits here: a job must not depend on the database.
func (b *Beater) awaitFirstAnswer(ctx context.Context) {
	if !b.Fences || b.knownFence() != fenceUnknown || !b.running() {
		return
	}
	timer := time.NewTimer(firstAnswerTimeout)
	defer timer.Stop()
	select {
	case <-b.answered:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// recordFence takes in an answer of meta.
func (b *Beater) recordFence(inForce bool) {
	found := fenceMissing
	if inForce {
		found = fenceInForce
	}
	before := fence(b.fence.Swap(int32(found)))
	switch {
	case before == fenceUnknown:
		b.logStart(inForce)
	case before == found:
	case inForce:
		b.log.Info("riverbeat: fence is now in force")
	default:
		b.log.Warn("riverbeat: the fence is not in force any more: a late result may be written into the next attempt",
			slog.String("fix", "riverkeeper schema fence install"))
	}
}

// logStart logs once whether results are fenced, so that no operator has to guess it.
func (b *Beater) logStart(inForce bool) {
	attributes := []any{slog.String("client_id", b.ClientID), slog.Duration("interval", b.Interval),
		slog.String("keeper_schema", b.KeeperSchema)}
	switch {
	case inForce && b.Fences:
		b.log.Info("riverbeat: beating", append(attributes, slog.String("fence", "yes"))...)
	case b.Metadata:
		b.log.Info("riverbeat: beating", append(attributes, slog.String("fence", "no"),
			slog.String("reason", "metadata mode has no fence"))...)
	case inForce:
		b.log.Warn("riverbeat: beating", append(attributes, slog.String("fence", "no"),
			slog.String("reason", "this client attaches no token to its results"))...)
	default:
		b.log.Warn("riverbeat: beating", append(attributes, slog.String("fence", "no"),
			slog.String("reason", "the fence is not installed (riverkeeper schema fence install)"))...)
	}
}

// recordRefusal takes in a refusal: without the keeper schema there are no triggers. A grant that was revoked or a server
// that is read-only proves nothing about them, so the last answer stays.
func (b *Beater) recordRefusal(err error) {
	answer := serverError(err)
	if answer != nil && (answer.Code == "42P01" || answer.Code == "3F000") {
		b.fence.Store(int32(fenceMissing))
	}
	b.fence.CompareAndSwap(int32(fenceUnknown), int32(fenceMissing))
}

// fenced is what the client row reports: results carry a token, and the database checks it.
func (b *Beater) fenced() bool { return b.Fences && b.knownFence() == fenceInForce }
