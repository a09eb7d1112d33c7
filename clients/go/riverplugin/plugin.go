package riverplugin

import (
	"context"
	"database/sql"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Plugin is a rivertype.Plugin: a worker middleware, and a hook on fetches.
type Plugin struct {
	*rivermiddleware.Middleware
	started sync.Map // ids of River clients; the hook is called at every fetch
}

// New makes the plugin. It takes the options of rivermiddleware, and the configuration of the pool, not its connections.
func New(pool *pgxpool.Pool, options ...rivermiddleware.Option) *Plugin {
	return &Plugin{Middleware: rivermiddleware.New(pool, rivermiddleware.Fenced(river.MetadataSet), options...)}
}

// IsHook is for River.
func (p *Plugin) IsHook() bool { return true }

// MetricEmit is for River: a fetch has succeeded, so the client works.
func (p *Plugin) MetricEmit(ctx context.Context, _ *rivertype.HookMetricEmitParams) {
	id := clientID(ctx)
	if _, again := p.started.LoadOrStore(id, true); !again {
		p.Start(id)
	}
}

// clientID is "" where River's client is of neither driver: then the beats start with the first job.
func clientID(ctx context.Context) string {
	if client, err := river.ClientFromContextSafely[pgx.Tx](ctx); err == nil {
		return client.ID()
	}
	if client, err := river.ClientFromContextSafely[*sql.Tx](ctx); err == nil {
		return client.ID()
	}
	return ""
}
