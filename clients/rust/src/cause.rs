//! Why the work of a job was cancelled.

use std::{error, fmt};

/// Why this client cancelled the work of a job. [`cause`](crate::cause) returns it inside of a job.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// Another process decided that this attempt is over. With the fence in force its result is not written.
    ClaimLost,
    /// No beat succeeded for as long as the tier's lease.
    LeaseExpired,
    /// Riverkeeper found the job hung and requests that it stops. Its result is an ordinary one.
    StopRequested,
    /// The beats stopped before the work had returned: nothing protects the work any more.
    Stopped,
}

impl Cause {
    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClaimLost => "claim_lost",
            Self::LeaseExpired => "lease_expired",
            Self::StopRequested => "stop_requested",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClaimLost => "riverbeat: the claim on this job is lost",
            Self::LeaseExpired => "riverbeat: the lease on this job has expired",
            Self::StopRequested => "riverbeat: Riverkeeper requests that this job stops",
            Self::Stopped => "riverbeat: the heartbeats of this process have stopped",
        })
    }
}

impl error::Error for Cause {}
