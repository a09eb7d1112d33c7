package suite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// InstallFence puts the fence on River's table, as `riverkeeper schema fence install` does.
func InstallFence(tb testing.TB, url, keeper, river string) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(schemaFolder(), "sql", "create_fence.sql"))
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(context.Background())
	sql := strings.ReplaceAll(string(text), "keeper.", pgx.Identifier{keeper}.Sanitize()+".")
	sql = strings.ReplaceAll(sql, "river.", pgx.Identifier{river}.Sanitize()+".")
	if _, err := conn.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		tb.Fatal(err)
	}
}
