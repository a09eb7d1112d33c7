//! The claim checked in the transaction that has the effect.

use std::{error, fmt};

use sqlx::{AssertSqlSafe, PgExecutor};

use crate::claim::Claim;
use crate::statements::{self, filled, literal};
use crate::work::current;

/// Why a claim could not be verified: roll back in both cases.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// Another process decided that this attempt is over.
    ClaimLost,
    /// The database did not answer as it should.
    Database(sqlx::Error),
}

impl fmt::Display for VerifyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClaimLost => crate::Cause::ClaimLost.fmt(formatter),
            Self::Database(failure) => failure.fmt(formatter),
        }
    }
}

impl error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::ClaimLost => None,
            Self::Database(failure) => failure.source(),
        }
    }
}

/// Locks the job of a claim until the transaction ends, so that nobody can take the claim away before the effects of the
/// transaction are committed. This check is the only real guarantee. Call it first in the transaction, also before
/// `job_complete_tx`, and keep the transaction short: River's own write of the job waits for it.
///
/// ```no_run
/// # async fn effect(pool: &sqlx::PgPool, claim: &riverbeat::Claim) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// riverbeat::verify_claim(&mut *tx, claim).await?; // an error rolls back
/// sqlx::query("UPDATE account SET balance = balance - 10 WHERE id = 1").execute(&mut *tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// River's schema is that of the job that runs here, otherwise the one that the search_path finds.
///
/// # Errors
/// [`VerifyError::ClaimLost`] where the claim is over: roll back. Otherwise what the database answered.
pub async fn verify_claim(transaction: impl PgExecutor<'_>, claim: &Claim) -> Result<(), VerifyError> {
    let work = current();
    let river = work.as_ref().and_then(|work| work.river_schema()).unwrap_or_default();
    let values = [
        ("job_id", claim.job_id.to_string()),
        ("attempted_at", literal(&claim.attempted_at)),
        ("attempt", claim.attempt.to_string()),
    ];
    let text = filled(&statements::verify_claim(river), &values);
    match sqlx::raw_sql(AssertSqlSafe(text)).fetch_optional(transaction).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(VerifyError::ClaimLost),
        Err(failure) => Err(VerifyError::Database(failure)),
    }
}
