package suite

import (
	"context"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// River names its statements in a comment that it sends along.
const (
	results = "JobSetStateIfRunning" // what writes how attempts ended
	fetches = "JobGetAvailable"      // what claims jobs
)

// Wire holds back some statements of one River client, as a slow network does: before they are sent.
type Wire struct {
	mu      sync.Mutex
	changed *sync.Cond
	held    map[string]bool
	sent    map[string]int // under way
}

func newWire() *Wire {
	w := &Wire{held: map[string]bool{}, sent: map[string]int{}}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// Hold returns when none of these statements is under way; none is sent from now on.
func (w *Wire) Hold(statement string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held[statement] = true
	for w.sent[statement] > 0 {
		w.changed.Wait()
	}
}

// Release sends what was held back.
func (w *Wire) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.held)
	w.changed.Broadcast()
}

// ReleaseOnly sends what was held back of one kind.
func (w *Wire) ReleaseOnly(statement string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.held, statement)
	w.changed.Broadcast()
}

type statementKey struct{}

// TraceQueryStart is for pgx. A statement whose context ends while it is held is not sent.
func (w *Wire) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	for _, statement := range []string{results, fetches} {
		if strings.Contains(data.SQL, statement) {
			w.send(ctx, statement)
			return context.WithValue(ctx, statementKey{}, statement)
		}
	}
	return ctx
}

func (w *Wire) send(ctx context.Context, statement string) {
	defer context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.held[statement] && ctx.Err() == nil {
		w.changed.Wait()
	}
	w.sent[statement]++
}

// TraceQueryEnd is for pgx.
func (w *Wire) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	statement, ok := ctx.Value(statementKey{}).(string)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[statement]--
	w.changed.Broadcast()
}
