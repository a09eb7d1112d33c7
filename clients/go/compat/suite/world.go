// Package suite is the contract test of the middleware with one River version. It is written against River 0.19, so that
// the modules beside it can run it with theirs.
package suite

import (
	"context"
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

// World is a server whose template database has River's tables, made by River, and the keeper schema.
type World = pgtest.World

// Main runs the tests of a package in a World.
func Main(m *testing.M, world **World) int { return pgtest.Main(m, world, Prepare) }

// Prepare makes River's tables, by River, and the keeper schema, from its own files.
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
	folder := schemaFolder()
	migrations, err := filepath.Glob(filepath.Join(folder, "migrations", "*.sql"))
	if err != nil {
		return err
	}
	if err := pgtest.Scripts(ctx, url, keeper, append([]string{filepath.Join(folder, "sql", "create_meta.sql")}, migrations...)...); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "INSERT INTO "+pgx.Identifier{keeper}.Sanitize()+
		".meta (river_schema, version, min_compatible) VALUES ($1, 9, 1)", river)
	return err
}

// schemaFolder is the package that owns the keeper schema, in this repository.
func schemaFolder() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../../../exporter/riverkeeper/schema")
}
