//! One claim at work in this process.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::beater::{Beater, Phase, Shared, State};
use crate::cause::Cause;
use crate::checkpoint::Checkpoints;
use crate::claim::{Claim, ClaimKey, Outcome};
use crate::clock::uptime;
use crate::fence::Fence;
use crate::lock;
use crate::progress::Progress;
use crate::tier::Tier;

/// How long the jobs of a process that has just started wait for the first answer of meta, at most.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// That a new claim waits before a beat names it.
const LONGEST_DELAY: Duration = Duration::from_millis(100);
/// Between two results of one job that this process hands in.
const RESULT_GAP: Duration = Duration::from_millis(500);
/// A result counts as written this long after its work has returned,
const WRITTEN_AFTER: Duration = Duration::from_secs(2);
/// or at most this long after it, if the database is away.
const WRITTEN_AT_LATEST: Duration = Duration::from_secs(30);

/// One claim at work, from [`Beater::begin`] to [`Work::finish`]. Dropped without `finish`, as by a panic, it has failed.
#[derive(Debug)]
pub struct Work {
    /// None for a claim that cannot be read.
    pub(crate) process: Option<Arc<Shared>>,
    /// None for work that does not beat.
    pub(crate) active: Option<Arc<Active>>,
    attempted_at: String,
}

/// Work at hand for what a job spawns: see [`current`](crate::current).
#[derive(Clone, Debug)]
pub struct WorkHandle {
    pub(crate) process: Option<Arc<Shared>>,
    pub(crate) active: Option<Arc<Active>>,
}

#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) claim: Claim,
    pub(crate) key: ClaimKey,
    pub(crate) tier: Tier,
    pub(crate) progress: Progress,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) state: Mutex<WorkState>,
    token: CancellationToken,
    cause: OnceLock<Cause>,
    returned: CancellationToken,
}

/// Locked after the state of the beater, never before it.
#[allow(clippy::struct_excessive_bools)] // independent facts
#[derive(Debug, Default)]
pub(crate) struct WorkState {
    /// Uptime of sending the last beat that named it and succeeded; of its start before that.
    pub(crate) last_beat: Duration,
    /// A beat that named it has succeeded.
    pub(crate) confirmed: bool,
    /// A row may exist.
    pub(crate) sent: bool,
    pub(crate) lost: bool,
    /// Completed by the job itself.
    pub(crate) finished: bool,
    pub(crate) stop_requested: bool,
    pub(crate) expired: bool,
    /// It waits until its last checkpoint is saved.
    pub(crate) leaving: bool,
    /// The work has returned,
    pub(crate) over: bool,
    /// at this uptime.
    ended: Duration,
    /// Reported as abandoned.
    pub(crate) given_up: bool,
    /// Count of the progress reports that a beat has brought.
    pub(crate) acknowledged: u64,
    /// A later attempt of the job that was begun here while this one was at work.
    successor: Option<Arc<Active>>,
}

impl Active {
    /// The first cause counts.
    pub(crate) fn cancel(&self, cause: Cause) {
        let _ = self.cause.set(cause);
        self.token.cancel();
    }

    /// Leaves out claims that have just begun: each named claim makes a row, and most jobs are short. Until a beat names a
    /// claim, the beat of its process shows that it lives.
    pub(crate) fn is_due(&self, now: Duration, pace: Duration) -> bool {
        let state = lock(&self.state);
        if state.finished || state.lost {
            return false;
        }
        if !state.sent && !state.leaving {
            return now.saturating_sub(state.last_beat) >= (self.tier.interval / 20).min(LONGEST_DELAY);
        }
        !state.confirmed || state.leaving || now + pace / 2 >= state.last_beat + self.tier.interval * 9 / 10
    }
}

impl Beater {
    /// Starts the work of a claim. The token is cancelled when the work has to stop; [`WorkHandle::cause`] is the reason.
    ///
    /// An earlier attempt of the same job that is still at work here is cancelled, and waited for up to the fence. The first
    /// jobs of a process wait for the first answer of the database, a second at most. Needs a Tokio runtime with timers.
    pub async fn begin(&self, claim: Claim, tier: Tier, token: CancellationToken) -> Work {
        let (work, earlier) = self.shared.register(claim, tier, token.clone());
        self.shared.await_first_answer(&token).await;
        if let Some(earlier) = earlier {
            self.shared.await_earlier(&earlier, &token).await;
        }
        work
    }
}

