package rivermiddleware_test

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	riverbeat "github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river/rivertype"
)

func Example() {
	pool, err := pgxpool.New(context.Background(), "postgres://localhost/app")
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	// rivermiddleware.Fenced(river.MetadataSet) with River 0.39 and newer
	beats := rivermiddleware.New(pool, rivermiddleware.Plain())
	_ = []rivertype.Middleware{beats} // river.Config.Middleware
}

func ExampleTierFor() {
	_ = rivermiddleware.TierFor(rivermiddleware.ByKind(map[string]riverbeat.Tier{
		"charge_card": {Interval: 2 * time.Second, Lease: 5 * time.Second},
		"report":      {Interval: 30 * time.Second},
	}))
}

func ExampleVerifyClaim() {
	work := func(ctx context.Context, pool *pgxpool.Pool, job *rivertype.JobRow) error {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }()
		if err := rivermiddleware.VerifyClaim(ctx, tx, job); err != nil {
			return err
		}
		// ... the effect
		return tx.Commit(ctx)
	}
	_ = work
}
