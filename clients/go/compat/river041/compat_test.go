// Package river041 runs the contract test with River 0.41, the oldest that has plugins.
package river041

import (
	"os"
	"testing"

	"github.com/riverqueue/river/rivertype"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/internal/pgtest"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverkeeper/riverkeeper/clients/go/riverplugin"
	"github.com/riverqueue/river"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

// River 0.41 attaches a token.
func TestContract(t *testing.T) { suite.Run(t, world, rivermiddleware.Fenced(river.MetadataSet), true) }

// One line in the configuration, and an idle worker beats from its start, under the id that River made for it; its jobs beat,
// and their results are written.
func TestPlugin(t *testing.T) {
	pool := pgtest.Pool(t, world.Fresh(t))
	plugin := riverplugin.New(pool, suite.Quick()...)
	t.Cleanup(func() { _ = plugin.Stop(t.Context()) })
	worker := suite.NewWorker(false)
	client := suite.PluginClient(t, pool, worker, func(config *river.Config) { config.Plugins = []rivertype.Plugin{plugin} })
	suite.Idle(t, pool, client.ID())
	id := suite.Insert(t, client, "success")
	suite.Eventually(t, "it beats", func() bool { return suite.Count(t, pool, "riverkeeper.heartbeat") == 1 })
	worker.Release()
	suite.Eventually(t, "it completes", func() bool { return suite.RowOf(t, pool, id).State == "completed" })
	if n := suite.Count(t, pool, "riverkeeper.client"); n != 1 {
		t.Errorf("%d client rows", n)
	}
}
