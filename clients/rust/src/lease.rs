//! Leases: work whose beats do not come through is cancelled.

use std::sync::Arc;
use std::time::Duration;

use crate::beater::Shared;
use crate::cause::Cause;
use crate::clock::uptime;
use crate::lock;

/// How often leases are checked although none is due: a wait stops while the machine sleeps.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Shared {
    /// Starts the thread that watches leases, with the first lease. It is not the thread of the beats, because a beat may hang.
    pub(crate) fn watch_leases(self: &Arc<Self>) {
        self.lease_watch.call_once(|| {
            let shared = Arc::clone(self);
            let watch = move || {
                while !shared.done.is_cancelled() {
                    let wait = shared.expire_leases(uptime());
                    let changed = lock(&shared.lease_changed.0);
                    let _ = shared.lease_changed.1.wait_timeout(changed, wait);
                }
            };
            if let Err(failure) = std::thread::Builder::new().name("riverbeat-leases".to_owned()).spawn(watch) {
                tracing::error!(error = %failure, "riverbeat: no thread could be started: leases do not end");
            }
        });
        self.lease_changed.1.notify_all();
    }

    /// Returns how long to wait for the next lease that may end.
    fn expire_leases(&self, now: Duration) -> Duration {
        let mut wait = LONGEST_WAIT;
        for work in lock(&self.state).works.values() {
            let Some(lease) = work.tier.lease else { continue };
            let mut state = lock(&work.state);
            if state.expired || state.lost || state.finished {
                continue;
            }
            let left = (state.last_beat + lease).saturating_sub(now);
            if !left.is_zero() {
                wait = wait.min(left);
                continue;
            }
            state.expired = true;
            self.counts.leases.add();
            tracing::warn!(job_id = work.key.job_id, ?lease, "riverbeat: lease expired; the work is cancelled");
            work.cancel(Cause::LeaseExpired);
        }
        wait
    }
}
