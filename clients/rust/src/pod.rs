//! The Kubernetes pod in which this process runs, as its environment names it.

use std::sync::atomic::Ordering;

use crate::beater::Shared;
use crate::connection::Connection;
use crate::failures::Failure;
use crate::statements::{filled, literal};
use crate::tier::beat_timeout;

// The prefix keeps a POD_NAME that was set for something else from being taken for a proof of where this process runs.
const NAMESPACE: &str = "RIVERKEEPER_POD_NAMESPACE";
const NAME: &str = "RIVERKEEPER_POD_NAME";
const UID: &str = "RIVERKEEPER_POD_UID";
const LONGEST: usize = 253;

/// Parameters of `pod.sql`; None for what is not known.
#[derive(Debug)]
pub(crate) struct Pod {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    host: Option<String>,
}

impl Pod {
    /// None where the environment names no pod.
    pub(crate) fn read() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().and_then(fit_name); // not Unicode: no name
        let (namespace, name, uid) = (variable(NAMESPACE), variable(NAME), variable(UID));
        let is_named = namespace.is_some() || name.is_some() || uid.is_some();
        is_named.then(|| Self { namespace, name, uid, host: host().and_then(fit_name) })
    }
}

/// None for what can be no name of Kubernetes: every encoding of a database has its characters, and no column is too short.
pub(crate) fn fit_name(value: String) -> Option<String> {
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'.';
    let is_name = !value.is_empty() && value.len() <= LONGEST && value.bytes().all(is_letter);
    is_name.then_some(value)
}

#[cfg(target_os = "linux")]
fn host() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn host() -> Option<String> {
    None
}

impl Shared {
    /// Sends the pod once, and once more after beats have failed: the row of this process may be another one by then. No beat
    /// fails by it, and a failure is not tried again: each would cost the beats their connection.
    pub(crate) async fn report_pod(&self, connection: &mut Connection) {
        let Some(pod) = &self.settings.pod else { return };
        if !self.pod_due.swap(false, Ordering::Relaxed) {
            return;
        }
        let limit = beat_timeout(self.interval());
        let sent = tokio::time::timeout(limit, self.send_pod(connection, pod, limit)).await;
        if let Err(failure) = sent.unwrap_or(Err(Failure::Timeout(limit))) {
            connection.discard();
            let reason = failure.refusal().unwrap_or_default();
            tracing::warn!(
                reason, error = %failure, "riverbeat: the pod of this process was not reported; beats continue"
            );
        }
    }

    async fn send_pod(
        &self,
        connection: &mut Connection,
        pod: &Pod,
        limit: std::time::Duration,
    ) -> Result<(), Failure> {
        connection.open(&self.settings.database).await?;
        let statements = self.checked_statements(connection, limit).await?;
        let value = |value: &Option<String>| value.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        let values = [
            ("instance", literal(&self.settings.instance)),
            ("pod_namespace", value(&pod.namespace)),
            ("pod_name", value(&pod.name)),
            ("pod_uid", value(&pod.uid)),
            ("host", value(&pod.host)),
        ];
        connection.query(&filled(&statements.pod, &values), limit).await.map(drop)
    }
}
