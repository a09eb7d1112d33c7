//! The plugin for River: jobs beat, and results carry the token.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{error, fmt};

use futures_util::FutureExt;
use riverqueue::{
    BoxError, Extensions, Hook, JobCancelError, JobRow, Metric, Plugin, WorkContext, WorkError, WorkMiddleware,
    WorkNext, WorkOutcome,
};
use sqlx::PgPool;

use crate::beater::Beater;
use crate::cause::Cause;
use crate::claim::{Claim, Outcome, attempted_at_text};
use crate::config::Config;
use crate::fence::TOKEN_KEY;
use crate::lock;
use crate::stats::Stats;
use crate::tier::Tier;
use crate::work::Work;

/// As River's own `job_stuck_threshold`.
const ABORT_AFTER: Duration = Duration::from_secs(10);

/// The plugin: `Client::builder(pool.clone()).plugin(Riverbeat::new(&pool))`.
///
/// A clone is the same plugin: keep one to [`stop`](Self::stop) it or to read its [`stats`](Self::stats).
///
/// The process beats from River's first fetch on, also of no job, and from its first job on under River's client id. A plugin
/// learns neither the start nor the id of River's client. [`start`](Self::start) does both at once.
#[derive(Clone)]
pub struct Riverbeat {
    options: Arc<Options>,
    shared: Arc<Beaters>,
}

type TierFor = dyn Fn(&JobRow) -> Tier + Send + Sync;

#[derive(Clone)]
struct Options {
    config: Config,
    tier_for: Arc<TierFor>,
    abort_after: Option<Duration>,
}

#[derive(Default)]
struct Beaters {
    /// With the id of its River client; None until that is known. A process may run several River clients.
    all: Mutex<Vec<(Option<String>, Beater)>>,
    started: AtomicBool,
    unfenced: AtomicBool,
}

impl fmt::Debug for Riverbeat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Riverbeat").field("config", &self.options.config).finish_non_exhaustive()
    }
}

impl Riverbeat {
    /// Takes the options of the pool, not its connections: the beats have one of their own, so that they never wait behind the
    /// queries of jobs.
    pub fn new(pool: &PgPool) -> Self {
        let config = Config { fences: true, ..Config::new(pool, "") };
        let options = Options { config, tier_for: Arc::new(|_| Tier::STANDARD), abort_after: Some(ABORT_AFTER) };
        Self { options: Arc::new(options), shared: Arc::default() }
    }

    /// Chooses how often a job beats and whether it has a lease, by anything in its row: priority, kind, queue or arguments.
    /// Default: [`Tier::STANDARD`] for all.
    #[must_use]
    pub fn tier_for(self, choose: impl Fn(&JobRow) -> Tier + Send + Sync + 'static) -> Self {
        self.with(|options| options.tier_for = Arc::new(choose))
    }

    /// Where River's tables are; give it here too where it is set there.
    #[must_use]
    pub fn river_schema(self, name: impl Into<String>) -> Self {
        self.with(|options| options.config.river_schema = Some(name.into()))
    }

    /// Where the heartbeat tables are, if not in `riverkeeper` or `<river schema>_riverkeeper`.
    #[must_use]
    pub fn keeper_schema(self, name: impl Into<String>) -> Self {
        self.with(|options| options.config.keeper_schema = Some(name.into()))
    }

