//! Drives the heartbeat client by JSON lines, for the conformance suite that every client passes (`tests/conformance`). It
//! knows no River: it is given claims, and works them by waiting for a command.

mod floor;

use std::error::Error;
use std::time::Duration;

use riverbeat::{Beater, Config};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::floor::{Command, Floor, duration};

/// How long the work that is left at the end is waited for: nobody will end it.
const PATIENCE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let (config, database) = configuration()?;
    let beater = Beater::new(config);
    beater.start();
    let mut floor = Floor::new(beater.clone(), database);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let command: Command = serde_json::from_str(&line)?;
        if command.do_ == "quit" {
            break;
        }
        floor.obey(command)?;
    }
    beater.stop(PATIENCE).await;
    Ok(())
}

fn configuration() -> Result<(Config, PgConnectOptions), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| {
        let value =
            given.chunks_exact(2).find(|pair| pair[0].trim_start_matches('-') == name).map(|pair| pair[1].clone());
        value.filter(|text| !text.is_empty())
    };
    let database: PgConnectOptions = flag("database-url").ok_or("-database-url is missing")?.parse()?;
    let defaults = Config::new(database.clone(), flag("client-id").unwrap_or_else(|| "conform".to_owned()));
    let config = Config {
        river_schema: flag("river-schema"),
        keeper_schema: flag("keeper-schema"),
        interval: flag("interval").as_deref().map_or(Ok(defaults.interval), duration)?,
        fences: true,
        software: "riverbeat-conform".to_owned(),
        ..defaults
    };
    Ok((config, database))
}
