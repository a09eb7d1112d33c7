package rivermiddleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river/rivertype"
)

// Middleware is a rivertype.WorkerMiddleware. It starts to beat with Start, or else with the first job.
type Middleware struct {
	config   riverbeat.Config
	fence    Fence
	tierFor  func(*rivertype.JobRow) riverbeat.Tier
	until    context.Context //nolint:containedctx // the lifetime of the beats
	log      *slog.Logger
	unfenced sync.Once // logged: a token could not be attached

	mu      sync.Mutex
	beaters map[string]*riverbeat.Beater // by client id: a process may run several River clients
}

// New makes the middleware. It takes the configuration of the pool, not its connections: the beats have one of their
// own for each River client, so that they never wait behind the queries of jobs.
func New(pool *pgxpool.Pool, fence Fence, options ...Option) *Middleware {
	version := riverVersion(fence)
	wanted := fence
	fence = wanted.supportedBy(minorOf(version))
	m := &Middleware{
		config:  riverbeat.Config{Database: pool.Config(), Fences: fence.fences()},
		fence:   fence,
		tierFor: func(*rivertype.JobRow) riverbeat.Tier { return riverbeat.Standard },
		until:   context.Background(),
		beaters: map[string]*riverbeat.Beater{},
	}
	for _, option := range options {
		option(m)
	}
	m.log = m.config.Logger
	if m.log == nil {
		m.log = slog.Default()
	}
	m.logFenceSupport(wanted, version)
	return m
}

// IsMiddleware is for River.
func (m *Middleware) IsMiddleware() bool { return true }

// IsPlugin is for River 0.41 and newer.
func (m *Middleware) IsPlugin() bool { return true }

// Work is for River.
func (m *Middleware) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) (err error) {
	if job.AttemptedAt == nil || len(job.AttemptedBy) == 0 { // no client holds it, as in rivertest
		return doInner(ctx)
	}
	beater := m.beater(job.AttemptedBy[len(job.AttemptedBy)-1])
	if beater == nil {
		return doInner(ctx)
	}
	work, working := beater.Begin(ctx, claimOf(job), m.tierFor(job))
	attached := m.attach(ctx, work, job)
	returned := false
	defer func() { // not recovered: a panic goes on to River with its own trace
		outcome := riverbeat.Failed
		if returned {
			outcome = outcomeOf(working, err)
		}
		if batch := batchOf(err); batch != nil {
			m.attachAll(ctx, work, job, batch.Jobs())
		} else if !attached { // the fence was installed meanwhile, perhaps
			m.attach(ctx, work, job)
		}
		work.Finish(outcome)
		work.AwaitSuccessor()
	}()
	work.Do(working, func(ctx context.Context) { err = doInner(ctx) })
	err = withCause(working, err)
	returned = true
	return err
}

// Start begins to beat for a River client, so that a worker process is known to live before its first job. Call it with
// client.ID() after river.NewClient; again does nothing. With River 0.41 and newer the package riverplugin does this.
func (m *Middleware) Start(clientID string) {
	if clientID != "" {
		m.beater(clientID)
	}
}

// beater is nil for a River client for which none could be made.
func (m *Middleware) beater(client string) *riverbeat.Beater {
	m.mu.Lock()
	defer m.mu.Unlock()
	if beater, ok := m.beaters[client]; ok {
		return beater
	}
	config := m.config
	config.ClientID = client
	beater, err := riverbeat.New(config)
	if err != nil {
		m.log.Error("riverbeat: jobs run without heartbeats", slog.Any("error", err))
	} else {
		beater.Start(m.until)
	}
	m.beaters[client] = beater
	return beater
}

// Stop ends the beats once no job is left, or when ctx is over. Call it after the River client has stopped. A program that
// ends anyway may leave it out: then the ends of its last jobs are not reported.
func (m *Middleware) Stop(ctx context.Context) error {
	var errs []error
	for _, beater := range m.started() {
		errs = append(errs, beater.Stop(ctx))
	}
	return errors.Join(errs...)
}

// Stats returns the counts for each River client of this process, by its id.
func (m *Middleware) Stats() map[string]riverbeat.Stats {
	stats := map[string]riverbeat.Stats{}
	for client, beater := range m.started() {
		stats[client] = beater.Stats()
	}
	return stats
}

// started are the beaters of this moment, without those that could not be made.
func (m *Middleware) started() map[string]*riverbeat.Beater {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]*riverbeat.Beater{}
	for client, beater := range m.beaters {
		if beater != nil {
			found[client] = beater
		}
	}
	return found
}

// VerifyClaim locks the job until tx ends, or returns riverbeat.ErrClaimLost: then roll back. It is the one real guarantee
// against two attempts having the same effect. Call it first in the transaction, before river.JobCompleteTx too.
func VerifyClaim(ctx context.Context, tx riverbeat.Querier, job *rivertype.JobRow) error {
	if job.AttemptedAt == nil {
		return fmt.Errorf("job %d is not being worked", job.ID)
	}
	return riverbeat.VerifyClaim(ctx, tx, claimOf(job))
}

func claimOf(job *rivertype.JobRow) riverbeat.Claim {
	return riverbeat.Claim{
		JobID: job.ID, Attempt: job.Attempt, AttemptedAt: riverbeat.AttemptedAtText(*job.AttemptedAt), Kind: job.Kind,
	}
}
