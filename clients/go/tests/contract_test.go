// Package tests runs the contract test with River 0.51, the newest.
package tests

import (
	"os"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

// River 0.51 attaches a token.
func TestContract(t *testing.T) { suite.Run(t, world, rivermiddleware.Fenced(river.MetadataSet), true) }
