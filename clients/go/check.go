package riverbeat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// contract is the version of the keeper schema that has heartbeats, and the newest this client understands.
const contract = 2

// askAgain is how long an answer of meta holds: the fence may be installed, removed or disabled at any time.
const askAgain = time.Minute

// ask returns the statements for our schemas, after the keeper schema has said that it serves our River. It is asked on
// every new connection, at least each minute, and after every error that says that something is missing.
func (b *Beater) ask(ctx context.Context, conn *pgx.Conn) (*statements, error) {
	b.mu.Lock()
	sql := b.sql
	due := sql == nil || b.askedOn != conn || uptime()-b.askedAt >= askAgain*9/10-b.interval // not at the tick after it
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
		b.learnFence(false)
	} else if err := b.checkKeeper(ctx, conn, made.meta, river); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.sql, b.askedOn, b.askedAt = &made, conn, uptime()
	b.mu.Unlock()
	return &made, nil
}

// riverSchema is named, or found as River finds it.
func (b *Beater) riverSchema(ctx context.Context, conn *pgx.Conn) (schema string, err error) {
	if b.RiverSchema != "" {
		return b.RiverSchema, nil
	}
	err = conn.QueryRow(ctx, statement("query/river_schema", "", ""), pgx.QueryExecModeExec).Scan(&schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", &refusal{reason: "River's tables are not in the search_path: name their schema"}
	}
	return schema, err
}

func (b *Beater) checkKeeper(ctx context.Context, conn *pgx.Conn, meta, river string) error {
	var serves string
	var version, minCompatible int
	var fence bool
	err := queryRow(ctx, conn, meta, nil, &serves, &version, &minCompatible, &fence)
	if err == nil && serves == river {
		b.learnFence(fence) // also of a version that we do not beat into: results must be fenced all the same
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return &refusal{reason: fmt.Sprintf("keeper schema %q is not installed to its end", b.KeeperSchema)}
	case err != nil:
		return err
	case serves != river:
		return &refusal{reason: fmt.Sprintf("keeper schema %q serves River schema %q, not %q", b.KeeperSchema, serves, river)}
	case version < contract:
		return &refusal{reason: fmt.Sprintf("keeper schema %q has version %d, without heartbeats: upgrade it", b.KeeperSchema, version)}
	case minCompatible > contract:
		return &refusal{reason: fmt.Sprintf("keeper schema %q needs a newer client (%d, this is %d)", b.KeeperSchema, minCompatible, contract)}
	}
	return nil
}

// believe refuses an answer by which our claims are lost in a table that none of our jobs came from: the River schema
// is wrong then, and every claim would look lost. One claim that was found there is proof for ever.
func (b *Beater) believe(ctx context.Context, conn *pgx.Conn, sql *statements, works []*Work, answer standings) error {
	b.mu.Lock()
	proven := b.proven
	b.mu.Unlock()
	if proven || len(works) == 0 {
		return nil
	}
	for _, w := range works {
		if answer[w.key] != lost || w.claim.Kind == "" {
			return b.prove()
		}
	}
	var known bool
	claim := works[0].claim
	arguments := map[string]any{"job_id": claim.JobID, "kind": claim.Kind}
	if err := queryRow(ctx, conn, sql.known, arguments, &known); err != nil {
		return err
	}
	if !known {
		reason := fmt.Sprintf("job %d (%s) is not in this River's table: wrong River schema?", claim.JobID, claim.Kind)
		return &refusal{reason: reason, foreign: true}
	}
	return b.prove()
}

func (b *Beater) prove() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proven = true
	return nil
}
