package rivermiddleware

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river/rivertype"
)

// metadataKey never reaches the database: its value cannot be marshalled.
const metadataKey = "riverbeat"

// Fence keeps the late result of a lost claim from being written. Exact and Bounded make one.
type Fence struct {
	metadataSet func(ctx context.Context, key string, value any) error
}

// Exact is the fence for River 0.39 and newer, made from river.MetadataSet.
func Exact(metadataSet func(ctx context.Context, key string, value any) error) Fence {
	if metadataSet == nil {
		panic("rivermiddleware: Exact needs river.MetadataSet; use Bounded() with a River before 0.39")
	}
	return Fence{metadataSet}
}

// Bounded is the fence for River before 0.39. It is not exact: see the package's documentation.
func Bounded() Fence { return Fence{} }

func (f Fence) exact() bool { return f.metadataSet != nil }

func (f Fence) String() string {
	if f.exact() {
		return "exact"
	}
	return "bounded"
}

// keepIn is called after the work has returned or panicked, on the goroutine that will report its result.
func (m *Middleware) keepIn(ctx context.Context, work *riverbeat.Work, job *rivertype.JobRow) {
	if m.fence.exact() {
		err := m.fence.metadataSet(ctx, metadataKey, poison{job.ID, job.Attempt})
		if err == nil {
			return
		}
		m.log.Error("riverbeat: the exact fence failed; the result is held instead", slog.Any("error", err),
			slog.Int64("job_id", job.ID))
	}
	if !work.AwaitRest(ctx, m.fenceFor) {
		m.log.Error("riverbeat: a late result is let out while the job may run elsewhere", slog.Int64("job_id", job.ID),
			slog.Int("attempt", job.Attempt), slog.Duration("held", m.fenceFor))
	}
}

// poison makes River's executor stop before it reports: it marshals the metadata of a result first, and returns on an
// error. What it says ends up in River's log.
type poison struct {
	jobID   int64
	attempt int
}

func (p poison) MarshalJSON() ([]byte, error) {
	return nil, fmt.Errorf("as intended: attempt %d of job %d was lost, its late result is kept in (riverbeat)", p.attempt, p.jobID)
}

const defaultFence = 10 * time.Second
