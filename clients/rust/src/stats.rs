//! Counts of one process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts since the start, for a metrics endpoint.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Statements that succeeded.
    pub beats: u64,
    /// Statements that failed because the database could not be reached in time.
    pub failures: u64,
    /// Statements refused: table or grant missing, read-only, another River's schema.
    pub refusals: u64,
    /// Claims lost.
    pub lost: u64,
    /// Claims whose work was cancelled because no beat succeeded.
    pub leases_expired: u64,
    /// Claims whose work was cancelled because Riverkeeper requested it.
    pub stops_requested: u64,
    /// Results that came back after their claim was known to be lost.
    pub late: u64,
    /// Claims given up: the lease expired, or the process stopped first.
    pub abandoned: u64,
    /// Caught in here; never the job's.
    pub panics: u64,
    /// Claims at work now.
    pub working: usize,
    /// How long the last statement that succeeded took.
    pub last_beat: Duration,
    /// Since the last beat that succeeded was sent; `None`: none yet.
    pub since_last_beat: Option<Duration>,
    /// The fence is in force, and results carry a token.
    pub fenced: bool,
}

/// A count that any thread may raise.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) beats: Count,
    pub(crate) failures: Count,
    pub(crate) refusals: Count,
    pub(crate) lost: Count,
    pub(crate) leases: Count,
    pub(crate) stops: Count,
    pub(crate) late: Count,
    pub(crate) abandoned: Count,
    pub(crate) panics: Count,
    pub(crate) last_beat_micros: Count,
}

impl Counters {
    /// All but what the beater itself knows.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            beats: self.beats.get(),
            failures: self.failures.get(),
            refusals: self.refusals.get(),
            lost: self.lost.get(),
            leases_expired: self.leases.get(),
            stops_requested: self.stops.get(),
            late: self.late.get(),
            abandoned: self.abandoned.get(),
            panics: self.panics.get(),
            last_beat: Duration::from_micros(self.last_beat_micros.get()),
            ..Stats::default()
        }
    }
}
