package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var number atomic.Int64

// Database makes a fresh database, a copy of template where one is named, and returns its URL.
func (s *Server) Database(tb testing.TB, template string) string {
	tb.Helper()
	name := fmt.Sprintf("riverbeat_%d_%d", os.Getpid(), number.Add(1))
	if err := s.create(name, template); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.run("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	return s.url(name)
}

// Template makes a database that Database can copy, filled in by prepare.
func (s *Server) Template(prepare func(ctx context.Context, url string) error) (name string, err error) {
	name = fmt.Sprintf("riverbeat_%d_template", os.Getpid())
	if err := s.create(name, ""); err != nil {
		return "", err
	}
	return name, prepare(context.Background(), s.url(name))
}

func (s *Server) create(name, template string) error {
	sql := "CREATE DATABASE " + name
	if template != "" {
		sql += " TEMPLATE " + template
	}
	return s.run(sql)
}

func (s *Server) run(sql string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.base)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (s *Server) url(name string) string {
	parsed, err := url.Parse(s.base)
	if err != nil {
		panic(err)
	}
	parsed.Path = "/" + name
	return parsed.String()
}

// Pool connects, and closes with the test.
func Pool(tb testing.TB, url string) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// Scripts runs SQL files, with `keeper.` replaced by the quoted schema.
func Scripts(ctx context.Context, url, keeper string, files ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		sql := strings.ReplaceAll(string(text), "keeper.", pgx.Identifier{keeper}.Sanitize()+".")
		sql = strings.ReplaceAll(sql, "%%", "%") // written for a driver that wants it doubled
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
