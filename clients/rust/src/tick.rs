//! One beat for all claims, and what its answer changes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::beater::{Ending, Shared};
use crate::cause::Cause;
use crate::clock::uptime;
use crate::connection::{CLOSE_TIMEOUT, Connection};
use crate::failures::Failure;
use crate::lock;
use crate::progress::Report;
use crate::statements::{Statements, array, filled, literal};
use crate::tier::beat_timeout;
use crate::work::Active;

/// The claims that one statement names.
pub(crate) struct Batch {
    pub(crate) works: Vec<Arc<Active>>,
    /// What the statement reports of each claim, in the same order.
    reports: Vec<Report>,
    interval: Duration,
    /// Uptime just before sending.
    pub(crate) sent: Option<Duration>,
    /// Claims that are named for the first time.
    fresh: Vec<Arc<Active>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    Held,
    Stop,
    Finished,
    Lost,
}

/// Of each claim of a batch, in the same order; None where no answer came.
pub(crate) type Statuses = Vec<Option<Status>>;

impl Status {
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "held" => Some(Self::Held),
            "stop" => Some(Self::Stop),
            "finished" => Some(Self::Finished),
            "lost" => Some(Self::Lost),
            _ => None,
        }
    }
}

impl Shared {
    /// Sends one beat for all claims, and then the outcomes of those whose work has returned.
    pub(crate) async fn tick(&self, connection: &mut Connection) {
        let mut batch = self.collect();
        match self.send(connection, &mut batch).await {
            Ok(answer) => {
                self.apply_answer(&batch, &answer);
                self.save_checkpoints(connection).await;
                self.flush_ends(connection).await;
                self.report_pod(connection).await;
            }
            Err(failure) => {
                connection.discard();
                self.apply_failure(&batch, &failure);
            }
        }
    }

    /// Takes the claims that are due, in the order of the contract. A claim is never later than its own interval, but skips
    /// ticks that the process makes for a more urgent claim.
    pub(crate) fn collect(&self) -> Batch {
        let state = lock(&self.state);
        let now = uptime();
        let due = |work: &&Arc<Active>| work.is_due(now, state.interval);
        let mut works: Vec<_> = state.works.values().filter(due).cloned().collect();
        works.sort_by(|a, b| a.key.cmp(&b.key));
        // Before the statement is sent: its answer may get lost although the row exists.
        let named_first = |work: &&Arc<Active>| !std::mem::replace(&mut lock(&work.state).sent, true);
        let fresh = works.iter().filter(named_first).cloned().collect();
        let reports = works.iter().map(|work| work.progress.latest()).collect();
        Batch { works, reports, interval: state.interval, sent: None, fresh }
    }

    async fn send(&self, connection: &mut Connection, batch: &mut Batch) -> Result<Statuses, Failure> {
        let limit = beat_timeout(batch.interval);
        let beat = async {
            connection.open(&self.settings.database).await?;
            let statements = self.checked_statements(connection, limit).await?;
            let answer = self.beat(connection, &statements, batch, limit).await?;
            self.verify_river_schema(connection, &statements, batch, &answer, limit).await?;
            Ok(answer)
        };
        tokio::select! {
            answer = tokio::time::timeout(limit, beat) => answer.unwrap_or(Err(Failure::Timeout(limit))),
            () = self.halted.cancelled() => Err(Failure::Stopped),
        }
    }

    async fn beat(
        &self,
        connection: &mut Connection,
        statements: &Statements,
        batch: &mut Batch,
        limit: Duration,
    ) -> Result<Statuses, Failure> {
        let sent = uptime();
        batch.sent = Some(sent);
        let mut answer = connection.query(&self.beat_text(statements, batch), limit).await;
        if let Err(failure) = &answer
            && (failure.is_retryable() || failure.is_of_encoding())
        {
            if failure.is_of_encoding() {
                lock(&self.state).plain_notes = true;
            }
            batch.sent = Some(uptime());
            answer = connection.query(&self.beat_text(statements, batch), limit).await;
        }
        let rows = answer?;
        let micros = uptime().saturating_sub(sent).as_micros();
        self.counts.last_beat_micros.set(u64::try_from(micros).unwrap_or(u64::MAX));
        self.read_statuses(&rows, batch)
    }

    /// Each row is the place of a claim in the arrays, counted from 1, and its status.
    fn read_statuses(&self, rows: &[PgRow], batch: &Batch) -> Result<Statuses, Failure> {
        let mut answer = vec![None; batch.works.len()];
        let mut fits = rows.len() == answer.len();
        for row in rows {
            let (ordinal, word) = (row.try_get::<i64, _>("ordinal")?, row.try_get::<&str, _>("status")?);
            let place = usize::try_from(ordinal).ok().and_then(|ordinal| ordinal.checked_sub(1));
            match (place.and_then(|place| answer.get_mut(place)), Status::of(word)) {
                (Some(claim), Some(status)) => *claim = Some(status),
                _ => fits = false,
            }
        }
        if (!fits || answer.contains(&None)) && self.failure_log.is_new("answers") {
            let (claims, answers) = (answer.len(), rows.len());
            tracing::error!(claims, answers, "riverbeat: bug: the answers of a beat do not fit its claims");
        }
        Ok(answer)
    }

    pub(crate) fn apply_answer(&self, batch: &Batch, answer: &[Option<Status>]) {
        self.counts.beats.add();
        self.failing.store(false, Ordering::Relaxed);
        self.failure_log.recovered();
        let sent = batch.sent.unwrap_or_default();
        lock(&self.state).last_beat = Some(sent);
        for ((work, report), status) in batch.works.iter().zip(&batch.reports).zip(answer) {
            if let Some(status) = status {
                self.apply_status(work, *status, sent, report.count);
            }
        }
    }

