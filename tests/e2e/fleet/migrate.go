package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// migrate uses River's migrator, the one its command line wraps: up to any version, in any schema.
func migrate(ctx context.Context, o *options, _ []string) error {
	pool, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.Default(), Schema: o.schema})
	if err != nil {
		return fmt.Errorf("make the migrator: %w", err)
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: o.version})
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
