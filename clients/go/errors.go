package riverbeat

import "errors"

// errAnswerFitsNoClaim fails a beat: whatever its cause, the answers must not be given to the wrong claims.
var errAnswerFitsNoClaim = errors.New("riverbeat: the answers of a beat do not fit the claims that were given")

// Why the context of a job was cancelled: check with errors.Is(context.Cause(ctx), ...).
var (
	// ErrClaimLost means that another process decided that this attempt is over. With the fence in force its result is not written.
	ErrClaimLost = errors.New("riverbeat: the claim on this job is lost")

	// ErrLeaseExpired means that no beat succeeded for as long as the tier's lease.
	ErrLeaseExpired = errors.New("riverbeat: the lease on this job has expired")

	// ErrStopRequested means that Riverkeeper found the job hung and requests that it stops. Its result is an ordinary one.
	ErrStopRequested = errors.New("riverbeat: Riverkeeper requests that this job stops")

	// ErrStopped means that the beats stopped before the work had returned: nothing protects the work any more.
	ErrStopped = errors.New("riverbeat: the heartbeats of this process have stopped")
)
