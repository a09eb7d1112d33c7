//! The beats of one process.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, Once};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cause::Cause;
use crate::checkpoint::Resume;
use crate::claim::{ClaimKey, Outcome};
use crate::clock::uptime;
use crate::config::{Config, Settings};
use crate::connection::Connection;
use crate::failures::FailureLog;
use crate::fence::KnownFence;
use crate::lock;
use crate::stats::{Counters, Stats};
use crate::work::Active;

/// Beats for one process: reports the active claims to Postgres, and learns which claims are lost.
///
/// The beats come from a thread of their own, so that work that never awaits does not silence its process. When the last
/// clone is dropped, it stops as [`Beater::stop`] does, with all the time it needs.
#[derive(Clone, Debug)]
pub struct Beater {
    pub(crate) shared: Arc<Shared>,
    _stop: Arc<StopOnDrop>,
}

#[derive(Debug)]
struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.begin_stop();
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) counts: Counters,
    pub(crate) failure_log: FailureLog,
    pub(crate) fence: KnownFence,
    /// Locked before the state of a work, never while one is locked.
    pub(crate) state: Mutex<State>,
    /// The first beat has succeeded or failed.
    pub(crate) answered: CancellationToken,
    /// A shorter interval, or the last work has gone.
    pub(crate) wake: Notify,
    /// A checkpoint has to be saved before the result of its job is written.
    pub(crate) at_once: Notify,
    /// What jobs ask the thread to read.
    pub(crate) requests: (mpsc::UnboundedSender<Resume>, Mutex<Option<mpsc::UnboundedReceiver<Resume>>>),
    /// The keeper schema has no table of checkpoints.
    pub(crate) no_checkpoints: AtomicBool,
    /// The last beat failed.
    pub(crate) failing: AtomicBool,
    /// The pod of this process has to be reported.
    pub(crate) pod_due: AtomicBool,
    /// Another client id: a claim under an id that has never beaten proves nothing.
    renamed: Notify,
    stopping: CancellationToken,
    /// `stop` has lost its patience.
    pub(crate) halted: CancellationToken,
    pub(crate) done: CancellationToken,
    pub(crate) lease_watch: Once,
    pub(crate) lease_changed: (Mutex<()>, Condvar),
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) client_id: String,
    /// At work, or waiting to be.
    pub(crate) works: HashMap<ClaimKey, Arc<Active>>,
    /// By job, to find an earlier attempt in this process.
    pub(crate) newest: HashMap<i64, Arc<Active>>,
    pub(crate) ends: Vec<Ending>,
    /// The shortest interval of any claim so far.
    pub(crate) interval: Duration,
    /// Uptime of sending the last beat that succeeded.
    pub(crate) last_beat: Option<Duration>,
    /// A claim of ours was found in this River table.
    pub(crate) river_verified: bool,
    /// After a refusal.
    pub(crate) no_checkpoints_until: Option<Duration>,
    /// The database's encoding does not have every character.
    pub(crate) plain_notes: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Phase {
    #[default]
    Idle,
    Started,
    Stopping,
    Stopped,
}

/// How the work of a claim ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) key: ClaimKey,
    pub(crate) outcome: Outcome,
}

/// Kept while the database is away; they only inform.
const MOST_ENDS: usize = 100_000;

impl Beater {
    /// Connects to nothing yet.
    pub fn new(config: Config) -> Self {
        let client_id = config.client_id.clone();
        let settings = Settings::new(config);
        let interval = settings.interval;
        let (requests, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            settings,
            counts: Counters::default(),
            failure_log: FailureLog::default(),
            fence: KnownFence::default(),
            state: Mutex::new(State { client_id, interval, ..State::default() }),
            answered: CancellationToken::new(),
            wake: Notify::new(),
            at_once: Notify::new(),
            requests: (requests, Mutex::new(Some(received))),
            no_checkpoints: AtomicBool::new(false),
            failing: AtomicBool::new(false),
            pod_due: AtomicBool::new(true),
            renamed: Notify::new(),
            stopping: CancellationToken::new(),
            halted: CancellationToken::new(),
            done: CancellationToken::new(),
            lease_watch: Once::new(),
            lease_changed: (Mutex::new(()), Condvar::new()),
        });
        Self { _stop: Arc::new(StopOnDrop(Arc::clone(&shared))), shared }
    }

    /// Begins to beat, at once and then every interval, on a thread of its own. Again does nothing.
    pub fn start(&self) {
        {
            let mut state = lock(&self.shared.state);
            if state.phase != Phase::Idle {
                return;
            }
            state.phase = Phase::Started;
        }
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("riverbeat".to_owned());
        if let Err(failure) = thread.spawn(move || shared.run_in_thread()) {
            tracing::error!(error = %failure, "riverbeat: no thread could be started: jobs run without heartbeats");
            lock(&self.shared.state).phase = Phase::Stopped;
            self.shared.finish_thread();
        }
    }

    /// Waits until no work is left, reports the last outcomes, and closes the connection. Work that is left after `patience`
    /// is cancelled with [`Cause::Stopped`], and is reported as abandoned. Returns whether none was left.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.shared.begin_stop();
        let in_time = tokio::time::timeout(patience, self.shared.done.cancelled()).await.is_ok();
        self.shared.halted.cancel();
        self.shared.done.cancelled().await;
        in_time
    }

    /// The counts of this moment.
    pub fn stats(&self) -> Stats {
        let state = lock(&self.shared.state);
        Stats {
            working: state.works.len(),
            since_last_beat: state.last_beat.map(|at| uptime().saturating_sub(at)),
            fenced: self.shared.is_fenced(),
            ..self.shared.counts.stats()
        }
    }

    /// The random id of this process in the client table.
    pub fn instance(&self) -> &str {
        &self.shared.settings.instance
    }

    /// Changes the id under which this process claims jobs, where it was not known at the start, and beats at once.
    pub fn set_client_id(&self, client_id: &str) {
        let mut state = lock(&self.shared.state);
        client_id.clone_into(&mut state.client_id);
        if state.phase == Phase::Started {
            self.shared.renamed.notify_one();
        }
    }
}

