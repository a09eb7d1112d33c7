package riverbeat

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Querier is a transaction of pgx.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Hold locks the job of a claim until tx ends, so that nobody can take it away before the effects of tx are committed;
// ErrClaimLost means: roll back. It is the one real guarantee. Call it first in the transaction, before
// river.JobCompleteTx too, and keep the transaction short: River's own write of the job waits for it.
//
// River's schema is that of the Beater in ctx, or else found by the search_path.
func Hold(ctx context.Context, tx Querier, claim Claim) error {
	schema := ""
	if w, ok := ctx.Value(workKey{}).(*Work); ok {
		schema = w.b.RiverSchema
	}
	return holdClaim(ctx, tx, statement("sql/hold", schema, ""), claim)
}

// Hold is the package's Hold for the claim of this work.
func (w *Work) Hold(ctx context.Context, tx Querier) error {
	if w.b == nil {
		return errors.New("riverbeat: this work was begun without a claim")
	}
	return holdClaim(ctx, tx, statement("sql/hold", w.b.RiverSchema, ""), w.claim)
}

func holdClaim(ctx context.Context, tx Querier, sql string, claim Claim) error {
	arguments := named(map[string]any{
		"job_id": claim.JobID, "attempted_at": claim.AttemptedAt, "attempt": int16(claim.Attempt),
	})
	var held int
	err := tx.QueryRow(ctx, sql, arguments...).Scan(&held)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrClaimLost
	}
	return err
}

// AwaitRest waits until a late result of this job would be ignored by River, because the job waits for its next attempt
// or is over; at most for as long as given, and five seconds once ctx is over. True means that it rests. It is for
// queues that cannot be kept from writing a result.
func (w *Work) AwaitRest(ctx context.Context, most time.Duration) (rests bool) {
	if w.b == nil {
		return true
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	forget := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(shutdownGrace, cancel)
		context.AfterFunc(patience, func() { timer.Stop() })
	})
	defer forget()
	for {
		if rests, err := w.rests(patience); err == nil && rests {
			return true
		}
		select {
		case <-patience.Done():
			return false
		case <-time.After(2 * firstPause):
		}
	}
}

func (w *Work) rests(ctx context.Context) (rests bool, err error) {
	err = w.b.settles.use(ctx, settleLimit, func(ctx context.Context, conn *pgx.Conn) error {
		sql := statement("query/rest", w.b.RiverSchema, "")
		return conn.QueryRow(ctx, sql, named(map[string]any{"job_id": w.claim.JobID})...).Scan(&rests)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return true, nil
	}
	return rests, err
}
