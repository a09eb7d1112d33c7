package riverbeat

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Beater beats for one process: it reports the active claims to Postgres, and learns which claims are lost.
type Beater struct {
	settings
	log        *slog.Logger
	connection *dedicatedConnection
	counts     counters
	failureLog failureLog

	mu              sync.Mutex
	works           map[claimKey]*Work // at work, or waiting to be
	newest          map[int64]*Work    // by job, to find an earlier attempt in this process
	active          int                // begun and not yet through Finish
	ends            []ending
	unsaved         []*Work       // work that has returned with a checkpoint that is not saved
	failing         bool          // the last beat failed
	interval        time.Duration // the shortest interval of any claim so far
	lastBeat        time.Duration // uptime of sending the last beat that succeeded; 0 = never
	riverVerified   bool          // a claim of ours was found in this River table
	fence           atomic.Int32  // a fence, the last answer of meta.sql
	checkpointTable atomic.Int32  // whether the keeper schema has checkpoints
	sql             *statements   // nil until the keeper schema is known to serve our River
	checkedOn       *pgx.Conn     // the connection that last sent meta.sql
	checkedAt       time.Duration // uptime of that check
	state           state

	answered    chan struct{} // closed when the first beat has succeeded or failed
	firstAnswer sync.Once
	wake        chan struct{}
	atOnce      chan struct{} // a checkpoint must be saved before its work returns
	leaseWake   chan struct{}
	stopping    chan struct{}
	halted      context.Context // over when Stop has lost its patience
	halt        context.CancelFunc
	done        chan struct{}
	leaseDone   chan struct{}

	checkpointsRefusedUntil time.Duration // uptime; belongs to the goroutine that beats
	podReported             bool          // since beats succeed; the same
}

type state int

const (
	stateIdle state = iota
	stateStarted
	stateStopping
	stateStopped
)

// New checks the configuration. It connects to nothing yet.
func New(config Config) (*Beater, error) {
	settings, err := config.checked()
	if err != nil {
		return nil, err
	}
	b := &Beater{
		settings:   settings,
		log:        settings.Logger.With(slog.String("instance", settings.instance)),
		connection: newConnection(settings.Database),
		works:      map[claimKey]*Work{},
		newest:     map[int64]*Work{},
		interval:   settings.Interval,
		answered:   make(chan struct{}),
		wake:       make(chan struct{}, 1),
		atOnce:     make(chan struct{}, 1),
		leaseWake:  make(chan struct{}, 1),
		stopping:   make(chan struct{}),
		done:       make(chan struct{}),
		leaseDone:  make(chan struct{}),
	}
	b.failureLog.log = b.log
	b.halted, b.halt = context.WithCancel(context.Background())
	return b, nil
}

// Start begins to beat, at once and then every interval. When ctx is over it stops like Stop, with all the time it needs.
func (b *Beater) Start(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != stateIdle {
		return
	}
	b.state = stateStarted
	forget := context.AfterFunc(ctx, b.beginStop)
	go func() {
		defer forget()
		b.run()
	}()
	go b.watchLeases()
}

// Stop waits until no work is left, reports the last outcomes, and closes the connections. When ctx is over before
// that, the work that is left is cancelled with ErrStopped, and is reported as abandoned.
func (b *Beater) Stop(ctx context.Context) error {
	b.beginStop()
	var err error
	select {
	case <-b.done:
	case <-ctx.Done():
		err = ctx.Err()
		b.halt()
		<-b.done
	}
	<-b.leaseDone
	return err
}

func (b *Beater) beginStop() {
	b.mu.Lock()
	before := b.state
	switch before {
	case stateIdle:
		b.state = stateStopped
	case stateStarted:
		b.state = stateStopping
		close(b.stopping)
	}
	b.mu.Unlock()
	if before == stateIdle { // there is no goroutine that would do it
		b.finishStop()
		close(b.leaseDone)
		close(b.done)
	}
}

// run is the only goroutine that beats.
func (b *Beater) run() {
	defer close(b.done)
	defer b.finishStop()
	next := time.Now()
	stopping := b.stopping
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
			next = time.Now().Add(b.pause())
			b.tick(b.halted)
		case <-b.atOnce:
			next = time.Now().Add(b.pause())
			b.tick(b.halted)
		case <-b.wake: // a shorter interval, or the last work has gone
			if soon := time.Now().Add(b.pause()); soon.Before(next) {
				next = soon
			}
		case <-stopping:
			stopping = nil
		case <-b.halted.Done():
		}
		timer.Stop()
		if b.isDone() {
			return
		}
	}
}

// through is true when Stop was called and no claim needs beats any more.
func (b *Beater) isDone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.halted.Err() != nil || (b.state == stateStopping && b.active == 0)
}

func (b *Beater) finishStop() {
	b.abandonWork()
	b.guarded("stop", func() {
		b.saveCheckpoints(context.Background())
		b.flushEnds(context.Background())
	})
	b.mu.Lock()
	b.state = stateStopped
	b.mu.Unlock()
	b.halt()
	b.connection.close()
}

// pause is an interval less up to a tenth, so that a fleet that was started together does not beat together.
func (b *Beater) pause() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.interval - time.Duration(rand.Int64N(int64(b.interval)/10+1))
}

func notify(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
