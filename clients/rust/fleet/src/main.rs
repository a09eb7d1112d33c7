//! River workers in Rust that hang, end late and die: what the end-to-end tests of Riverkeeper watch beside the fleet in Go
//! (`tests/e2e/fleet`). It takes the flags of `fleet work`, as far as it knows them.

mod kinds;

use std::collections::HashMap;
use std::error::Error;
use std::fs::OpenOptions;
use std::str::FromStr;
use std::time::Duration;

use riverbeat::{Riverbeat, Tier};
use riverqueue::{Client, QueueConfig};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::signal::unix::{SignalKind, signal};

/// Room for the jobs beside River's own connections.
const CONNECTIONS: u32 = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let flags = Flags::of_the_command()?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(flags.text("database-url", "")).await?;
    OpenOptions::new().create(true).append(true).open(flags.text("events", "/dev/null"))?; // what River reports is not read here
    let beats = (flags.text("beat", "none") == "table").then(|| plugin(&pool, &flags)).transpose()?;
    let client = client(&pool, &flags, beats.clone())?;
    if let Some(beats) = beats.as_ref().filter(|_| flags.text("named", "true") == "true") {
        beats.start(client.id());
    }
    let mut run = client.start()?;
    run.wait_ready().await?;
    println!("ready");
    signal(SignalKind::terminate())?.recv().await;
    let patience = flags.duration("stop-after", "8s")?;
    let _ = tokio::time::timeout(patience, run.stop()).await; // jobs that do not stop are left behind
    if let Some(beats) = beats {
        beats.stop(Duration::ZERO).await;
    }
    std::process::exit(0); // also past jobs that block
}

fn plugin(pool: &PgPool, flags: &Flags) -> Result<Riverbeat, Box<dyn Error>> {
    let interval = flags.duration("interval", "10s")?;
    let lease = flags.duration("lease", "0s")?;
    Ok(Riverbeat::new(pool)
        .interval(interval)
        .tier_for(move |_| Tier { interval, lease: Some(lease).filter(|lease| !lease.is_zero()) })
        .abort_after(Some(flags.duration("abort-after", "10s")?)))
}

fn client(pool: &PgPool, flags: &Flags, beats: Option<Riverbeat>) -> Result<Client, Box<dyn Error>> {
    let slots = flags.text("workers", "20").parse()?;
    let mut builder = Client::builder(pool.clone())
        .id(flags.text("client-id", "rust"))
        .workers(kinds::workers(pool, flags.text("gate", ""))?)
        .without_job_timeout();
    for queue in flags.text("queues", "default").split(',') {
        builder = builder.queue(queue, QueueConfig::new(slots));
    }
    if let Some(beats) = beats {
        builder = builder.plugin(beats); // the one line
    }
    Ok(builder.build()?)
}

/// Flags as Go writes them, `-name value`, after the verb `work`.
struct Flags(HashMap<String, String>);

impl Flags {
    fn of_the_command() -> Result<Self, String> {
        let mut words = std::env::args().skip(1);
        if words.next().as_deref() != Some("work") {
            return Err("usage: riverbeat-fleet work -database-url URL [-name value]...".to_owned());
        }
        let mut flags = HashMap::new();
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} has no value"))?;
            flags.insert(name.trim_start_matches('-').to_owned(), value);
        }
        Ok(Self(flags))
    }

    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    /// Of seconds like 2s or 0.5s, as the tests write them.
    fn duration(&self, name: &str, default: &str) -> Result<Duration, Box<dyn Error>> {
        let seconds = f64::from_str(self.text(name, default).trim_end_matches('s'))?;
        Ok(Duration::try_from_secs_f64(seconds)?)
    }
}