    fn apply_status(&self, work: &Active, status: Status, sent: Duration, reported: u64) {
        let mut state = lock(&work.state);
        if state.over {
            return;
        }
        match status {
            Status::Held | Status::Stop => {
                (state.last_beat, state.confirmed, state.acknowledged) = (sent, true, reported);
                if status == Status::Stop && !std::mem::replace(&mut state.stop_requested, true) {
                    self.counts.stops.add();
                    tracing::warn!(
                        job_id = work.key.job_id,
                        "riverbeat: Riverkeeper requests that a job stops; its work is cancelled"
                    );
                    work.cancel(Cause::StopRequested);
                }
            }
            Status::Finished => state.finished = true,
            Status::Lost => {
                tracing::warn!(
                    job_id = work.key.job_id,
                    attempt = work.claim.attempt,
                    "riverbeat: claim lost; its work is cancelled"
                );
                self.mark_lost(work, &mut state);
            }
        }
    }

    /// A statement that failed proves nothing about any claim.
    pub(crate) fn apply_failure(&self, batch: &Batch, failure: &Failure) {
        self.failure_log.beat_failed(failure);
        self.failing.store(true, Ordering::Relaxed);
        self.pod_due.store(true, Ordering::Relaxed);
        let refused = failure.refusal().is_some();
        if refused {
            self.counts.refusals.add();
            self.record_refusal(failure);
        } else {
            self.counts.failures.add();
        }
        if refused || batch.sent.is_none() {
            for work in &batch.fresh {
                lock(&work.state).sent = false; // nothing was written
            }
        }
        if refused {
            for work in lock(&self.state).works.values() {
                lock(&work.state).last_beat = uptime(); // a refused beat counts as a beat: it must not end a lease
            }
        }
    }

    /// Sends the outcomes that were not sent yet, and keeps them if that fails.
    pub(crate) async fn flush_ends(&self, connection: &mut Connection) {
        let (mut ends, mut limit) = {
            let mut state = lock(&self.state);
            (std::mem::take(&mut state.ends), beat_timeout(state.interval))
        };
        if ends.is_empty() {
            return;
        }
        if self.halted.is_cancelled() {
            limit = limit.min(CLOSE_TIMEOUT);
        }
        ends.sort_by(|a, b| a.key.cmp(&b.key));
        let sent = tokio::time::timeout(limit, self.send_ends(connection, &ends, limit)).await;
        if let Err(failure) = sent.unwrap_or(Err(Failure::Timeout(limit))) {
            connection.discard();
            self.failure_log.beat_failed(&failure);
            let mut state = lock(&self.state);
            ends.append(&mut state.ends);
            state.ends = ends;
        }
    }

    async fn send_ends(&self, connection: &mut Connection, ends: &[Ending], limit: Duration) -> Result<(), Failure> {
        connection.open(&self.settings.database).await?;
        let statements = self.checked_statements(connection, limit).await?;
        let values = [
            ("job_ids", array(ends.iter().map(|end| Some(end.key.job_id.to_string())))),
            ("attempted_ats", array(ends.iter().map(|end| Some(&end.key.attempted_at)))),
            ("outcomes", array(ends.iter().map(|end| Some(end.outcome.as_str())))),
        ];
        connection.query(&filled(&statements.end, &values), limit).await.map(drop)
    }

    fn beat_text(&self, statements: &Statements, batch: &Batch) -> String {
        let settings = &self.settings;
        let (works, reports) = (&batch.works, &batch.reports);
        let plain_notes = lock(&self.state).plain_notes;
        let reported = works.iter().zip(reports).map(|(work, report)| report.count != lock(&work.state).acknowledged);
        let kinds = settings.kinds.as_ref().map(|kinds| array(kinds.iter().map(Some)));
        let values = [
            ("instance", literal(&settings.instance)),
            ("client_id", literal(&self.client_id())),
            ("software", literal(&settings.software)),
            ("started_at", literal(&settings.started_at)),
            ("fences", self.is_fenced().to_string()),
            ("client_interval", literal(&span(batch.interval))),
            ("kinds", kinds.unwrap_or_else(|| "NULL".to_owned())),
            ("job_ids", array(works.iter().map(|work| Some(work.key.job_id.to_string())))),
            ("attempted_ats", array(works.iter().map(|work| Some(&work.key.attempted_at)))),
            ("attempts", array(works.iter().map(|work| Some(work.claim.attempt.to_string())))),
            ("intervals", array(works.iter().map(|work| Some(span(work.tier.interval))))),
            ("leases", array(works.iter().map(|work| work.tier.lease.map(span)))),
            ("progress_reported", array(reported.map(|is_new| Some(is_new.to_string())))),
            ("progress", array(reports.iter().map(|report| report.value.map(|value| value.to_string())))),
            ("notes", array(reports.iter().map(|report| note(report, plain_notes)))),
        ];
        filled(&statements.beat, &values)
    }
}

/// Text that Postgres reads the same under every IntervalStyle.
fn span(duration: Duration) -> String {
    format!("{} microseconds", duration.as_micros())
}

/// In a database of another encoding than UTF-8 only what every encoding has.
fn note(report: &Report, plain: bool) -> Option<String> {
    let text = report.note.as_deref()?;
    Some(if plain { text.replace(|letter: char| !letter.is_ascii(), "?") } else { text.to_owned() })
}
