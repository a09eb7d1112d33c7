//! What a job reports of itself.

use std::sync::Mutex;

use crate::lock;

const LONGEST_NOTE: usize = 1024; // bytes, as the table's constraint
const SMALLEST: f64 = 1e-6; // Postgres refuses a real that is nearly, but not quite, nothing

/// The newest progress report of a job. Its lock is its own: a job may report a million times a second.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Report>);

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    /// Of reports so far.
    pub(crate) count: u64,
    /// None where the job never reported a number.
    pub(crate) value: Option<f32>,
    pub(crate) note: Option<String>,
}

impl Progress {
    pub(crate) fn report(&self, value: f64, note: &str) {
        let mut report = lock(&self.0);
        report.count += 1;
        report.value = fitted(value);
        report.note = if note.is_empty() { None } else { Some(storable(note)) };
    }

    pub(crate) fn latest(&self) -> Report {
        lock(&self.0).clone()
    }
}

#[allow(clippy::cast_possible_truncation)] // a real column
fn fitted(value: f64) -> Option<f32> {
    if value.is_nan() {
        return None;
    }
    Some(if value >= SMALLEST { value.min(1.0) as f32 } else { 0.0 })
}

/// What Postgres takes as text, at most 1 kB of it: one bad note would fail the beat of the whole process.
fn storable(note: &str) -> String {
    let end = note.floor_char_boundary(LONGEST_NOTE);
    note[..end].replace('\0', "?") // as long as before
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a report counts as one: nothing is sent for a job that never reported.
    #[test]
    fn the_newest_report_counts() {
        let progress = Progress::default();
        assert_eq!(progress.latest(), Report::default());
        progress.report(0.25, "a quarter");
        progress.report(0.25, "");
        assert_eq!(progress.latest(), Report { count: 2, value: Some(0.25), note: None });
        progress.report(f64::NAN, "lost count");
        assert_eq!(progress.latest(), Report { count: 3, value: None, note: Some("lost count".to_owned()) });
    }
}