impl Shared {
    pub(crate) fn client_id(&self) -> String {
        lock(&self.state).client_id.clone()
    }

    pub(crate) fn interval(&self) -> Duration {
        lock(&self.state).interval
    }

    fn begin_stop(&self) {
        let before = {
            let mut state = lock(&self.state);
            let before = state.phase;
            match before {
                Phase::Idle => state.phase = Phase::Stopped,
                Phase::Started => state.phase = Phase::Stopping,
                Phase::Stopping | Phase::Stopped => {}
            }
            before
        };
        self.stopping.cancel();
        if before == Phase::Idle {
            self.finish_thread(); // there is no thread that would do it
        }
    }

    /// The only thread that beats.
    fn run_in_thread(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.run()),
            Err(failure) => {
                tracing::error!(error = %failure, "riverbeat: no runtime could be started: jobs run without heartbeats");
            }
        }
        lock(&self.state).phase = Phase::Stopped;
        self.finish_thread();
    }

    fn finish_thread(&self) {
        self.answered.cancel();
        self.halted.cancel();
        self.done.cancel();
        self.lease_changed.1.notify_all();
    }

    async fn run(&self) {
        let mut connection = Connection::default();
        let mut next = Instant::now();
        let mut stopping = false;
        let Some(mut requests) = lock(&self.requests.1).take() else { return };
        while !self.is_done() {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {
                    next = Instant::now() + self.pause();
                    self.guarded("tick", self.tick(&mut connection)).await;
                    self.answered.cancel(); // also after a panic
                }
                Some(request) = requests.recv() => {
                    self.guarded("resume", self.answer_resume(&mut connection, request)).await;
                }
                () = self.at_once.notified() => next = Instant::now(),
                () = self.renamed.notified() => next = Instant::now(),
                () = self.wake.notified() => next = next.min(Instant::now() + self.pause()),
                () = self.stopping.cancelled(), if !stopping => stopping = true,
                () = self.halted.cancelled() => {}
            }
        }
        self.abandon_work();
        self.guarded("stop", self.flush_ends(&mut connection)).await;
        connection.close().await;
    }

    /// True when the beats have to stop and no claim needs them any more.
    fn is_done(&self) -> bool {
        let state = lock(&self.state);
        self.halted.is_cancelled() || (state.phase == Phase::Stopping && state.works.is_empty())
    }

    /// An interval less up to a tenth, so that a fleet that was started together does not beat together.
    fn pause(&self) -> Duration {
        let interval = self.interval();
        interval.mul_f64(rand::random_range(0.9..=1.0))
    }

    /// Runs code that must never harm a job: a panic in it is logged and counted.
    async fn guarded(&self, step: &str, code: impl Future<Output = ()>) {
        if AssertUnwindSafe(code).catch_unwind().await.is_err() {
            self.counts.panics.add();
            if self.failure_log.is_new(&format!("panic: {step}")) {
                tracing::error!(step, "riverbeat: bug in the heartbeat client; jobs continue");
            }
        }
    }

    /// Cancels the work that is left when `stop` has lost its patience: nobody beats for it any more, so it must not go on.
    /// Each claim is reported as abandoned, so that Riverkeeper does not wait for it.
    fn abandon_work(&self) {
        let left: Vec<_> = lock(&self.state).works.values().cloned().collect();
        for work in left {
            work.cancel(Cause::Stopped);
            let mut state = lock(&self.state);
            let mut held = lock(&work.state);
            if held.sent && !held.lost && !held.finished && !held.over {
                held.given_up = true;
                self.counts.abandoned.add();
                state.add_end(&work.key, Outcome::Abandoned);
            }
        }
    }
}

impl State {
    pub(crate) fn add_end(&mut self, key: &ClaimKey, outcome: Outcome) {
        if self.ends.len() < MOST_ENDS {
            self.ends.push(Ending { key: key.clone(), outcome });
        }
    }
}
