//! How checkpoints reach their table, and come back from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::Row;

use crate::beater::Shared;
use crate::checkpoint::{Found, Resume};
use crate::clock::uptime;
use crate::connection::Connection;
use crate::failures::Failure;
use crate::lock;
use crate::statements::{array, filled, literal};
use crate::tier::beat_timeout;
use crate::work::Active;

/// Of the keeper schema: the first with checkpoints.
const CHECKPOINT_VERSION: i32 = 8;
/// No checkpoint is sent for so long after a refusal: each failed statement costs a connection.
const AFTER_REFUSAL: Duration = Duration::from_mins(1);
/// For the statement that reads one.
const RESUME_TIMEOUT: Duration = Duration::from_secs(5);
const KIND: &str = "checkpoint";

/// A checkpoint that has to be sent.
struct Unsaved {
    work: Arc<Active>,
    number: u64,
    text: Arc<str>,
}

impl Shared {
    /// The keeper schema is known to have no table for them.
    pub(crate) fn lacks_checkpoints(&self) -> bool {
        self.no_checkpoints.load(Ordering::Relaxed)
    }

    /// None is sent for a minute after a refusal.
    pub(crate) fn refuses_checkpoints(&self) -> bool {
        lock(&self.state).no_checkpoints_until.is_some_and(|until| uptime() < until)
    }

    pub(crate) fn record_version(&self, version: i32) {
        self.no_checkpoints.store(version < CHECKPOINT_VERSION, Ordering::Relaxed);
    }

    pub(crate) fn log_missing_checkpoints(&self) {
        if self.failure_log.is_new("no table of checkpoints") {
            tracing::warn!(
                keeper_schema = self.settings.keeper_schema,
                fix = "riverkeeper schema install, and schema grants",
                "riverbeat: checkpoints are not saved: the keeper schema has no table for them"
            );
        }
    }

    /// Sends the checkpoints that have changed, in a transaction of their own: where it fails, the beat has not.
    pub(crate) async fn save_checkpoints(&self, connection: &mut Connection) {
        let found = self.collect_unsaved();
        if found.is_empty() || self.refuses_checkpoints() || self.lacks_checkpoints() {
            return;
        }
        for each in &found {
            each.work.checkpoints.mark_sent();
        }
        let limit = beat_timeout(self.interval());
        let sent = tokio::time::timeout(limit, self.send_checkpoints(connection, &found, limit)).await;
        match sent.unwrap_or(Err(Failure::Timeout(limit))) {
            Ok(()) => {
                self.failure_log.forget(KIND);
                for each in found {
                    each.work.checkpoints.record_answer(each.number, each.text);
                }
            }
            Err(failure) => {
                connection.discard();
                self.record_unsaved(&failure);
            }
        }
    }

    fn record_unsaved(&self, failure: &Failure) {
        if failure.refusal().is_some() {
            lock(&self.state).no_checkpoints_until = Some(uptime() + AFTER_REFUSAL);
        }
        if self.failure_log.is_new(KIND) {
            let reason = failure.refusal().unwrap_or_default();
            tracing::warn!(reason, error = %failure, "riverbeat: checkpoints were not saved; jobs continue");
        }
    }

    /// Of the claims that beat, in the order of beats.
    fn collect_unsaved(&self) -> Vec<Unsaved> {
        let works: Vec<_> = lock(&self.state).works.values().cloned().collect();
        let beats = |work: &Arc<Active>| {
            let state = lock(&work.state);
            state.confirmed && !state.lost && !state.finished
        };
        let mut found: Vec<_> = works
            .into_iter()
            .filter(beats)
            .filter_map(|work| work.checkpoints.pending().map(|(number, text)| Unsaved { work, number, text }))
            .collect();
        found.sort_by(|a, b| a.work.key.cmp(&b.work.key));
        found
    }

    async fn send_checkpoints(
        &self,
        connection: &mut Connection,
        found: &[Unsaved],
        limit: Duration,
    ) -> Result<(), Failure> {
        connection.open(&self.settings.database).await?;
        let statements = self.checked_statements(connection, limit).await?;
        let values = [
            ("job_ids", array(found.iter().map(|each| Some(each.work.key.job_id.to_string())))),
            ("attempted_ats", array(found.iter().map(|each| Some(&each.work.key.attempted_at)))),
            ("attempts", array(found.iter().map(|each| Some(each.work.claim.attempt.to_string())))),
            ("numbers", array(found.iter().map(|each| Some(each.number.to_string())))),
            ("vals", array(found.iter().map(|each| Some(&each.text)))),
        ];
        connection.query(&filled(&statements.checkpoint, &values), limit).await.map(drop)
    }

    /// A statement that failed is an error for the job, never nothing found.
    pub(crate) async fn answer_resume(&self, connection: &mut Connection, request: Resume) {
        let read = tokio::time::timeout(RESUME_TIMEOUT, self.read_checkpoint(connection, &request)).await;
        let answer = match read.unwrap_or(Err(Failure::Timeout(RESUME_TIMEOUT))) {
            Ok(found) => Ok(found),
            Err(failure) => {
                connection.discard();
                if failure.is_missing_schema() {
                    self.log_missing_checkpoints();
                    Ok(Found::Nothing) // nothing can have been saved
                } else {
                    Err(format!("the checkpoint could not be read: {failure}"))
                }
            }
        };
        let _ = request.answer.send(answer); // the job may have been dropped
    }

    async fn read_checkpoint(&self, connection: &mut Connection, request: &Resume) -> Result<Found, Failure> {
        connection.open(&self.settings.database).await?;
        let statements = self.checked_statements(connection, RESUME_TIMEOUT).await?;
        if self.lacks_checkpoints() {
            self.log_missing_checkpoints();
            return Ok(Found::Nothing);
        }
        let values = [
            ("job_id", request.key.job_id.to_string()),
            ("attempted_at", literal(&request.key.attempted_at)),
            ("attempt", request.attempt.to_string()),
        ];
        let rows = connection.query(&filled(&statements.resume, &values), RESUME_TIMEOUT).await?;
        let Some(row) = rows.first() else { return Ok(Found::Lost) };
        Ok(row.try_get::<Option<String>, _>("val")?.map_or(Found::Nothing, Found::Checkpoint))
    }
}
