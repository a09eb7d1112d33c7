//! The configuration of a process that beats.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use crate::pod::Pod;
use crate::tier::{SHORTEST_INTERVAL, Tier};

/// The name and version in the client row.
const SOFTWARE: &str = concat!("riverbeat-rust/", env!("CARGO_PKG_VERSION"));
const DEFAULT_KEEPER: &str = "riverkeeper";

/// How to reach the database. A [`Beater`](crate::Beater) opens its own connection, so that beats never wait for the queries
/// of jobs. Of a pool it takes the options that the pool has at that moment, so a password may change.
#[derive(Clone, Debug)]
pub enum Database {
    /// The options of a pool, not its connections.
    Pool(PgPool),
    /// Options of their own.
    Options(Box<PgConnectOptions>),
}

impl From<&PgPool> for Database {
    fn from(pool: &PgPool) -> Self {
        Self::Pool(pool.clone())
    }
}

impl From<PgConnectOptions> for Database {
    fn from(options: PgConnectOptions) -> Self {
        Self::Options(Box::new(options))
    }
}

impl Database {
    pub(crate) fn options(&self) -> PgConnectOptions {
        match self {
            Self::Pool(pool) => (*pool.connect_options()).clone(),
            Self::Options(options) => (**options).clone(),
        }
    }
}

/// Configures a [`Beater`](crate::Beater).
///
/// ```
/// # use riverbeat::Config;
/// # fn config(pool: &sqlx::PgPool) -> Config {
/// Config { keeper_schema: Some("keeper".to_owned()), ..Config::new(pool, "worker-1") }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the tables are.
    pub database: Database,
    /// The id under which this process claims jobs: the last element of River's `attempted_by`.
    pub client_id: String,
    /// Where River's tables are; `None` for the search_path, as in River.
    pub river_schema: Option<String>,
    /// Where the heartbeat tables are; `None` for `riverkeeper`, or `<river_schema>_riverkeeper`.
    pub keeper_schema: Option<String>,
    /// How often the process beats when no tier needs more. Default 10 s.
    pub interval: Duration,
    /// The job kinds that this process beats for; `None` for all. For other kinds a missing beat proves nothing.
    pub kinds: Option<Vec<String>>,
    /// Every result carries [`Work::token`](crate::Work::token). Without it Riverkeeper waits longer before a rescued job runs.
    pub fences: bool,
    /// How long a second attempt of a job in this process waits for the first one to return. Default 10 s.
    pub fence: Duration,
    /// Name and version in the client row. Default `riverbeat-rust/<version>`.
    pub software: String,
}

impl Config {
    /// The defaults. The database is a `&PgPool` or `PgConnectOptions`.
    pub fn new(database: impl Into<Database>, client_id: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            client_id: client_id.into(),
            river_schema: None,
            keeper_schema: None,
            interval: Tier::STANDARD.interval,
            kinds: None,
            fences: false,
            fence: Duration::from_secs(10),
            software: SOFTWARE.to_owned(),
        }
    }
}

/// A configuration with nothing left out.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) database: Database,
    pub(crate) river_schema: Option<String>,
    pub(crate) keeper_schema: String,
    pub(crate) interval: Duration,
    pub(crate) kinds: Option<Vec<String>>,
    pub(crate) fences: bool,
    pub(crate) fence: Duration,
    pub(crate) software: String,
    /// A random UUID. Client ids are set by users and may be shared; instances are not.
    pub(crate) instance: String,
    pub(crate) started_at: String,
    /// None: the environment names no pod.
    pub(crate) pod: Option<Pod>,
}

impl Settings {
    pub(crate) fn new(config: Config) -> Self {
        let keeper_schema = config.keeper_schema.filter(|name| !name.is_empty());
        let river_schema = config.river_schema.filter(|name| !name.is_empty());
        Self {
            database: config.database,
            keeper_schema: keeper_schema.unwrap_or_else(|| default_keeper_schema(river_schema.as_deref())),
            river_schema,
            interval: config.interval.max(SHORTEST_INTERVAL),
            kinds: config.kinds,
            fences: config.fences,
            fence: config.fence,
            software: config.software,
            instance: new_instance(),
            started_at: Timestamp::now().to_string(),
            pod: Pod::read(),
        }
    }
}

fn default_keeper_schema(river_schema: Option<&str>) -> String {
    river_schema.map_or_else(|| DEFAULT_KEEPER.to_owned(), |river| format!("{river}_{DEFAULT_KEEPER}"))
}

/// A random UUID (version 4).
fn new_instance() -> String {
    let random: u128 = rand::random();
    let id = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{id:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name is the same that `riverkeeper schema install` gives.
    #[test]
    fn keeper_schema_follows_rivers() {
        assert_eq!(default_keeper_schema(None), "riverkeeper");
        assert_eq!(default_keeper_schema(Some("jobs")), "jobs_riverkeeper");
    }

    /// Postgres takes an instance as a UUID, and no two processes share one.
    #[test]
    fn instances_are_random_uuids() {
        let id = new_instance();
        let sizes: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(sizes, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]));
        assert_ne!(id, new_instance());
    }
}
