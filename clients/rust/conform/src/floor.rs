//! Where the jobs are worked: each waits for its `finish`.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

use riverbeat::{Beater, Cause, CheckpointError, Claim, Outcome, Tier, Work};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// One line of input.
#[derive(Deserialize)]
pub(crate) struct Command {
    /// start, progress, finish, stats, quit
    #[serde(rename = "do")]
    pub(crate) do_: String,
    #[serde(default)]
    job_id: i64,
    #[serde(default)]
    attempt: i16,
    #[serde(default)]
    attempted_at: String,
    interval: Option<String>,
    lease: Option<String>,
    value: Option<Value>,
    note: Option<String>,
    outcome: Option<String>,
    #[serde(default)]
    commit: bool,
}

/// What the task of a claim is told.
enum Order {
    Progress(f64, String),
    Checkpoint(Value),
    CheckpointTx(Value, bool),
    Resume,
    Finish(Outcome),
}

/// By job, the oldest attempt first: where its orders go, and when its work has begun.
pub(crate) struct Floor {
    beater: Beater,
    database: PgConnectOptions,
    jobs: HashMap<i64, VecDeque<mpsc::UnboundedSender<Order>>>,
    begun: HashMap<i64, oneshot::Receiver<()>>,
}

impl Floor {
    pub(crate) fn new(beater: Beater, database: PgConnectOptions) -> Self {
        say(&json!({"event": "ready"}));
        Self { beater, database, jobs: HashMap::new(), begun: HashMap::new() }
    }

    pub(crate) fn obey(&mut self, command: Command) -> Result<(), Box<dyn Error>> {
        match command.do_.as_str() {
            "start" => self.start(command)?,
            "progress" => {
                let orders =
                    self.jobs.get(&command.job_id).and_then(VecDeque::back).ok_or("the job was not started")?;
                orders.send(Order::Progress(number(command.value.as_ref()), command.note.unwrap_or_default()))?;
            }
            "checkpoint" | "checkpoint_tx" | "resume" => {
                let orders =
                    self.jobs.get(&command.job_id).and_then(VecDeque::back).ok_or("the job was not started")?;
                let value = command.value.unwrap_or_default();
                orders.send(match command.do_.as_str() {
                    "checkpoint" => Order::Checkpoint(value),
                    "checkpoint_tx" => Order::CheckpointTx(value, command.commit),
                    _ => Order::Resume,
                })?;
            }
            "finish" => {
                let orders = self.jobs.get_mut(&command.job_id).and_then(VecDeque::pop_front);
                let outcome = outcome_of(command.outcome.as_deref().unwrap_or_default())?;
                orders.ok_or("the job was not started")?.send(Order::Finish(outcome))?;
            }
            "stats" => self.say_stats(),
            other => return Err(format!("unknown command {other:?}").into()),
        }
        Ok(())
    }

    fn start(&mut self, command: Command) -> Result<(), Box<dyn Error>> {
        let tier = Tier {
            interval: command.interval.as_deref().map_or(Ok(Duration::ZERO), duration)?,
            lease: command.lease.as_deref().map(duration).transpose()?,
        };
        let (orders, received) = mpsc::unbounded_channel();
        self.jobs.entry(command.job_id).or_default().push_back(orders);
        let (begun, begins) = oneshot::channel();
        let earlier = self.begun.insert(command.job_id, begins);
        let claim = Claim {
            job_id: command.job_id,
            attempt: command.attempt,
            attempted_at: command.attempted_at,
            kind: String::new(),
        };
        let beater = self.beater.clone();
        let database = self.database.clone();
        tokio::spawn(async move {
            if let Some(earlier) = earlier {
                let _ = earlier.await; // attempts of one job begin in the order of the commands
            }
            let token = CancellationToken::new();
            let work = beater.begin(claim.clone(), tier, token.clone()).await;
            let _ = begun.send(());
            say_of(&claim, json!({"event": if work.beats() { "begun" } else { "refused" }}));
            work_on(&work, &claim, &token, &database, received).await;
        });
        Ok(())
    }

