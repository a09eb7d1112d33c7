package suite

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

// Process is a River client that works, with its own pool, as a worker process has it.
type Process struct {
	*river.Client[pgx.Tx]
	*Worker
	Wire *Wire
	pool *pgxpool.Pool
}

// Setup is the kind of a process.
type Setup struct {
	name       string
	slots      int
	holding    bool          // its jobs wait for Release
	succeeds   bool          // all its jobs succeed
	knows      bool          // also the kind Strange
	retriesNow bool          // what failed is to be had again at once
	limit      time.Duration // River's job timeout; 0: none
	rescue     time.Duration // River's own rescuer
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	complete   func(ctx context.Context, pool *pgxpool.Pool, job *river.Job[Args]) error
	extra      func(workers *river.Workers)
}

// first is a process whose jobs end as their args name it; second is the one that works their next attempts until it is released.
func first(slots int) Setup { return Setup{name: "first", slots: slots} }
func second(slots int) Setup {
	return Setup{name: "second", slots: slots, holding: true, succeeds: true, knows: true}
}

// Process starts one, which stops with the test.
func (s *Scene) Process(setup Setup) *Process {
	s.Helper()
	dsn := s.pool.Config()
	p := &Process{Wire: newWire()}
	dsn.ConnConfig.Tracer = p.Wire
	if setup.dial != nil {
		dsn.ConnConfig.DialFunc = setup.dial
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), dsn)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(pool.Close)
	p.pool = pool
	p.Worker = newWorker(setup, pool)
	workers := river.NewWorkers()
	river.AddWorker(workers, p.Worker)
	if setup.knows {
		river.AddWorker(workers, &strangeWorker{as: p.Worker})
	}
	if setup.extra != nil {
		setup.extra(workers)
	}
	limit := setup.limit
	if limit == 0 {
		limit = -1
	}
	config := &river.Config{
		ID:                   setup.name,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: setup.slots}},
		Workers:              workers,
		Middleware:           s.middleware(pool),
		Logger:               quiet,
		FetchCooldown:        5 * time.Millisecond,
		FetchPollInterval:    20 * time.Millisecond,
		JobTimeout:           limit,
		RescueStuckJobsAfter: max(setup.rescue, 0),
	}
	p.Client, err = river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		s.Fatal(err)
	}
	for _, middleware := range config.Middleware {
		if beats, ok := middleware.(*rivermiddleware.Middleware); ok {
			beats.Start(p.ID())
		}
	}
	s.Cleanup(func() { p.halt(s) })
	return p
}

func newWorker(setup Setup, pool *pgxpool.Pool) *Worker {
	w := &Worker{
		succeeds: setup.succeeds, holding: setup.holding, retriesNow: setup.retriesNow, limit: setup.limit,
		let: map[claim]bool{}, begun: map[claim]bool{}, ended: map[claim]bool{},
	}
	w.released = sync.NewCond(&w.mu)
	if setup.complete != nil {
		w.complete = func(ctx context.Context, job *river.Job[Args]) error { return setup.complete(ctx, pool, job) }
	}
	return w
}

// start begins to work.
func (p *Process) start(s *Scene) *Process {
	s.Helper()
	if err := p.Start(context.Background()); err != nil {
		s.Fatal(err)
	}
	return p
}

// halt stops in order: River writes what it has to write before it returns.
func (p *Process) halt(s *Scene) {
	s.Helper()
	p.Wire.Release()
	p.Worker.Release()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil && !strings.Contains(err.Error(), "not started") {
		s.Errorf("the River client did not stop: %v", err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

// fencing is what the user of a fence has in River's configuration.
func (s *Scene) fencing(pool *pgxpool.Pool) []rivertype.Middleware {
	beats := rivermiddleware.New(pool, rivermiddleware.Fenced(river.MetadataSet), rivermiddleware.Logger(quiet))
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = beats.Stop(ctx)
	})
	return []rivertype.Middleware{beats}
}

func nothing(*pgxpool.Pool) []rivertype.Middleware { return nil }