impl Shared {
    /// Returns a work that does not beat where there is nothing to beat for.
    fn register(self: &Arc<Self>, claim: Claim, tier: Tier, token: CancellationToken) -> (Work, Option<Arc<Active>>) {
        let key = match claim.key() {
            Ok(key) => key,
            Err(failure) => {
                if self.failure_log.is_new("claim") {
                    tracing::error!(job_id = claim.job_id, error = %failure, "riverbeat: job runs without heartbeats");
                }
                return (Work { process: None, active: None, attempted_at: String::new() }, None);
            }
        };
        let (tier, changed) = tier.corrected(self.settings.interval);
        if changed && self.failure_log.is_new("tier") {
            tracing::error!(?tier, "riverbeat: tier corrected: a lease must be 2.5 intervals or more");
        }
        let mut work = Work { process: Some(Arc::clone(self)), active: None, attempted_at: key.attempted_at.clone() };
        let mut state = lock(&self.state);
        // Registered twice, as by a middleware that is installed twice: the outer one counts.
        if state.works.contains_key(&key) || state.phase == Phase::Stopped || !self.beats_for(&claim.kind) {
            return (work, None);
        }
        let active = Arc::new(Active {
            claim,
            tier,
            token,
            progress: Progress::default(),
            checkpoints: Checkpoints::default(),
            state: Mutex::new(WorkState { last_beat: uptime(), ..WorkState::default() }),
            cause: OnceLock::new(),
            returned: CancellationToken::new(),
            key: key.clone(),
        });
        let earlier = state.newest.insert(key.job_id, Arc::clone(&active));
        if let Some(earlier) = &earlier {
            lock(&earlier.state).successor = Some(Arc::clone(&active));
        }
        state.works.insert(key, Arc::clone(&active));
        self.shorten_interval(state, tier);
        work.active = Some(active);
        (work, earlier)
    }

    fn beats_for(&self, kind: &str) -> bool {
        self.settings.kinds.as_ref().is_none_or(|kinds| kind.is_empty() || kinds.iter().any(|known| known == kind))
    }

    /// Makes the whole process beat as often as its most urgent claim needs, from then on: what the process declares should
    /// not change with every job.
    fn shorten_interval(self: &Arc<Self>, mut state: MutexGuard<'_, State>, tier: Tier) {
        let is_shorter = tier.interval < state.interval;
        if is_shorter {
            state.interval = tier.interval;
        }
        drop(state);
        if is_shorter {
            self.wake.notify_one();
        }
        if tier.lease.is_some() {
            self.watch_leases();
        }
    }

    /// Holds up the first jobs of a process, until it is known whether results need a token. Once the first beat has succeeded
    /// or failed, no job waits here: a job must not depend on the database.
    async fn await_first_answer(&self, token: &CancellationToken) {
        let is_started = lock(&self.state).phase == Phase::Started;
        if !self.settings.fences || self.fence.get() != Fence::Unknown || !is_started {
            return;
        }
        tokio::select! {
            () = self.answered.cancelled() => {}
            () = tokio::time::sleep(FIRST_ANSWER_TIMEOUT) => {}
            () = token.cancelled() => {}
        }
    }

    /// Ends an earlier attempt: the queue handed the job out again, so that one is over.
    async fn await_earlier(&self, earlier: &Active, token: &CancellationToken) {
        self.mark_lost(earlier, &mut lock(&earlier.state));
        tracing::warn!(
            job_id = earlier.key.job_id,
            earlier_attempt = earlier.claim.attempt,
            "riverbeat: job claimed again while an earlier attempt is active; the earlier one is cancelled"
        );
        tokio::select! {
            () = earlier.returned.cancelled() => {}
            () = tokio::time::sleep(self.settings.fence) => return,
            () = token.cancelled() => return,
        }
        tokio::select! { // the earlier result is handed in after this moment, and must not replace ours
            () = tokio::time::sleep(RESULT_GAP) => {}
            () = token.cancelled() => {}
        }
    }

    pub(crate) fn mark_lost(&self, work: &Active, state: &mut WorkState) {
        if !std::mem::replace(&mut state.lost, true) {
            self.counts.lost.add();
            work.cancel(Cause::ClaimLost);
        }
    }

    /// True when a beat has come through after the result was handed in: so could the result.
    fn is_result_written(&self, work: &Active) -> bool {
        let last_beat = lock(&self.state).last_beat.unwrap_or_default();
        let ended = lock(&work.state).ended;
        let since = uptime().saturating_sub(ended);
        since > WRITTEN_AT_LATEST || (since > WRITTEN_AFTER && last_beat > ended + WRITTEN_AFTER / 2)
    }
}

impl Work {
    /// The fencing token of this work: attach it to the result, under [`TOKEN_KEY`](crate::TOKEN_KEY), before the work begins
    /// and once more after it has returned. The database then drops the result if the claim is lost by the time it is
    /// written. `None` means that no token is wanted, because no fence is in force.
    pub fn token(&self) -> Option<&str> {
        let process = self.process.as_ref()?;
        process.wants_token().then_some(&self.attempted_at)
    }

    /// False for work without heartbeats: its claim cannot be read, its kind does not beat, the beats have stopped, or the claim
    /// is at work here already.
    pub fn beats(&self) -> bool {
        self.active.is_some()
    }

    /// For what the job spawns: progress, and why it was cancelled.
    pub fn handle(&self) -> WorkHandle {
        WorkHandle { process: self.process.clone(), active: self.active.clone() }
    }

