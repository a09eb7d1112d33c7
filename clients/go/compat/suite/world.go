// Package suite is the contract test of the middleware with one River version. It is written against River 0.19, so that
// the modules beside it can run it with theirs.
package suite

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
)

// Keeper is the name of the keeper schema in the tests.
const Keeper = "riverkeeper"

// World is a server with a template database that has River's tables, as River makes them, and the keeper's.
type World struct {
	*pgtest.Server
	template string
}

// Main runs the tests of a package in a World.
func Main(m *testing.M, world **World) int {
	server, err := pgtest.Start()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer server.Stop()
	template, err := server.Template(Prepare)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	*world = &World{server, template}
	return m.Run()
}

// Prepare makes the tables of River, by River, and the keeper's, from its own files.
func Prepare(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return InstallKeeper(ctx, url, Keeper, "public")
}

// InstallKeeper makes a keeper schema for a River schema.
func InstallKeeper(ctx context.Context, url, keeper, river string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{keeper}.Sanitize()); err != nil {
		return err
	}
	folder := keeperFolder()
	migrations, err := filepath.Glob(filepath.Join(folder, "migrations", "*.sql"))
	if err != nil {
		return err
	}
	if err := pgtest.Scripts(ctx, url, keeper, append([]string{filepath.Join(folder, "meta.sql")}, migrations...)...); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "INSERT INTO "+pgx.Identifier{keeper}.Sanitize()+
		".meta (river_schema, version, min_compatible) VALUES ($1, 2, 1)", river)
	return err
}

// keeperFolder is in the repository, beside the clients.
func keeperFolder() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../../../exporter/riverkeeper/keeper")
}

// Fresh returns the URL of a database of the test's own.
func (w *World) Fresh(tb testing.TB) string {
	tb.Helper()
	return w.Database(tb, w.template)
}
