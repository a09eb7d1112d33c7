package riverbeat

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// beatMetadata sends the beat of metadata mode. The statement skips rows that another transaction has locked, so the status
// of the claims that did not come back is read before any of them counts as lost.
func (b *Beater) beatMetadata(ctx context.Context, conn *pgx.Conn, sql *statements, batch *batch) (statuses, error) {
	batch.counts = make([]uint64, len(batch.works))
	answer := make(statuses, len(batch.works))
	if len(batch.works) == 0 {
		return answer, conn.Ping(ctx)
	}
	var ordinal int
	err := query(ctx, conn, sql.beatMetadata, claimArguments(batch.works), func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&ordinal}, func() error {
			return answer.record(batch.works, ordinal, statusHeld)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	var missed []*Work
	for _, w := range batch.works {
		if answer[w.key] == "" {
			missed = append(missed, w)
		}
	}
	if len(missed) == 0 {
		return answer, nil
	}
	return answer, readStatuses(ctx, conn, sql, missed, answer)
}

// readStatuses adds the status of each missed claim to answer.
func readStatuses(ctx context.Context, conn *pgx.Conn, sql *statements, missed []*Work, answer statuses) error {
	for _, w := range missed {
		answer[w.key] = statusLost
	}
	var ordinal int
	var done bool
	return query(ctx, conn, sql.claimStatus, claimArguments(missed), func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&ordinal, &done}, func() error {
			if done {
				return answer.record(missed, ordinal, statusFinished)
			}
			return answer.record(missed, ordinal, statusHeld)
		})
		return err
	})
}