    /// How often the process beats when no tier needs more. Default 10 s.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        self.with(|options| options.config.interval = interval)
    }

    /// Limits the beats to some kinds of job; Riverkeeper then concludes nothing from missing beats of others.
    #[must_use]
    pub fn kinds(self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let kinds = kinds.into_iter().map(Into::into).collect();
        self.with(|options| options.config.kinds = Some(kinds))
    }

    /// How long a second attempt in this process waits for the first. Default 10 s.
    #[must_use]
    pub fn fence_for(self, duration: Duration) -> Self {
        self.with(|options| options.config.fence = duration)
    }

    /// How long a job that this client has cancelled may ignore that, before it is dropped at its next `.await`. Default 10 s,
    /// as River's own `job_stuck_threshold`; `None` leaves it at work.
    #[must_use]
    pub fn abort_after(self, duration: Option<Duration>) -> Self {
        self.with(|options| options.abort_after = duration)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    /// Begins to beat for a River client: call it with `client.id()` after `build()`. Without it the beats begin with River's
    /// first fetch, and have the client's id from its first job on. Again does nothing.
    pub fn start(&self, client_id: &str) {
        self.beater(client_id);
    }

    /// Ends the beats once no job is left. Jobs that are left after `patience` are cancelled with [`Cause::Stopped`] and reported
    /// as abandoned. Call it after the River client has stopped. A program that ends anyway may leave it out: then the ends of
    /// its last jobs are not reported. Returns whether no job was left.
    pub async fn stop(&self, patience: Duration) -> bool {
        let beaters: Vec<_> = lock(&self.shared.all).iter().map(|(_, beater)| beater.clone()).collect();
        let mut in_time = true;
        for beater in beaters {
            in_time &= beater.stop(patience).await;
        }
        in_time
    }

    /// The counts for each River client of this process, by its id; the id is empty until it is known.
    pub fn stats(&self) -> Vec<(String, Stats)> {
        let beaters = lock(&self.shared.all);
        beaters.iter().map(|(id, beater)| (id.clone().unwrap_or_default(), beater.stats())).collect()
    }

    /// The beater of a River client: one that began without an id, or else a new one.
    fn beater(&self, client_id: &str) -> Beater {
        let mut beaters = lock(&self.shared.all);
        if let Some((_, beater)) = beaters.iter().find(|(id, _)| id.as_deref() == Some(client_id)) {
            return beater.clone();
        }
        if let Some((id, beater)) = beaters.iter_mut().find(|(id, _)| id.is_none()) {
            *id = Some(client_id.to_owned());
            beater.set_client_id(client_id);
            return beater.clone();
        }
        let beater = self.new_beater(Some(client_id));
        beaters.push((Some(client_id.to_owned()), beater.clone()));
        beater
    }

    fn new_beater(&self, client_id: Option<&str>) -> Beater {
        self.shared.started.store(true, Ordering::Relaxed);
        let beater = Beater::new(self.options.config.clone());
        beater.set_client_id(client_id.unwrap_or(&format!("riverbeat-{}", beater.instance())));
        beater.start();
        beater
    }

    /// River fetches jobs, so its client works, though its id is not known here.
    fn start_without_id(&self) {
        let mut beaters = lock(&self.shared.all);
        if beaters.is_empty() {
            beaters.push((None, self.new_beater(None)));
        }
    }

    /// Puts the token on the result: before the work, for what the work itself completes, and after it, for a fence that was
    /// installed meanwhile.
    fn attach(&self, context: &WorkContext, work: &Work) {
        let Some(token) = work.token() else { return };
        if let Err(failure) = context.metadata_set(TOKEN_KEY, token)
            && !self.shared.unfenced.swap(true, Ordering::Relaxed)
        {
            tracing::error!(
                error = %failure,
                "riverbeat: a result is not fenced: a late one may be written into the next attempt"
            );
        }
    }
}

impl Plugin for Riverbeat {
    fn install(&self, extensions: &mut Extensions) {
        extensions.hook(FetchHook(self.clone())).work_middleware(self.clone());
    }
}

/// River emits a metric at every fetch, also of no job.
struct FetchHook(Riverbeat);

impl Hook for FetchHook {
    async fn metric_emit(&self, _: Metric) -> Result<(), BoxError> {
        if !self.0.shared.started.load(Ordering::Relaxed) {
            self.0.start_without_id();
        }
        Ok(())
    }
}

impl WorkMiddleware for Riverbeat {
    async fn work(&self, context: &WorkContext, job: JobRow, next: WorkNext<'_>) -> Result<WorkOutcome, WorkError> {
        let (Some(claim), Some(client_id)) = (claim_of(&job), job.attempted_by.last()) else {
            return next.run(job).await; // no client holds it, as in tests
        };
        let beater = self.beater(client_id);
        let tier = (self.options.tier_for)(&job);
        let work = beater.begin(claim, tier, context.cancellation_token().clone()).await;
        let attempt = Attempt { plugin: self, context, work };
        self.attach(context, &attempt.work);
        let run = attempt.work.scope(self.run(context, &attempt.work, job, next));
        let result = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => {
                attempt.work.save_checkpoint(Outcome::Failed).await;
                std::panic::resume_unwind(panic) // River makes the result of it
            }
        };
        let outcome = outcome_of(&result);
        attempt.work.save_checkpoint(outcome).await;
        attempt.work.finish(outcome);
        attempt.work.await_successor().await;
        result
    }
}

