//! What a job saves of where it is, so that its next attempt goes on from there.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{error, fmt};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{AssertSqlSafe, PgExecutor};
use tokio::sync::{Notify, oneshot};

use crate::claim::{ClaimKey, Outcome};
use crate::finite::is_finite;
use crate::lock;
use crate::statements::{self, filled, literal};
use crate::work::{Active, Work, WorkHandle, current};

/// Bytes, as the table's constraint.
const LONGEST_CHECKPOINT: usize = 8192;
/// How long the result of a failed job waits at most until its newest checkpoint is saved.
const LAST_CHECKPOINT_TIME: Duration = Duration::from_secs(1);

/// Why a checkpoint was not accepted, saved or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The value is no JSON, or takes more than 8 kB; or a saved one does not fit the type that it is read into.
    Value(String),
    /// Another process decided that this attempt is over.
    ClaimLost,
    /// There is nowhere to save a checkpoint together with an effect: the job does not beat.
    NotBeating,
    /// The database did not answer as it should, or there is no table of checkpoints.
    Database(sqlx::Error),
    /// The beats of this process do not read it: they have stopped, or the database does not answer them.
    Unavailable(String),
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(reason) | Self::Unavailable(reason) => formatter.write_str(reason),
            Self::ClaimLost => crate::Cause::ClaimLost.fmt(formatter),
            Self::NotBeating => formatter.write_str("there is nowhere to save a checkpoint: this job does not beat"),
            Self::Database(failure) => failure.fmt(formatter),
        }
    }
}

impl error::Error for CheckpointError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        if let Self::Database(failure) = self { failure.source() } else { None }
    }
}

/// JSON in ASCII: no encoding of a database refuses it.
pub(crate) fn encoded(value: &(impl Serialize + ?Sized)) -> Result<String, CheckpointError> {
    if !is_finite(value) {
        return Err(CheckpointError::Value("a checkpoint must be JSON, which has no NaN and no infinity".to_owned()));
    }
    let json = serde_json::to_string(value)
        .map_err(|failure| CheckpointError::Value(format!("a checkpoint must be JSON: {failure}")))?;
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            ascii.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    if ascii.len() > LONGEST_CHECKPOINT {
        let bytes = ascii.len();
        let reason = format!("a checkpoint takes at most {LONGEST_CHECKPOINT} bytes of JSON, and this one has {bytes}");
        return Err(CheckpointError::Value(reason));
    }
    Ok(ascii)
}

/// The newest checkpoint of a claim, and what is known to be saved. Its lock is its own.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    state: Mutex<Values>,
    answered: Notify,
}

#[derive(Debug, Default)]
struct Values {
    /// Of the newest value of this claim.
    number: u64,
    /// None where there is none, or a transaction of the job has written it.
    newest: Option<Arc<str>>,
    /// None where it is not known.
    saved: Option<Arc<str>>,
    /// Number of the newest value that a transaction of the job has written.
    in_transaction: u64,
}

impl Checkpoints {
    fn put(&self, text: String) {
        let mut values = lock(&self.state);
        values.number += 1;
        values.newest = Some(text.into());
    }

    /// The number of a value that the job's own transaction writes. It replaces one that was not sent yet.
    fn number_in_transaction(&self) -> u64 {
        let mut values = lock(&self.state);
        values.number += 1;
        *values = Values { number: values.number, in_transaction: values.number, ..Values::default() };
        values.number
    }

    /// What has to be sent; None where nothing has changed.
    pub(crate) fn pending(&self) -> Option<(u64, Arc<str>)> {
        let values = lock(&self.state);
        let newest = values.newest.as_ref().filter(|newest| values.saved.as_ref() != Some(newest))?;
        Some((values.number, Arc::clone(newest)))
    }

    /// Before the statement: its answer may get lost although the value is saved.
    pub(crate) fn mark_sent(&self) {
        lock(&self.state).saved = None;
    }

