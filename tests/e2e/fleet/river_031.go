//go:build river031

package main

import (
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
)

// The fleet with River 0.31, as river031.mod pins it: go build -tags river031 -modfile=river031.mod

func plugIn(*river.Config, *pgxpool.Pool) error {
	return errors.New("-beat plugin needs River 0.41")
}

func fence() rivermiddleware.Fence { return rivermiddleware.Plain() }

// soften does nothing: what does not end by itself in time is left behind.
func soften(*river.Config, *options) {}

var newerEvents []river.EventKind
