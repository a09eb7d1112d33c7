//! The contract's test vectors (`clients/vectors`), which every client reads.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::beater::Beater;
use crate::checkpoint::encoded;
use crate::claim::Claim;
use crate::config::Config;
use crate::failures::{Failure, is_missing_schema, refusal_of};
use crate::keeper_schema::{Meta, decide};
use crate::lock;
use crate::pod::fit_name;
use crate::progress::Progress;
use crate::tick::Status;
use crate::tier::Tier;
use crate::work::{Active, Work};

fn cases(name: &str) -> Vec<Value> {
    let path = format!("{}/../vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    // Only strings of UTF-16 can hold a lone surrogate.
    let lines = std::fs::read_to_string(path).unwrap();
    let cases = lines.lines().map(|line| line.trim_end_matches(',')).filter(|line| line.starts_with("  {"));
    let cases = cases.filter(|line| !line.contains("\"needs\": \"surrogates\""));
    let cases: Vec<Value> = cases.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!cases.is_empty());
    cases
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn claim(attempted_at: &str) -> Claim {
    Claim { job_id: 1, attempt: 1, attempted_at: attempted_at.to_owned(), kind: String::new() }
}

/// A time in any form with its microseconds is the same claim; a rounded time is another one.
#[test]
fn claims() {
    for case in cases("claims") {
        let key = claim(case["given"].as_str().unwrap()).key().ok().map(|key| key.attempted_at);
        assert_eq!(key, text(&case["text"]), "{case}");
        assert_eq!(key == text(&case["claimed_at"]), case["matches"] == true, "{case}");
    }
}

/// A value that its column refuses would fail the beats of all jobs of the process.
#[test]
fn progress() {
    for case in cases("progress") {
        let given = match &case["given"] {
            Value::String(word) => word.parse().unwrap(),
            Value::Null => continue, // not a number of this language
            number => number.as_f64().unwrap(),
        };
        let progress = Progress::default();
        progress.report(given, "");
        let sent = progress.latest().value.map(f64::from);
        match (sent, case["sent"].as_f64()) {
            (Some(sent), Some(want)) => assert!((sent - want).abs() < 1e-6, "{case}: {sent}"),
            (sent, want) => assert_eq!(sent, want, "{case}"),
        }
    }
}

/// A note is cut between characters, and has no NUL.
#[test]
fn notes() {
    for case in cases("notes") {
        if let (Some(given), true) = (case["given"].as_str(), case["needs"].is_null()) {
            let progress = Progress::default();
            progress.report(0.0, given);
            assert_eq!(progress.latest().note, text(&case["sent"]), "{}", case["name"]);
        }
    }
}

/// A value of any letters is sent in ASCII; a value that is too large, or no JSON, is an error.
#[test]
fn checkpoints() {
    for case in cases("checkpoints") {
        if case["needs"] == "numbers" {
            let number: f64 = case["given"].as_str().unwrap().parse().unwrap();
            assert!(encoded(&number).is_err(), "{case}");
            continue;
        }
        let given = match case["times"].as_u64() {
            Some(times) => case["given"].as_str().unwrap().repeat(usize::try_from(times).unwrap()).into(),
            None => case["given"].clone(),
        };
        let sent = encoded(&given).ok();
        let sent = if case["times"].is_null() { sent } else { sent.map(|text| text.len().to_string()) };
        assert_eq!(sent, text(&case["sent"]), "{}", case["name"]);
    }
}

/// Only an answer is a refusal: no answer proves nothing.
#[test]
fn sqlstates() {
    for case in cases("sqlstates") {
        let Some(sqlstate) = case["sqlstate"].as_str() else {
            assert!(Failure::Timeout(Duration::ZERO).refusal().is_none());
            continue;
        };
        let is_refusal = case["meaning"] == "refusal" || case["meaning"] == "read_only";
        assert_eq!(refusal_of(sqlstate).is_some(), is_refusal, "{case}");
        assert_eq!(is_missing_schema(sqlstate), case["fence_is_gone"] == true, "{case}");
    }
}

/// No beat goes into the keeper schema of another River.
#[test]
fn meta() {
    for case in cases("meta") {
        let row = &case["row"];
        let number = |name: &str| i32::try_from(row[name].as_i64().unwrap()).unwrap();
        let meta = row.is_object().then(|| Meta {
            river_schema: text(&row["river_schema"]).unwrap(),
            version: number("version"),
            min_compatible: number("min_compatible"),
            fence: row["fence"] == true,
        });
        let (may_beat, fence) = decide(meta.as_ref(), case["own_river_schema"].as_str().unwrap(), "riverkeeper");
        assert_eq!(may_beat.is_ok(), case["beats"] == true, "{case}");
        assert_eq!(fence, case["fence"].as_bool(), "{case}");
    }
}

/// One bad value of the environment must stop no beat.
#[test]
fn pods() {
    for case in cases("pods") {
        let Some(given) = text(&case["given"]) else { continue };
        assert_eq!(fit_name(given), text(&case["sent"]), "{case}");
    }
}

/// What the work, the next beat and the lease become after an answer.
#[tokio::test]
async fn decisions() {
    for case in cases("decisions") {
        let Some((work, active, beater)) = work_at_hand().await else { panic!("no work") };
        let answer = case["answer"].as_str().unwrap();
        let before = lock(&active.state).last_beat;
        let mut batch = beater.shared.collect();
        batch.sent = Some(Duration::from_secs(1));
        let failed = |failure: &Failure| beater.shared.apply_failure(&batch, failure);
        match answer {
            "refusal" | "read_only" => failed(&Failure::Refusal("no".to_owned())),
            "failure" => failed(&Failure::Timeout(Duration::ZERO)),
            _ => beater.shared.apply_answer(&batch, &[Status::of(answer)]),
        }
        let renewed = !matches!(answer, "lost" | "finished") && lock(&active.state).last_beat != before;
        lock(&active.state).last_beat = before; // a beat is due
        let beats_on = beater.shared.collect().works.len() == 1;
        let cause = work.handle().cause().map(crate::Cause::as_str);
        assert_eq!(cause, text(&case["cancel"]).as_deref(), "{case}");
        assert_eq!(beats_on, case["beats_on"] == true, "{case}");
        assert!(answer == "finished" || renewed == (case["renews_lease"] == true), "{case}");
    }
}

/// Work that began long enough ago to be in the next beat, in a process that does not beat by itself.
async fn work_at_hand() -> Option<(Work, Arc<Active>, Beater)> {
    let beater = Beater::new(Config::new(sqlx::postgres::PgConnectOptions::new_without_pgpass(), "worker"));
    let tier = Tier::STANDARD.with_lease(Duration::from_mins(1));
    let work = beater.begin(claim("2026-01-31T23:59:59.123456Z"), tier, CancellationToken::new()).await;
    let active = lock(&beater.shared.state).works.values().next().cloned()?;
    lock(&active.state).last_beat = Duration::ZERO;
    Some((work, active, beater))
}