    /// The value need not be sent again; a refused one is refused for good.
    pub(crate) fn record_answer(&self, number: u64, text: Arc<str>) {
        {
            let mut values = lock(&self.state);
            if number > values.in_transaction {
                values.saved = Some(text);
            }
        }
        self.answered.notify_waiters();
    }
}

/// What a job asks the beats of its process to read.
#[derive(Debug)]
pub(crate) struct Resume {
    pub(crate) key: ClaimKey,
    pub(crate) attempt: i16,
    pub(crate) answer: oneshot::Sender<Result<Found, String>>,
}

/// The answer of `resume.sql`.
#[derive(Debug)]
pub(crate) enum Found {
    Lost,
    Nothing,
    Checkpoint(String),
}

impl WorkHandle {
    /// Saves where the job is: see [`checkpoint`].
    ///
    /// # Errors
    /// As [`checkpoint`].
    pub fn checkpoint(&self, value: &(impl Serialize + ?Sized)) -> Result<(), CheckpointError> {
        let text = encoded(value)?;
        let (Some(process), Some(active)) = (&self.process, &self.active) else { return Ok(()) };
        if lock(&active.state).lost {
            return Err(CheckpointError::ClaimLost);
        }
        if process.lacks_checkpoints() {
            process.log_missing_checkpoints();
            return Ok(());
        }
        active.checkpoints.put(text);
        Ok(())
    }

    /// Saves a checkpoint in the transaction that has the effect: see [`checkpoint_tx`].
    ///
    /// # Errors
    /// As [`checkpoint_tx`].
    pub async fn checkpoint_tx(
        &self,
        transaction: impl PgExecutor<'_>,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), CheckpointError> {
        let text = encoded(value)?;
        let (Some(process), Some(active)) = (&self.process, &self.active) else {
            return Err(CheckpointError::NotBeating);
        };
        let settings = &process.settings;
        let statement =
            statements::checkpoint_tx(settings.river_schema.as_deref().unwrap_or_default(), &settings.keeper_schema);
        let values = [
            ("job_id", active.key.job_id.to_string()),
            ("attempted_at", literal(&active.key.attempted_at)),
            ("attempt", active.claim.attempt.to_string()),
            ("number", active.checkpoints.number_in_transaction().to_string()),
            ("val", literal(&text)),
        ];
        match sqlx::raw_sql(AssertSqlSafe(filled(&statement, &values))).fetch_optional(transaction).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(CheckpointError::ClaimLost),
            Err(failure) => Err(CheckpointError::Database(failure)),
        }
    }

    /// Reads the job's newest checkpoint: see [`resume`].
    ///
    /// # Errors
    /// As [`resume`].
    pub async fn resume<T: DeserializeOwned>(&self) -> Result<Option<T>, CheckpointError> {
        let (Some(process), Some(active)) = (&self.process, &self.active) else { return Ok(None) };
        let (answer, answered) = oneshot::channel();
        let request = Resume { key: active.key.clone(), attempt: active.claim.attempt, answer };
        let stopped = || CheckpointError::Unavailable("the heartbeats of this process have stopped".to_owned());
        process.requests.0.send(request).map_err(|_| stopped())?;
        let found = tokio::select! {
            found = answered => found.map_err(|_| stopped())?,
            () = process.done.cancelled() => return Err(stopped()),
        };
        match found.map_err(CheckpointError::Unavailable)? {
            Found::Lost => Err(CheckpointError::ClaimLost),
            Found::Nothing => Ok(None),
            Found::Checkpoint(text) => serde_json::from_str(&text).map(Some).map_err(|failure| {
                CheckpointError::Value(format!("the checkpoint of an earlier attempt does not fit: {failure}"))
            }),
        }
    }
}

impl Work {
    /// Waits until the newest checkpoint of work that failed or snoozed is saved. Call it before [`Work::finish`], and before the
    /// result is written: afterwards the job does not run under the claim. It takes a second at most, and no time where
    /// nothing is left to save, or where the last beat failed.
    pub async fn save_checkpoint(&self, outcome: Outcome) {
        let (Some(process), Some(active)) = (&self.process, &self.active) else { return };
        if matches!(outcome, Outcome::Failed | Outcome::Snoozed) && process.may_save(active) {
            let saved = async {
                loop {
                    let answered = active.checkpoints.answered.notified();
                    if active.checkpoints.pending().is_none() {
                        return;
                    }
                    lock(&active.state).leaving = true;
                    process.at_once.notify_one();
                    answered.await;
                }
            };
            let _ = tokio::time::timeout(LAST_CHECKPOINT_TIME, saved).await;
        }
    }
}

