// Package river039 runs the contract test with River 0.39, the oldest that can attach a token.
package river039

import (
	"os"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

// River 0.39 attaches a token.
func TestContract(t *testing.T) { suite.Run(t, world, rivermiddleware.Fenced(river.MetadataSet), true) }
