package suite

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// fenceSQL is the two triggers, without the record of what they drop.
const fenceSQL = `
CREATE FUNCTION keeper.test_fence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF new.metadata ->> 'riverkeeper:claim' = to_char(old.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') THEN
		RETURN new; -- not claimed again: only the metadata would change
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION keeper.test_strip() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	new.metadata := new.metadata - 'riverkeeper:claim';
	RETURN new;
END $$;
CREATE TRIGGER riverkeeper_fence BEFORE UPDATE ON river.river_job FOR EACH ROW
WHEN ((new.metadata -> 'riverkeeper:claim') IS NOT NULL
	AND (old.metadata -> 'riverkeeper:claim') IS DISTINCT FROM (new.metadata -> 'riverkeeper:claim')
	AND (new.metadata ->> 'riverkeeper:claim') IS DISTINCT FROM
		to_char(old.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
EXECUTE FUNCTION keeper.test_fence();
CREATE TRIGGER riverkeeper_fence_strip BEFORE UPDATE ON river.river_job FOR EACH ROW
WHEN ((new.metadata -> 'riverkeeper:claim') IS NOT NULL) EXECUTE FUNCTION keeper.test_strip();
`

// InstallFence puts the fence on River's table.
func InstallFence(tb testing.TB, url, keeper, river string) {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(context.Background())
	sql := strings.ReplaceAll(fenceSQL, "keeper.", pgx.Identifier{keeper}.Sanitize()+".")
	sql = strings.ReplaceAll(sql, "river.river_job", pgx.Identifier{river, "river_job"}.Sanitize())
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		tb.Fatal(err)
	}
}
