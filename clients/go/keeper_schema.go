package riverbeat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// contract is the first version of the keeper schema with heartbeats, and the newest that this client can use.
const contract = 2

// checkInterval is how long an answer of meta.sql holds: the fence may be installed, removed or disabled at any time.
const checkInterval = time.Minute

// checkedStatements returns the statements for our schemas, after meta.sql has shown that the keeper schema serves our River.
// The check runs on every new connection, at least each minute, and after every refusal.
func (b *Beater) checkedStatements(ctx context.Context, conn *pgx.Conn) (*statements, error) {
	b.mu.Lock()
	sql := b.sql
	due := sql == nil || b.checkedOn != conn || uptime()-b.checkedAt >= checkInterval*9/10-b.interval // and not at the tick after the minute is over
	b.mu.Unlock()
	if !due {
		return sql, nil
	}
	river, err := b.riverSchema(ctx, conn)
	if err != nil {
		return nil, err
	}
	made := newStatements(river, b.KeeperSchema)
	if b.Metadata {
		b.recordFence(false)
	} else if err := b.checkKeeper(ctx, conn, made.meta, river); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.sql, b.checkedOn, b.checkedAt = &made, conn, uptime()
	b.mu.Unlock()
	return &made, nil
}

// riverSchema is the configured schema, or the one that the search_path finds, as in River.
func (b *Beater) riverSchema(ctx context.Context, conn *pgx.Conn) (schema string, err error) {
	if b.RiverSchema != "" {
		return b.RiverSchema, nil
	}
	err = conn.QueryRow(ctx, statement("query/river_schema", "", ""), pgx.QueryExecModeExec).Scan(&schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", &refusal{reason: "the search_path finds no table river_job: set Config.RiverSchema"}
	}
	return schema, err
}

func (b *Beater) checkKeeper(ctx context.Context, conn *pgx.Conn, meta, river string) error {
	var serves string
	var version, minCompatible int
	var fence bool
	err := queryRow(ctx, conn, meta, nil, &serves, &version, &minCompatible, &fence)
	if err == nil && serves == river {
		b.recordVersion(version)
		b.recordFence(fence) // also where the version does not fit: results must be fenced all the same
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return &refusal{missing: true, reason: fmt.Sprintf("keeper schema %q is not fully installed: run riverkeeper schema install", b.KeeperSchema)}
	case err != nil:
		return err
	case serves != river:
		return &refusal{reason: fmt.Sprintf("keeper schema %q serves River schema %q, not %q: set Config.KeeperSchema or Config.RiverSchema", b.KeeperSchema, serves, river)}
	case version < contract:
		return &refusal{missing: true, reason: fmt.Sprintf("keeper schema %q has version %d, without heartbeats: run riverkeeper schema install", b.KeeperSchema, version)}
	case minCompatible > contract:
		return &refusal{reason: fmt.Sprintf("keeper schema %q needs a client of version %d, this client has version %d: upgrade the client", b.KeeperSchema, minCompatible, contract)}
	}
	return nil
}

// verifyRiverSchema refuses an answer in which every claim is lost, where the table does not know the job at all: then the
// River schema is wrong, and every claim would look lost. One claim that was found there is proof for the whole process.
func (b *Beater) verifyRiverSchema(ctx context.Context, conn *pgx.Conn, sql *statements, works []*Work, answer statuses) error {
	b.mu.Lock()
	riverVerified := b.riverVerified
	b.mu.Unlock()
	if riverVerified || len(works) == 0 {
		return nil
	}
	for _, w := range works {
		if answer[w.key] != statusLost || w.claim.Kind == "" {
			return b.markRiverVerified()
		}
	}
	var known bool
	claim := works[0].claim
	arguments := map[string]any{"job_id": claim.JobID, "kind": claim.Kind}
	if err := queryRow(ctx, conn, sql.known, arguments, &known); err != nil {
		return err
	}
	if !known {
		reason := fmt.Sprintf("job %d (%s) is not in the table river_job: is Config.RiverSchema right?", claim.JobID, claim.Kind)
		return &refusal{reason: reason}
	}
	return b.markRiverVerified()
}

func (b *Beater) markRiverVerified() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.riverVerified = true
	return nil
}
