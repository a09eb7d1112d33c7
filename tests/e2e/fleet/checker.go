package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"
)

// A checker works jobs that go by their own row: they prove that they live by metadata.health_check_at, the plainest beat
// Riverkeeper reads, or read there how they shall end.
type checker struct {
	pool   *pgxpool.Pool
	schema string
}

// until beats each second until the job is done, or asked to stop; a nil channel is never done.
func (c *checker) until(ctx context.Context, job *rivertype.JobRow, done <-chan time.Time) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := c.beat(ctx, job); err != nil {
			slog.Warn("beat not written", "job", job.ID, "error", err)
		}
		select {
		case <-tick.C:
		case <-done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// beat names the whole claim: without it a worker that lost its job would keep the next attempt looking alive.
func (c *checker) beat(ctx context.Context, job *rivertype.JobRow) error {
	statement := fmt.Sprintf(`UPDATE %s SET metadata = metadata || jsonb_build_object('health_check_at', $1::text)
		WHERE id = $2 AND state = 'running' AND attempt = $3 AND attempted_at = $4`, c.table())
	_, err := c.pool.Exec(ctx, statement, time.Now().UTC().Format(time.RFC3339Nano), job.ID, job.Attempt, job.AttemptedAt)
	return err
}

// told is how this attempt shall end; empty as long as it shall not.
func (c *checker) told(job *rivertype.JobRow) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var end string
	statement := fmt.Sprintf(`SELECT coalesce(metadata #>> ARRAY['ends', $2], '') FROM %s WHERE id = $1`, c.table())
	if err := c.pool.QueryRow(ctx, statement, job.ID, strconv.Itoa(job.Attempt)).Scan(&end); err != nil {
		slog.Warn("row not read", "job", job.ID, "error", err)
	}
	return end
}

func (c *checker) table() string {
	if c.schema == "" {
		return "river_job"
	}
	return pgx.Identifier{c.schema, "river_job"}.Sanitize()
}
