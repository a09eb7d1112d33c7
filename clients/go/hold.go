package riverbeat

import (
	"context"
	"errors"

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
