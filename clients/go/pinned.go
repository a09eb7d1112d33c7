package riverbeat

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// pin makes the names in our statements mean PostgreSQL's own functions, operators and types: with another schema in the
// search_path, whoever may create there can offer a better match, and it would run with the worker's rights.
const pin = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)"

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
