// Package river031 runs the contract test with River 0.31, a release between.
package river031

import (
	"os"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

// River 0.31 cannot attach a token.
func TestContract(t *testing.T) { suite.Run(t, world, rivermiddleware.Plain(), false) }
