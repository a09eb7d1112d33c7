//go:build !settling

package main

import (
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

type tx = pgx.Tx

func fence(mode string) rivermiddleware.Fence {
	if mode == "fenced" {
		return rivermiddleware.Fenced(river.MetadataSet)
	}
	return rivermiddleware.Plain()
}
