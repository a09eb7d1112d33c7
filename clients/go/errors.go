package riverbeat

import "errors"

// Why the context of a job was cancelled: ask with errors.Is(context.Cause(ctx), ...).
var (
	// ErrClaimLost means that somebody else decided that this attempt is over. With the fence in force its result is not written.
	ErrClaimLost = errors.New("riverbeat: the claim on this job is lost")

	// ErrLeaseExpired means that no beat came through for as long as the tier's lease.
	ErrLeaseExpired = errors.New("riverbeat: the lease on this job has expired")

	// ErrStopRequested means that the keeper found the job hung and asks it to stop. Its result is an ordinary one.
	ErrStopRequested = errors.New("riverbeat: the keeper asked this job to stop")

	// ErrStopped means that the beats were stopped before the work had returned: nothing protects it any more.
	ErrStopped = errors.New("riverbeat: the heartbeats of this process have stopped")
)
