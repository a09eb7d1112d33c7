package riverbeat

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// pin makes the names in our statements mean PostgreSQL's own functions, operators and types: with another schema in the
// search_path, any login that may create there can offer a better match, and it would run with the worker's rights. A policy of
// row level security that hides a job is an error, or its claim would look lost. What is written and read as text is so
// in one form, whatever the login sets.
const pin = `SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
	pg_catalog.set_config('row_security', 'off', true), pg_catalog.set_config('array_nulls', 'on', true),
	pg_catalog.set_config('DateStyle', 'ISO, YMD', true), pg_catalog.set_config('IntervalStyle', 'postgres', true),
	pg_catalog.set_config('TimeZone', 'UTC', true), pg_catalog.set_config('extra_float_digits', '1', true),
	pg_catalog.set_config('standard_conforming_strings', 'on', true)`

// query runs one statement of ours under the pin. Both go in one message, which is one transaction: no round trip more,
// nothing left behind on a connection that PgBouncer gives to others. The connection sends without preparing (connect).
func query(ctx context.Context, conn *pgx.Conn, sql string, arguments map[string]any, read func(pgx.Rows) error) error {
	batch := &pgx.Batch{}
	batch.Queue(pin)
	batch.Queue(sql, pgx.StrictNamedArgs(arguments)).Query(read)
	return conn.SendBatch(ctx, batch).Close()
}

// queryRow is query for the first row; pgx.ErrNoRows where there is none.
func queryRow(ctx context.Context, conn *pgx.Conn, sql string, arguments map[string]any, columns ...any) error {
	return query(ctx, conn, sql, arguments, func(rows pgx.Rows) error {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return err
			}
			return pgx.ErrNoRows
		}
		return rows.Scan(columns...)
	})
}
