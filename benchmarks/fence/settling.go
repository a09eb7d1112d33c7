//go:build settling

package main

import (
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

type tx = pgx.Tx

// fence is that of the clients that settled each result before they let it out; see --settling in benchmarks/fence.py.
func fence(string) rivermiddleware.Fence { return rivermiddleware.Exact(river.MetadataSet) }
