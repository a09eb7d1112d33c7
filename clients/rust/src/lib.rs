//! Lets a running River job prove that it is alive and moves, and stops the result of a lost claim from being written into
//! the next attempt of the job.
//!
//! River users add one line, the plugin [`Riverbeat`], and use from here only [`progress`], [`checkpoint`] and [`resume`], and
//! [`cause`]:
//!
//! ```no_run
//! # #[cfg(feature = "riverqueue")]
//! # fn client(pool: sqlx::PgPool, workers: riverqueue::Workers) -> Result<riverqueue::Client, riverqueue::Error> {
//! use riverqueue::{Client, QueueConfig};
//!
//! let client = Client::builder(pool.clone())
//!     .plugin(riverbeat::Riverbeat::new(&pool))
//!     .queue("default", QueueConfig::new(10))
//!     .workers(workers)
//!     .build()?;
//! # Ok(client)
//! # }
//! ```
//!
//! The plugin is built on [`Beater`], which needs Postgres and the heartbeat contract, but not River. A `Beater` beats for one
//! process. Each tick it sends one statement that names every active claim:
//!
//! ```no_run
//! # async fn queue(pool: sqlx::PgPool) {
//! use riverbeat::{Beater, Claim, Config, Outcome, Tier};
//!
//! let beater = Beater::new(Config::new(&pool, "worker-1"));
//! beater.start();
//! let claim = Claim {
//!     job_id: 7,
//!     attempt: 1,
//!     attempted_at: "2026-11-23T08:14:24.887644Z".to_owned(),
//!     kind: "report".to_owned(),
//! };
//! let token = tokio_util::sync::CancellationToken::new();
//! let work = beater.begin(claim, Tier::STANDARD, token.clone()).await;
//! work.scope(async { /* the job, which stops when the token is cancelled */ }).await;
//! if work.finish(Outcome::Completed) {
//!     // report the result to the queue
//! } // else: the claim is lost, and the result must not be written
//! # }
//! ```
//!
//! # What a beat proves
//!
//! That the process was alive and could reach the database. It does not prove that the job moves: only the job can report that,
//! with [`progress`]. Nothing outside the database can be fenced: check the claim with [`verify_claim`] in the transaction that
//! has the effect.

mod beater;
mod cause;
mod checkpoint;
mod claim;
mod clock;
mod config;
mod connection;
mod failures;
mod fence;
mod finite;
mod keeper_schema;
mod lease;
mod pod;
mod progress;
#[cfg(feature = "riverqueue")]
mod river;
mod save;
mod statements;
mod stats;
mod tick;
mod tier;
#[cfg(test)]
mod vectors;
mod verify_claim;
mod work;

pub use beater::Beater;
pub use cause::Cause;
pub use checkpoint::{CheckpointError, checkpoint, checkpoint_tx, resume};
pub use claim::{Claim, Outcome, attempted_at_text};
pub use config::{Config, Database};
pub use fence::TOKEN_KEY;
#[cfg(feature = "riverqueue")]
pub use river::{Cancelled, Riverbeat, claim_of};
pub use stats::Stats;
pub use tier::Tier;
pub use verify_claim::{VerifyError, verify_claim};
pub use work::{Work, WorkHandle, cause, current, progress};

/// A panic elsewhere leaves our plain values as they are.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
