package riverbeat

import (
	"embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/*.sql query/*.sql
var files embed.FS

var (
	placeholder  = regexp.MustCompile(`%\((\w+)\)s`)
	keeperPrefix = regexp.MustCompile(`\bkeeper\.`)
	riverPrefix  = regexp.MustCompile(`\briver\.`)
)

// statements are the contract's SQL, for the schemas of one River.
type statements struct {
	meta, beat, beatMetadata, end, stack, claimStatus, verifyClaim string // copied from clients/sql
	pod                                                            string // the same
	checkpoint, checkpointTx, resume                               string // the same
	known                                                          string // this client's own, query/
}

func newStatements(river, keeper string) statements {
	sql := func(name string) string { return statement(name, river, keeper) }
	return statements{
		meta: sql("sql/meta"), beat: sql("sql/beat"), beatMetadata: sql("sql/beat_metadata"),
		end: sql("sql/end"), stack: sql("sql/stack"), claimStatus: sql("sql/claim_status"), verifyClaim: sql("sql/verify_claim"),
		checkpoint: sql("sql/checkpoint"), checkpointTx: sql("sql/checkpoint_tx"), resume: sql("sql/resume"),
		pod: sql("sql/pod"), known: sql("query/known"),
	}
}

// statement reads one file as pgx wants it: without comments, with @name for %(name)s and quoted schemas.
func statement(name, river, keeper string) string {
	text, err := files.ReadFile(name + ".sql")
	if err != nil {
		panic(fmt.Sprintf("riverbeat: %v", err)) // the files are part of the binary
	}
	return prepared(string(text), river, keeper)
}

func prepared(text, river, keeper string) string {
	var lines []string
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "--") // no string in the contract's statements contains --
		if code = strings.TrimRight(code, " \n"); code != "" {
			lines = append(lines, code)
		}
	}
	text = placeholder.ReplaceAllString(strings.Join(lines, "\n"), "@$1")
	text = keeperPrefix.ReplaceAllLiteralString(text, prefix(keeper))
	return riverPrefix.ReplaceAllLiteralString(text, prefix(river))
}

// prefix is empty where the search_path finds the schema.
func prefix(schema string) string {
	if schema == "" {
		return ""
	}
	return pgx.Identifier{schema}.Sanitize() + "."
}

// named makes the arguments of a statement for a transaction of the user's. The user's connection may prepare statements;
// this statement is never prepared, so that it works through PgBouncer. Strict, because a missing argument would be NULL.
func named(arguments map[string]any) []any {
	return []any{pgx.QueryExecModeExec, pgx.StrictNamedArgs(arguments)}
}
