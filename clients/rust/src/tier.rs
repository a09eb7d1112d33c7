//! How often a claim beats, and its lease.

use std::time::Duration;

/// How often a claim beats, and how long its work continues without a successful beat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tier {
    /// How often to beat.
    pub interval: Duration,
    /// `None`: the work is never cancelled because a beat failed.
    pub lease: Option<Duration>,
}

impl Tier {
    /// The tier that Riverkeeper ships with: a beat every 10 s, no lease. Riverkeeper never counts a worker as lost before
    /// three of its intervals have passed, with any configuration.
    pub const STANDARD: Self = Self::every(Duration::from_secs(10));

    /// A beat every 2 s, no lease.
    pub const URGENT: Self = Self::every(Duration::from_secs(2));

    /// A tier without a lease.
    pub const fn every(interval: Duration) -> Self {
        Self { interval, lease: None }
    }

    /// The same with a lease. A lease shorter than 2.5 intervals is lengthened.
    #[must_use]
    pub const fn with_lease(self, lease: Duration) -> Self {
        Self { lease: Some(lease), ..self }
    }

    /// A tier that the contract allows, and whether it had to be changed.
    pub(crate) fn corrected(self, standard: Duration) -> (Self, bool) {
        let given = if self.interval.is_zero() { Self { interval: standard, ..self } } else { self };
        let interval = given.interval.max(SHORTEST_INTERVAL);
        let shortest_lease = interval * 2 + interval / 2; // one beat may fail, and the next be slow
        let lease = given.lease.filter(|lease| !lease.is_zero()).map(|lease| lease.max(shortest_lease));
        let tier = Self { interval, lease };
        (tier, tier != given)
    }
}

impl Default for Tier {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// Below it the beats themselves would be the load.
pub(crate) const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// How long a beat may take: the next tick must find the connection free.
pub(crate) fn beat_timeout(interval: Duration) -> Duration {
    interval / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One beat may fail and the next be slow, before a lease ends the work.
    #[test]
    fn a_short_lease_is_lengthened() {
        let second = Duration::from_secs(1);
        let standard = Duration::from_secs(10);
        for (given, want, changed) in [
            (Tier::every(second), Tier::every(second), false),
            (Tier::every(Duration::ZERO), Tier::every(standard), false),
            (Tier::every(second).with_lease(second), Tier::every(second).with_lease(second * 5 / 2), true),
            (Tier::every(second).with_lease(second * 3), Tier::every(second).with_lease(second * 3), false),
            (Tier::every(second).with_lease(Duration::ZERO), Tier::every(second), true),
            (Tier::every(Duration::from_millis(1)), Tier::every(SHORTEST_INTERVAL), true),
        ] {
            assert_eq!(given.corrected(standard), (want, changed), "{given:?}");
        }
    }
}
