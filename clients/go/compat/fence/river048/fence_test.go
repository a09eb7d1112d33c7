// Package river048 runs the fence's test with River 0.48.
package river048

import (
	"os"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/fence/suite"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

func TestFence(t *testing.T) {
	suite.Run(t, world, suite.Version{GivesBack: true, Late: 1000, Traffic: 1000, Away: 12})
}
