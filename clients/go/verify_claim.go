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

// VerifyClaim locks the job of a claim until tx ends, so that nobody can take the claim away before the effects of tx are
// committed. ErrClaimLost means: roll back. This check is the only real guarantee. Call it first in the transaction, also
// before river.JobCompleteTx, and keep the transaction short: River's own write of the job waits for it.
//
// River's schema is that of the Beater in ctx, otherwise the one that the search_path finds.
func VerifyClaim(ctx context.Context, tx Querier, claim Claim) error {
	schema := ""
	if w, ok := ctx.Value(workKey{}).(*Work); ok {
		schema = w.b.RiverSchema
	}
	return verifyClaim(ctx, tx, statement("sql/verify_claim", schema, ""), claim)
}

// VerifyClaim is the package's VerifyClaim for the claim of this work.
func (w *Work) VerifyClaim(ctx context.Context, tx Querier) error {
	if w.b == nil {
		return errors.New("riverbeat: this work has no claim: Begin found none that it could beat for")
	}
	return verifyClaim(ctx, tx, statement("sql/verify_claim", w.b.RiverSchema, ""), w.claim)
}

// claimArgument names a claim in a statement of one claim.
func claimArgument(claim Claim) map[string]any {
	return map[string]any{"job_id": claim.JobID, "attempted_at": claim.AttemptedAt, "attempt": int16(claim.Attempt)}
}

func verifyClaim(ctx context.Context, tx Querier, sql string, claim Claim) error {
	arguments := named(claimArgument(claim))
	var held int
	err := tx.QueryRow(ctx, sql, arguments...).Scan(&held)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrClaimLost
	}
	return err
}