/// Attaches the token at the end too, also where the job panics or River drops it; the work has failed then.
struct Attempt<'a> {
    plugin: &'a Riverbeat,
    context: &'a WorkContext,
    work: Work,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.plugin.attach(self.context, &self.work);
    }
}

impl Riverbeat {
    /// Runs the job, and drops it where it ignores that this client has cancelled it.
    async fn run(
        &self,
        context: &WorkContext,
        work: &Work,
        job: JobRow,
        next: WorkNext<'_>,
    ) -> Result<WorkOutcome, WorkError> {
        let id = job.id;
        let mut run = pin!(next.run(job));
        let result = tokio::select! {
            biased;
            result = &mut run => Ok(result),
            () = context.cancellation_token().cancelled() => match (work.handle().cause(), self.options.abort_after) {
                (Some(cause), Some(patience)) => tokio::time::timeout(patience, run).await.map_err(|_| cause),
                _ => Ok(run.await), // River cancelled it, and has its own limit
            },
        };
        let result = result.unwrap_or_else(|cause| {
            tracing::warn!(job_id = id, %cause, "riverbeat: job ignored its cancellation; it is dropped");
            Err(WorkError::new(cause))
        });
        match (result, work.handle().cause()) {
            (Err(failure), Some(cause)) => Err(explained(failure, cause)),
            (result, _) => result,
        }
    }
}

/// The claim of a job's row; `None` where no client holds the job.
pub fn claim_of(job: &JobRow) -> Option<Claim> {
    Some(Claim {
        job_id: job.id,
        attempt: i16::try_from(job.attempt).ok()?,
        attempted_at: attempted_at_text(job.attempted_at?),
        kind: job.kind.clone(),
    })
}

/// What River will make of the result.
fn outcome_of(result: &Result<WorkOutcome, WorkError>) -> Outcome {
    match result {
        Ok(WorkOutcome::Complete) => Outcome::Completed,
        Ok(WorkOutcome::Snooze(_)) => Outcome::Snoozed,
        Ok(WorkOutcome::Cancel) => Outcome::Cancelled,
        Err(failure) if JobCancelError::is_in_chain(failure.get_ref()) => Outcome::Cancelled,
        Ok(_) | Err(_) => Outcome::Failed,
    }
}

/// Adds why this client cancelled a job to a bare "job work cancelled", which is all that the error in its row would say. An
/// error of the job's own stays as it is.
fn explained(failure: WorkError, cause: Cause) -> WorkError {
    if riverqueue::WorkCancelled::is_in_chain(failure.get_ref()) {
        return WorkError::new(Cancelled { cause, source: failure });
    }
    failure
}

/// The error of a job that returned `WorkCancelled` because this client cancelled it.
#[derive(Debug)]
pub struct Cancelled {
    /// Why.
    pub cause: Cause,
    source: WorkError,
}

impl fmt::Display for Cancelled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(formatter)
    }
}

impl error::Error for Cancelled {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(self.source.get_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riverqueue::WorkCancelled;

    /// Riverkeeper reads what River will make of a result.
    #[test]
    fn outcomes_are_rivers() {
        let failed = |failure: BoxError| Err(WorkError::new(failure));
        for (result, want) in [
            (Ok(WorkOutcome::Complete), Outcome::Completed),
            (Ok(WorkOutcome::Cancel), Outcome::Cancelled),
            (Ok(WorkOutcome::Discard), Outcome::Failed),
            (Ok(WorkOutcome::Snooze(Duration::ZERO)), Outcome::Snoozed),
            (failed("no".into()), Outcome::Failed),
            (failed(WorkCancelled.into()), Outcome::Failed),
            (failed(JobCancelError::new("no").into()), Outcome::Cancelled),
            (failed(std::io::Error::other(JobCancelError::new("no")).into()), Outcome::Cancelled),
        ] {
            assert_eq!(outcome_of(&result), want, "{result:?}");
        }
    }

    /// A bare cancellation gets its cause in the job's row, and stays one for River; an error of the job's own stays as it is.
    #[test]
    fn cancellations_are_explained() {
        let reported = explained(WorkError::new(WorkCancelled), Cause::StopRequested);
        assert_eq!(reported.to_string(), Cause::StopRequested.to_string());
        assert!(WorkCancelled::is_in_chain(reported.get_ref()));
        let own = explained(WorkError::new("my own"), Cause::StopRequested);
        assert_eq!(own.to_string(), "my own");
    }
}
