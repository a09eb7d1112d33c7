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
	beaten := map[int64]bool{}
	var id int64
	err := query(ctx, conn, sql.beatMetadata, claimArguments(batch.works), func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error { beaten[id] = true; return nil })
		return err
	})
	if err != nil {
		return nil, err
	}
	var missed []*Work
	for _, w := range batch.works {
		if beaten[w.key.jobID] && b.isNewest(w) {
			answer[w.key] = statusHeld
		} else {
			missed = append(missed, w)
		}
	}
	if len(missed) == 0 {
		return answer, nil
	}
	return answer, readStatuses(ctx, conn, sql, missed, answer)
}

// isNewest is false for an attempt that has a successor in this process: the answer of beat_metadata.sql names no attempt.
func (b *Beater) isNewest(w *Work) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest[w.key.jobID] == w
}

// readStatuses adds the status of each missed claim to answer.
func readStatuses(ctx context.Context, conn *pgx.Conn, sql *statements, missed []*Work, answer statuses) error {
	for _, w := range missed {
		answer[w.key] = statusLost
	}
	var key claimKey
	var done bool
	return query(ctx, conn, sql.claimStatus, claimArguments(missed), func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&key.jobID, &key.attemptedAt, &done}, func() error {
			answer[key] = statusHeld
			if done {
				answer[key] = statusFinished
			}
			return nil
		})
		return err
	})
}
