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
	meta, beat, beatMetadata, end, hold string // clients/sql
	standing, known                     string // our own questions, query/
}

func newStatements(river, keeper string) statements {
	sql := func(name string) string { return statement(name, river, keeper) }
	return statements{
		meta: sql("sql/meta"), beat: sql("sql/beat"), beatMetadata: sql("sql/beat_metadata"),
		end: sql("sql/end"), hold: sql("sql/hold"),
		standing: sql("query/standing"), known: sql("query/known"),
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
		code, _, _ := strings.Cut(line, "--") // no text of the contract has that in it
		if code = strings.TrimRight(code, " \n"); code != "" {
			lines = append(lines, code)
		}
	}
	text = placeholder.ReplaceAllString(strings.Join(lines, "\n"), "@$1")
	text = keeperPrefix.ReplaceAllLiteralString(text, prefix(keeper))
	return riverPrefix.ReplaceAllLiteralString(text, prefix(river))
}

// prefix is empty where the search_path decides.
func prefix(schema string) string {
	if schema == "" {
		return ""
	}
	return pgx.Identifier{schema}.Sanitize() + "."
}

// named makes the arguments of a statement for a transaction of the user's, whose connection may prepare: this one is
// not, so that it works through PgBouncer. Strict, because a missing argument would silently be NULL.
func named(arguments map[string]any) []any {
	return []any{pgx.QueryExecModeExec, pgx.StrictNamedArgs(arguments)}
}