impl crate::beater::Shared {
    fn may_save(&self, active: &Active) -> bool {
        let held = {
            let state = lock(&active.state);
            !state.lost && !state.finished && !state.over
        };
        held && active.checkpoints.pending().is_some()
            && !self.lacks_checkpoints()
            && !self.refuses_checkpoints()
            && !self.failing.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Saves where the job that runs here is, as JSON of at most 8 kB, so that the next attempt can [`resume`] from there. The newest
/// value is sent with the next beat, and nothing where it has not changed: call it after each step. A worker that dies loses
/// what it did since its last beat at most; for no loss at all see [`checkpoint_tx`].
///
/// Outside of a job that beats, and with a keeper schema that has no table for it, a
/// value is accepted and kept nowhere.
///
/// # Errors
/// The value is no JSON or too large, or the claim is lost.
pub fn checkpoint(value: &(impl Serialize + ?Sized)) -> Result<(), CheckpointError> {
    match current() {
        Some(work) => work.checkpoint(value),
        None => encoded(value).map(drop),
    }
}

/// Saves a checkpoint in the transaction that has the effect: both are there afterwards, or neither is. It locks the job, as
/// [`verify_claim`](crate::verify_claim) does: call it first, and keep the transaction short. It replaces a [`checkpoint`] that
/// was not sent yet. The login of the transaction needs the rights of `riverkeeper_worker`.
///
/// ```no_run
/// # async fn step(pool: &sqlx::PgPool, page: u32) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// riverbeat::checkpoint_tx(&mut *tx, &page).await?; // an error rolls back
/// sqlx::query("UPDATE book SET pages = pages + 1 WHERE id = 1").execute(&mut *tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`CheckpointError::ClaimLost`] where the claim is over, or another reason why nothing is saved: roll back.
pub async fn checkpoint_tx(
    transaction: impl PgExecutor<'_>,
    value: &(impl Serialize + ?Sized),
) -> Result<(), CheckpointError> {
    match current() {
        Some(work) => work.checkpoint_tx(transaction, value).await,
        None => Err(CheckpointError::NotBeating),
    }
}

/// The newest checkpoint of the job that runs here, whichever attempt saved it; `None` where there is none, and outside of a job
/// that beats.
///
/// # Errors
/// Return it from the job: what earlier attempts did is not known.
pub async fn resume<T: DeserializeOwned>() -> Result<Option<T>, CheckpointError> {
    match current() {
        Some(work) => work.resume().await,
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(checkpoints: &Checkpoints) -> Option<String> {
        checkpoints.pending().map(|(_, text)| text.to_string())
    }

    /// Only what has changed is sent, and a value that is still on its way never hides the one of a transaction.
    #[test]
    fn the_newest_value_is_pending_until_it_is_answered() {
        let checkpoints = Checkpoints::default();
        assert_eq!(text(&checkpoints), None);
        checkpoints.put("1".to_owned());
        checkpoints.put("2".to_owned());
        let (number, sent) = checkpoints.pending().unwrap();
        assert_eq!((number, &*sent), (2, "2"));
        checkpoints.mark_sent();
        checkpoints.record_answer(number, sent);
        checkpoints.put("2".to_owned());
        assert_eq!(text(&checkpoints), None);
        checkpoints.put("3".to_owned());
        let (number, sent) = checkpoints.pending().unwrap();
        assert_eq!(checkpoints.number_in_transaction(), 5);
        assert_eq!(text(&checkpoints), None);
        checkpoints.record_answer(number, sent);
        checkpoints.put("3".to_owned());
        assert_eq!(text(&checkpoints), Some("3".to_owned()));
    }
}
