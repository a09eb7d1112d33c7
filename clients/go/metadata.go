package riverbeat

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// beatRows is the beat of metadata mode. The statement passes by rows that another transaction has locked, so the
// claims that did not come back are asked for again before any is taken for lost.
func (b *Beater) beatRows(ctx context.Context, conn *pgx.Conn, sql *statements, batch *batch) (standings, error) {
	batch.counts = make([]uint64, len(batch.works))
	answer := make(standings, len(batch.works))
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
		if beaten[w.key.jobID] && b.newestOf(w) {
			answer[w.key] = held
		} else {
			missed = append(missed, w)
		}
	}
	if len(missed) == 0 {
		return answer, nil
	}
	return answer, standingOf(ctx, conn, sql, missed, answer)
}

// newestOf is false for an attempt that has a successor here: the answer has no attempt in it.
func (b *Beater) newestOf(w *Work) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest[w.key.jobID] == w
}

func standingOf(ctx context.Context, conn *pgx.Conn, sql *statements, missed []*Work, answer standings) error {
	for _, w := range missed {
		answer[w.key] = lost
	}
	var position int
	var done bool
	return query(ctx, conn, sql.standing, claimArguments(missed), func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&position, &done}, func() error {
			standing := held
			if done {
				standing = finished
			}
			answer[missed[position-1].key] = standing
			return nil
		})
		return err
	})
}
