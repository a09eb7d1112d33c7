// Package river047 shows that River 0.44 to 0.47 are not fenced, and why.
package river047

import (
	"os"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/fence/suite"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

func TestUnfenced(t *testing.T) { suite.RunUnfenced(t, world) }
