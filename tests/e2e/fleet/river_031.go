//go:build river031

package main

import (
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
)

// The fleet with River 0.31, as river031.mod pins it: go build -tags river031 -modfile=river031.mod

func fence() rivermiddleware.Fence { return rivermiddleware.Plain() }

// soften does nothing: what does not end by itself in time is left behind.
func soften(*river.Config, *options) {}

var newerEvents []river.EventKind
