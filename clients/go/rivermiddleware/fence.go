package rivermiddleware

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river/rivertype"
)

// Fence is how results are distinguished from those of a later attempt. Fenced and Plain make one.
type Fence struct {
	metadataSet func(ctx context.Context, key string, value any) error
}

// Fenced is for River 0.39 and newer, made from river.MetadataSet: every result carries the claim that it belongs to, and the
// database drops it once that claim is lost (riverkeeper schema fence install).
func Fenced(metadataSet func(ctx context.Context, key string, value any) error) Fence {
	if metadataSet == nil {
		panic("rivermiddleware: Fenced needs river.MetadataSet; use Plain() with a River before 0.39")
	}
	return Fence{metadataSet}
}

// Plain is for River before 0.39: a late result may be written into the next attempt. Riverkeeper reads that, and waits longer
// before it lets a rescued job run.
func Plain() Fence { return Fence{} }

func (f Fence) fences() bool { return f.metadataSet != nil }

// attach puts the token on the result. It is called before the work, for what the work itself completes, or else after it,
// for a fence that was installed meanwhile; and on the goroutine of the work, because River does not lock what it writes to.
func (m *Middleware) attach(ctx context.Context, work *riverbeat.Work, job *rivertype.JobRow) (attached bool) {
	token := work.Token()
	if token == "" || !m.fence.fences() {
		return false
	}
	m.set(ctx, job, token)
	return true
}

// largestBatch has its tokens still attached: River writes all of them into the result of each member.
const largestBatch = 200

// attachAll is attach for the result of a batch. River writes the metadata of its leader into the results of all members,
// and the leader's claim is not theirs: each has its own. Null is no token.
func (m *Middleware) attachAll(ctx context.Context, work *riverbeat.Work, leader *rivertype.JobRow, jobs []*rivertype.JobRow) {
	if !m.fence.fences() {
		return
	}
	if work.Token() == "" || len(jobs) > largestBatch {
		m.set(ctx, leader, nil)
		return
	}
	tokens := map[string]string{}
	for _, job := range jobs {
		if job.AttemptedAt != nil {
			tokens[strconv.FormatInt(job.ID, 10)] = riverbeat.AttemptedAtText(*job.AttemptedAt)
		}
	}
	m.set(ctx, leader, tokens)
}

func (m *Middleware) set(ctx context.Context, job *rivertype.JobRow, token any) {
	if err := m.fence.metadataSet(ctx, riverbeat.TokenKey, token); err != nil {
		m.unfenced.Do(func() {
			m.log.Error("riverbeat: a result is not fenced: a late one may be written into the next attempt",
				slog.Any("error", err), slog.Int64("job_id", job.ID))
		})
	}
}
