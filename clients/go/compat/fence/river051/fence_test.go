// Package river051 runs the fence's test with River 0.51.
package river051

import (
	"os"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/fence/suite"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

func TestFence(t *testing.T) {
	suite.Run(t, world, suite.Version{GivesBack: true, Late: 10000, Traffic: 10000, Away: 45})
}