    /// Runs the job so that [`progress`](crate::progress), [`cause`](crate::cause) and [`current`](crate::current) find this work.
    pub async fn scope<F: Future>(&self, job: F) -> F::Output {
        if self.active.is_none() {
            return job.await; // as where the middleware is installed twice: what is found then is the outer work
        }
        CURRENT.scope(self.handle(), job).await
    }

    /// Records that the work has returned and how it ended. The next beat reports the outcome. False means that the claim is
    /// known to be lost: do not write the result if you can prevent that. With a token on the result the database drops it in
    /// any case.
    ///
    /// Work that failed after its lease expired is reported as "abandoned": whatever the queue does with the result,
    /// Riverkeeper does not have to wait for this claim. Again does nothing.
    pub fn finish(&self, outcome: Outcome) -> bool {
        let (Some(process), Some(active)) = (&self.process, &self.active) else { return true };
        let mut state = lock(&process.state);
        let mut work = lock(&active.state);
        if !std::mem::replace(&mut work.over, true) {
            work.ended = uptime();
            process.end(&mut state, &work, active, outcome);
            active.returned.cancel();
            process.wake_if_last(&state);
        }
        !work.lost
    }

    /// Holds up the result of an attempt that was overtaken, until that of the later attempt in this process has been written.
    /// River collects results by job id and keeps one: the late one would replace the other before either was sent, the
    /// database would drop it, and work that was done would be done once more. It returns at once in every other case.
    pub async fn await_successor(&self) {
        let (Some(process), Some(active)) = (&self.process, &self.active) else { return };
        let Some(last) = last_successor(active) else { return };
        if !last.returned.is_cancelled() {
            return; // its result comes after ours, and replaces it
        }
        while !process.halted.is_cancelled() && !process.is_result_written(&last) {
            tokio::time::sleep(RESULT_GAP / 5).await;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.finish(Outcome::Failed);
    }
}

impl Shared {
    fn end(&self, state: &mut State, work: &WorkState, active: &Arc<Active>, outcome: Outcome) {
        state.works.remove(&active.key);
        if state.newest.get(&active.key.job_id).is_some_and(|newest| Arc::ptr_eq(newest, active)) {
            state.newest.remove(&active.key.job_id);
        }
        let mut reported = outcome;
        if work.lost {
            self.counts.late.add();
            tracing::warn!(
                job_id = active.key.job_id,
                attempt = active.claim.attempt,
                outcome = outcome.as_str(),
                fenced = self.is_fenced(),
                "riverbeat: result of a lost claim"
            );
        } else if work.expired && outcome == Outcome::Failed {
            reported = Outcome::Abandoned;
            self.counts.abandoned.add();
        }
        if work.sent && !work.given_up {
            state.add_end(&active.key, reported);
        }
    }

    fn wake_if_last(&self, state: &State) {
        if state.works.is_empty() && state.phase == Phase::Stopping {
            self.wake.notify_one();
        }
    }
}

fn last_successor(work: &Arc<Active>) -> Option<Arc<Active>> {
    let mut last = lock(&work.state).successor.clone()?;
    while let Some(next) = {
        let state = lock(&last.state);
        state.successor.clone()
    } {
        last = next;
    }
    Some(last)
}

impl WorkHandle {
    /// Reports how far the job is, from 0 to 1, and where: see [`progress`](crate::progress).
    pub fn progress(&self, value: f64, note: &str) {
        if let Some(active) = &self.active {
            active.progress.report(value, note);
        }
    }

    /// Why this client cancelled the work; `None` where it did not.
    pub fn cause(&self) -> Option<Cause> {
        self.active.as_ref()?.cause.get().copied()
    }

    pub(crate) fn river_schema(&self) -> Option<&str> {
        self.process.as_ref()?.settings.river_schema.as_deref()
    }
}

tokio::task_local! {
    static CURRENT: WorkHandle;
}

/// Reports how far the job is, from 0 to 1, and where. It is sent with the next beat, so it costs next to nothing and may be
/// called in the innermost loop. Only progress shows that a job moves; the same number reported again counts too. A job with a
/// progress timeout that stops reporting counts as hung.
///
/// The note is cut to 1 kB. Outside of a job that beats it does nothing. In a task or thread that the job has spawned, use
/// [`current`] before the spawn.
pub fn progress(value: f64, note: &str) {
    let _ = CURRENT.try_with(|work| work.progress(value, note));
}

/// Why this client cancelled the job that runs here; `None` where it did not, as where River cancels.
pub fn cause() -> Option<Cause> {
    CURRENT.try_with(WorkHandle::cause).ok().flatten()
}

/// The job that runs here, for a task or a thread that it spawns.
///
/// ```
/// # async fn job() {
/// let work = riverbeat::current();
/// tokio::task::spawn_blocking(move || {
///     if let Some(work) = &work {
///         work.progress(0.5, "half of the pages");
///     }
/// });
/// # }
/// ```
pub fn current() -> Option<WorkHandle> {
    CURRENT.try_with(Clone::clone).ok()
}
