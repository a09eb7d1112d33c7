package riverbeat_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	riverbeat "github.com/riverkeeper/riverkeeper/clients/go"
)

func ExampleProgress() {
	work := func(ctx context.Context, pages int) {
		for page := range pages {
			riverbeat.Progress(ctx, float64(page)/float64(pages), fmt.Sprintf("page %d of %d", page, pages))
			// ... read the page
		}
	}
	work(context.Background(), 10) // in a test, without a beat, it does nothing
	// Output:
}

// A job that logs why it was stopped.
func ExampleErrClaimLost() {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(riverbeat.ErrClaimLost) // the beats do this
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, riverbeat.ErrClaimLost):
		fmt.Println("somebody else has the job: undo, and return")
	case errors.Is(cause, riverbeat.ErrLeaseExpired):
		fmt.Println("cut off from the database: stop before a successor begins")
	case errors.Is(cause, riverbeat.ErrStopRequested):
		fmt.Println("taken for hung: return, the job will be retried")
	}
	// Output: somebody else has the job: undo, and return
}

// A queue other than River.
func ExampleBeater() {
	ctx := context.Background()
	database, err := pgxpool.ParseConfig("postgres://localhost/app")
	if err != nil {
		panic(err)
	}
	beater, err := riverbeat.New(riverbeat.Config{Database: database, ClientID: "worker-1"})
	if err != nil {
		panic(err)
	}
	beater.Start(ctx)
	defer func() { _ = beater.Stop(context.Background()) }()

	claim := riverbeat.Claim{JobID: 7, Attempt: 1, AttemptedAt: "2026-11-23T08:14:24.887644Z"}
	work, ctx := beater.Begin(ctx, claim, riverbeat.Standard)
	outcome := riverbeat.Completed
	if err := run(ctx); err != nil {
		outcome = riverbeat.Failed
	}
	if work.Finish(outcome) {
		report(outcome)
	}
}

// The one real guarantee: the claim is held in the transaction that has the effect.
func ExampleVerifyClaim() {
	effect := func(ctx context.Context, pool *pgxpool.Pool, claim riverbeat.Claim) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if err := riverbeat.VerifyClaim(ctx, tx, claim); err != nil {
				return err // rolls back
			}
			_, err := tx.Exec(ctx, "UPDATE account SET balance = balance - 10 WHERE id = 1")
			return err
		})
	}
	_ = effect
}

func run(context.Context) error { return nil }

func report(riverbeat.Outcome) {}
