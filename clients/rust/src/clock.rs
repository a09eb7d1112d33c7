//! The clock of leases.

use std::time::Duration;

/// Time since the machine started. It runs on through suspend and live migration (`CLOCK_BOOTTIME`): `std::time::Instant`
/// stops there, and a worker that wakes up would trust a lease that ended long ago.
#[cfg(target_os = "linux")]
pub(crate) fn uptime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Time since the first call. It may stop while the machine is suspended, because there is no `CLOCK_BOOTTIME`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn uptime() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    /// No test can suspend the machine, so the test reads the source: the clock of leases runs on meanwhile.
    #[test]
    fn leases_run_through_suspend() {
        let code = include_str!("clock.rs").split("mod tests").next().unwrap();
        assert!(code.contains("clock_gettime(rustix::time::ClockId::Boottime)"));
    }
}
