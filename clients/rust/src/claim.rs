//! One attempt of one job, and how it ended.

use jiff::Timestamp;

/// One attempt of one job. The attempt alone is not unique: a snooze puts it back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The job's id.
    pub job_id: i64,
    /// The job's attempt.
    pub attempt: i16,
    /// As the database wrote it, with microseconds: see [`attempted_at_text`].
    pub attempted_at: String,
    /// The job's kind; may be empty. It distinguishes a first lost claim from a wrong River schema.
    pub kind: String,
}

/// The contract's form of a time that was read from the database with its microseconds. Postgres keeps microseconds, and a
/// rounded claim matches nothing.
pub fn attempted_at_text(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// What makes two claims the same. Its order is that of the claims in a statement: two writers that keep it cannot wait for
/// each other.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct ClaimKey {
    pub(crate) job_id: i64,
    pub(crate) attempted_at: String,
}

impl Claim {
    pub(crate) fn key(&self) -> Result<ClaimKey, jiff::Error> {
        let attempted_at = attempted_at_text(self.attempted_at.parse()?);
        Ok(ClaimKey { job_id: self.job_id, attempted_at })
    }
}

/// How the work of a claim ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The job is done.
    Completed,
    /// The attempt failed, or the job was discarded.
    Failed,
    /// The job runs again later, and the attempt does not count.
    Snoozed,
    /// The job was cancelled.
    Cancelled,
    /// This process gave the claim up. The client itself reports it.
    Abandoned,
}

impl Outcome {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Snoozed => "snoozed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }
}
