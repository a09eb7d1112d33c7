//! The fencing token: whether results need one.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::beater::Shared;
use crate::failures::Failure;

/// The key of a job's metadata under which its result carries the fencing token.
pub const TOKEN_KEY: &str = "riverkeeper:claim";

/// What is known of the triggers that keep an old result out of a later attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Fence {
    /// meta has not answered yet.
    Unknown = 0,
    Missing = 1,
    InForce = 2,
}

/// Takes no lock: every job reads it.
#[derive(Debug, Default)]
pub(crate) struct KnownFence(AtomicU8);

impl KnownFence {
    pub(crate) fn get(&self) -> Fence {
        from_number(self.0.load(Ordering::SeqCst))
    }

    fn replace(&self, fence: Fence) -> Fence {
        from_number(self.0.swap(fence as u8, Ordering::SeqCst))
    }
}

fn from_number(number: u8) -> Fence {
    match number {
        1 => Fence::Missing,
        2 => Fence::InForce,
        _ => Fence::Unknown,
    }
}

impl Shared {
    /// What the client row reports: results carry a token, and the database checks it.
    pub(crate) fn is_fenced(&self) -> bool {
        self.settings.fences && self.fence.get() == Fence::InForce
    }

    /// While it is not known whether the fence is in force, there is a token. A needless token is left over in the job's
    /// metadata, and no fence judges by it later; a result without a token may be written into a later attempt.
    pub(crate) fn wants_token(&self) -> bool {
        self.settings.fences && self.fence.get() != Fence::Missing
    }

    /// Takes in an answer of `meta.sql`.
    pub(crate) fn record_fence(&self, in_force: bool) {
        let found = if in_force { Fence::InForce } else { Fence::Missing };
        match self.fence.replace(found) {
            Fence::Unknown => self.log_start(in_force),
            before if before == found => {}
            _ if in_force => tracing::info!(instance = self.settings.instance, "riverbeat: fence is now in force"),
            _ => tracing::warn!(
                instance = self.settings.instance,
                fix = "riverkeeper schema fence install",
                "riverbeat: the fence is not in force any more: a late result may be written into the next attempt"
            ),
        }
    }

    /// Logs once whether results are fenced, so that no operator has to guess it.
    fn log_start(&self, in_force: bool) {
        let client_id = self.client_id();
        let settings = &self.settings;
        let (instance, keeper_schema, interval) = (&settings.instance, &settings.keeper_schema, settings.interval);
        if in_force && settings.fences {
            tracing::info!(instance, client_id, ?interval, keeper_schema, fence = "yes", "riverbeat: beating");
            return;
        }
        let reason = if in_force {
            "this client attaches no token to its results"
        } else {
            "the fence is not installed (riverkeeper schema fence install)"
        };
        tracing::warn!(instance, client_id, ?interval, keeper_schema, fence = "no", reason, "riverbeat: beating");
    }

    /// Takes in a refusal: without the keeper schema there are no triggers. A grant that was revoked or a server that is
    /// read-only proves nothing about them, so the last answer stays.
    pub(crate) fn record_refusal(&self, failure: &Failure) {
        if failure.is_missing_schema() || self.fence.get() == Fence::Unknown {
            self.fence.replace(Fence::Missing);
        }
    }
}
