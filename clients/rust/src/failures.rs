//! Beats that failed or were refused, and what is logged of them.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;
use std::{error, fmt};

use crate::lock;

/// Why a beat did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An answer that means: no heartbeats here. It never cancels a job.
    Refusal(String),
    /// The database's error, or that of the way to it.
    Database(sqlx::Error),
    /// No answer within the limit.
    Timeout(Duration),
    /// This process stops.
    Stopped,
}

/// The SQLSTATEs that a retry does not heal, and after which nothing was written.
const REFUSALS: [(&str, &str); 10] = [
    ("42P01", "a table is missing: install or upgrade the keeper schema (riverkeeper schema install)"),
    ("3F000", "a schema is missing: install the keeper schema (riverkeeper schema install)"),
    ("42703", "a column is missing: upgrade the keeper schema (riverkeeper schema install) or this client"),
    ("42704", "an object is missing: upgrade the keeper schema (riverkeeper schema install) or this client"),
    ("42883", "a function is missing: upgrade the keeper schema (riverkeeper schema install) or this client"),
    ("42501", "a grant is missing (riverkeeper schema grants)"),
    ("25006", "the server is read-only: connect to the primary"),
    ("28000", "the server refused the login"),
    ("28P01", "the server refused the password"),
    ("3D000", "the database does not exist"),
];

impl Failure {
    /// Why the database accepts no beats, or None for any other failure.
    pub(crate) fn refusal(&self) -> Option<&str> {
        if let Self::Refusal(reason) = self {
            return Some(reason);
        }
        refusal_of(&self.sqlstate()?)
    }

    /// The server's own error code, or None where the statement did not reach the server.
    pub(crate) fn sqlstate(&self) -> Option<String> {
        let Self::Database(failure) = self else { return None };
        Some(failure.as_database_error()?.code()?.into_owned())
    }

    /// The same statement may succeed at once: after a deadlock or a serialization failure.
    pub(crate) fn is_retryable(&self) -> bool {
        self.sqlstate().is_some_and(|code| code == "40P01" || code == "40001")
    }

    /// The database's encoding does not have a character of a note.
    pub(crate) fn is_of_encoding(&self) -> bool {
        self.sqlstate().is_some_and(|code| code == "22P05" || code == "22021")
    }

    /// Without the keeper schema there are no triggers either.
    pub(crate) fn is_missing_schema(&self) -> bool {
        self.sqlstate().is_some_and(|code| is_missing_schema(&code))
    }
}

pub(crate) fn refusal_of(sqlstate: &str) -> Option<&'static str> {
    REFUSALS.iter().find(|(refusal, _)| *refusal == sqlstate).map(|(_, reason)| *reason)
}

pub(crate) fn is_missing_schema(sqlstate: &str) -> bool {
    sqlstate == "42P01" || sqlstate == "3F000"
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refusal(reason) => formatter.write_str(reason),
            Self::Database(failure) => failure.fmt(formatter),
            Self::Timeout(limit) => write!(formatter, "no answer within {limit:?}"),
            Self::Stopped => formatter.write_str("the beats have stopped"),
        }
    }
}

impl error::Error for Failure {}

impl From<sqlx::Error> for Failure {
    fn from(failure: sqlx::Error) -> Self {
        Self::Database(failure)
    }
}

/// Logs each kind of failure once, and once when beats succeed again.
#[derive(Debug, Default)]
pub(crate) struct FailureLog(Mutex<HashSet<String>>);

const BEAT: &str = "beat"; // prefix of the kinds that a successful beat ends

impl FailureLog {
    /// True for the first time.
    pub(crate) fn is_new(&self, kind: &str) -> bool {
        lock(&self.0).insert(kind.to_owned())
    }

    /// Logs a beat that failed. The jobs go on in any case.
    pub(crate) fn beat_failed(&self, failure: &Failure) {
        if let Some(reason) = failure.refusal() {
            if self.is_new(&format!("{BEAT}: {reason}")) {
                tracing::error!(reason, error = %failure, "riverbeat: beats are refused; jobs continue without heartbeats");
            }
        } else if !matches!(failure, Failure::Stopped) && self.is_new(BEAT) {
            tracing::warn!(error = %failure, "riverbeat: beat failed; jobs continue, the next tick tries again");
        }
    }

    /// Forgets a kind, so that its next failure is logged again.
    pub(crate) fn forget(&self, kind: &str) {
        lock(&self.0).remove(kind);
    }

    /// Forgets the failures of beats, so that new ones are logged again.
    pub(crate) fn recovered(&self) {
        let mut logged = lock(&self.0);
        let before = logged.len();
        logged.retain(|kind| !kind.starts_with(BEAT));
        if logged.len() < before {
            tracing::info!("riverbeat: beats succeed again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure that goes on is logged once, and once more after it had ended.
    #[test]
    fn failures_are_logged_once() {
        let log = FailureLog::default();
        assert!(log.is_new("beat") && !log.is_new("beat") && log.is_new("tier"));
        log.recovered();
        assert!(log.is_new("beat") && !log.is_new("tier"));
    }

    /// Only an answer is a refusal: no answer proves nothing.
    #[test]
    fn no_answer_is_no_refusal() {
        assert_eq!(Failure::Refusal("no".to_owned()).refusal(), Some("no"));
        assert_eq!(Failure::Timeout(Duration::from_secs(1)).refusal(), None);
        assert_eq!(Failure::Database(sqlx::Error::PoolClosed).refusal(), None);
    }
}
