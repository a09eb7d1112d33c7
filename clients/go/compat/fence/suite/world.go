// Package suite is the test of the fence with one River version: with River's own clients, the middleware and the schema
// as they are shipped. It is written against River 0.39; the modules beside it run it with theirs.
package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
)

// World is a server whose template database has River's tables, made by River, the keeper schema and the fence.
type World = pgtest.World

// Main runs the tests of a package in a World.
func Main(m *testing.M, world **World) int { return pgtest.Main(m, world, prepare) }

func prepare(ctx context.Context, url string) error {
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
	return install(url)
}

// install is the program of the operator: RIVERKEEPER, or the one of this repository's environment.
func install(url string) error {
	program := os.Getenv("RIVERKEEPER")
	if program == "" {
		_, here, _, _ := runtime.Caller(0)
		program = filepath.Join(filepath.Dir(here), "../../../../../.venv/bin/riverkeeper")
	}
	for _, arguments := range [][]string{{"schema", "install"}, {"schema", "fence", "install"}} {
		command := exec.Command(program, arguments...)
		command.Env = append(os.Environ(), "RIVERKEEPER_DATABASE_URL="+url)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %v: %w: %s", program, arguments, err, output)
		}
	}
	return nil
}
