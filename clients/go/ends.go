package riverbeat

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

const mostEnds = 100_000 // kept while the database is away; they only inform

// ending is how the work of a claim ended.
type ending struct {
	key     claimKey
	outcome Outcome
}

// addEnd needs b.mu.
func (b *Beater) addEnd(end ending) {
	if !b.Metadata && len(b.ends) < mostEnds {
		b.ends = append(b.ends, end)
	}
}

// flushEnds sends what has ended since the last time, and keeps it if that fails.
func (b *Beater) flushEnds(ctx context.Context) {
	b.mu.Lock()
	ends := b.ends
	b.ends = nil
	limit := limit(b.interval)
	if b.halted.Err() != nil {
		limit = min(limit, goodbye)
	}
	b.mu.Unlock()
	if len(ends) == 0 {
		return
	}
	slices.SortFunc(ends, func(a, b ending) int { return a.key.compare(b.key) })
	err := b.beats.use(ctx, limit, func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.ask(ctx, conn)
		if err != nil {
			return err
		}
		return query(ctx, conn, sql.end, endArguments(ends), func(rows pgx.Rows) error { return rows.Err() })
	})
	if err == nil {
		return
	}
	b.trouble.beat(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ends = append(ends, b.ends...)
}

func endArguments(ends []ending) map[string]any {
	ids, times, outcomes := make([]int64, len(ends)), make([]string, len(ends)), make([]string, len(ends))
	for i, end := range ends {
		ids[i], times[i], outcomes[i] = end.key.jobID, end.key.attemptedAt, string(end.outcome)
	}
	return map[string]any{"job_ids": ids, "attempted_ats": times, "outcomes": outcomes}
}
