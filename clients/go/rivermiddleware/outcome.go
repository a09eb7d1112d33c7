package rivermiddleware

import (
	"context"
	"errors"
	"fmt"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river/rivertype"
)

// outcomeOf is what River will make of the result.
func outcomeOf(ctx context.Context, err error) riverbeat.Outcome {
	var cancelled *rivertype.JobCancelError
	var snoozed *rivertype.JobSnoozeError
	switch {
	case err == nil:
		return riverbeat.Completed
	case errors.As(err, &snoozed):
		return riverbeat.Snoozed
	case errors.As(err, &cancelled), errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely):
		return riverbeat.Cancelled
	}
	return riverbeat.Failed
}

// batchError is the error by which River Pro reports the jobs of a batch.
type batchError interface {
	ErrorsByID() map[int64]error
	Jobs() []*rivertype.JobRow
}

// batchOf is nil for any other result. River finds it by a type assertion, so it must never be wrapped.
func batchOf(err error) batchError {
	batch, _ := err.(batchError) //nolint:errorlint // as River does
	return batch
}

// withCause adds why we cancelled to a job's bare "context canceled", which is all that the error in its row would say.
func withCause(ctx context.Context, err error) error {
	if err == nil || batchOf(err) != nil || !errors.Is(err, context.Canceled) {
		return err
	}
	cause := context.Cause(ctx)
	for _, ours := range []error{riverbeat.ErrStopRequested, riverbeat.ErrLeaseExpired, riverbeat.ErrClaimLost} {
		if errors.Is(cause, ours) && !errors.Is(err, ours) {
			return fmt.Errorf("%w: %w", ours, err)
		}
	}
	return err
}
