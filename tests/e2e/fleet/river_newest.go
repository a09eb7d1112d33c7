//go:build !river031

package main

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverkeeper/riverkeeper/clients/go/riverplugin"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// What only newer releases of River have; river_031.go is the same without it.

// plugIn adds the heartbeat client as docs/quickstart.md does: without an option.
func plugIn(config *river.Config, pool *pgxpool.Pool) error {
	config.Plugins = []rivertype.Plugin{riverplugin.New(pool)}
	return nil
}

func fence() rivermiddleware.Fence { return rivermiddleware.Fenced(river.MetadataSet) }

// soften gives jobs half of the time to end by themselves, and half to be ended; and leaves foreign kinds alone if told to.
func soften(config *river.Config, o *options) {
	config.SoftStopTimeout = o.stopAfter / 2
	config.FetchOnlyKnownKinds = o.knownKinds
}

// newerEvents are kinds of events that River 0.31 does not tell.
var newerEvents = []river.EventKind{river.EventKindJobInterrupted}