    fn say_stats(&self) {
        let stats = self.beater.stats();
        let counts = json!({"beats": stats.beats, "failures": stats.failures, "refusals": stats.refusals});
        say(&json!({"event": "stats", "instance": self.beater.instance(), "stats": counts}));
    }
}

async fn work_on(
    work: &Work,
    claim: &Claim,
    token: &CancellationToken,
    database: &PgConnectOptions,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut cancelled = false;
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            () = token.cancelled(), if !cancelled => {
                cancelled = true;
                if let Some(cause) = work.handle().cause().filter(|cause| *cause != Cause::Stopped) {
                    say_of(claim, json!({"event": "cancelled", "cause": cause.as_str()}));
                }
                continue;
            }
        };
        match order {
            Some(Order::Progress(value, note)) => work.handle().progress(value, &note),
            Some(Order::Checkpoint(value)) => {
                let saved = work.handle().checkpoint(&value);
                let accepted = matches!(saved, Ok(()) | Err(CheckpointError::ClaimLost));
                say_of(claim, json!({"event": "checkpoint", "accepted": accepted}));
            }
            Some(Order::CheckpointTx(value, commit)) => {
                let held = checkpoint_tx(work, database, &value, commit).await;
                say_of(claim, json!({"event": "checkpoint_tx", "held": held.expect("a transaction")}));
            }
            Some(Order::Resume) => {
                let found = work.handle().resume::<Value>().await;
                let held = !matches!(found, Err(CheckpointError::ClaimLost));
                let found = if held { found.expect("an answer") } else { None };
                let (is_found, value) = (found.is_some(), found.unwrap_or_default());
                say_of(claim, json!({"event": "resumed", "held": held, "found": is_found, "value": value}));
            }
            Some(Order::Finish(outcome)) => {
                work.save_checkpoint(outcome).await;
                let held = work.finish(outcome);
                return say_of(claim, json!({"event": "result", "token": work.token(), "held": held}));
            }
            None => return,
        }
    }
}

/// False where the claim is lost.
async fn checkpoint_tx(
    work: &Work,
    database: &PgConnectOptions,
    value: &Value,
    commit: bool,
) -> Result<bool, Box<dyn Error>> {
    let mut connection = PgConnection::connect_with(database).await?;
    let mut tx = connection.begin().await?;
    match work.handle().checkpoint_tx(&mut *tx, value).await {
        Ok(()) if commit => tx.commit().await?,
        Ok(()) => tx.rollback().await?,
        Err(CheckpointError::ClaimLost) => return Ok(false),
        Err(failure) => return Err(failure.into()),
    }
    Ok(true)
}

fn outcome_of(word: &str) -> Result<Outcome, String> {
    let known = [Outcome::Completed, Outcome::Failed, Outcome::Snoozed, Outcome::Cancelled];
    known.into_iter().find(|outcome| outcome.as_str() == word).ok_or_else(|| format!("unknown outcome {word:?}"))
}

/// Also of what JSON cannot write as a number.
fn number(value: Option<&Value>) -> f64 {
    match value {
        Some(Value::String(word)) => word.parse().unwrap_or(f64::NAN),
        other => other.and_then(Value::as_f64).unwrap_or(f64::NAN),
    }
}

/// Of seconds like 0.25s.
pub(crate) fn duration(text: &str) -> Result<Duration, Box<dyn Error>> {
    Ok(Duration::try_from_secs_f64(text.trim_end_matches('s').parse()?)?)
}

fn say_of(claim: &Claim, mut event: Value) {
    event["job_id"] = claim.job_id.into();
    event["attempt"] = claim.attempt.into();
    event["attempted_at"] = claim.attempted_at.clone().into();
    say(&event);
}

fn say(event: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{event}").and_then(|()| out.flush());
}
