//! Whether the keeper schema serves our River, read before any statement that writes.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::beater::Shared;
use crate::clock::uptime;
use crate::connection::Connection;
use crate::failures::Failure;
use crate::lock;
use crate::statements::{self, Statements, filled, literal};
use crate::tick::{Batch, Status};

/// The first version of the keeper schema with heartbeats, and the newest that this client can use.
const CONTRACT: i32 = 2;

/// How long an answer of `meta.sql` holds: the fence may be installed, removed or disabled at any time.
const CHECK_INTERVAL: Duration = Duration::from_mins(1);

impl Shared {
    /// The statements for our schemas, after `meta.sql` has shown that the keeper schema serves our River. The check runs on
    /// every new connection, at least each minute, and after every refusal, which costs the connection.
    pub(crate) async fn checked_statements(
        &self,
        connection: &mut Connection,
        limit: Duration,
    ) -> Result<Arc<Statements>, Failure> {
        let holds = (CHECK_INTERVAL * 9 / 10).saturating_sub(self.interval()); // and not to the tick after the minute
        if let Some((statements, at)) = &connection.checked
            && uptime().saturating_sub(*at) < holds
        {
            return Ok(Arc::clone(statements));
        }
        let river = self.river_schema(connection).await?;
        let made = Arc::new(Statements::new(&river, &self.settings.keeper_schema));
        self.check_keeper(connection, &made, &river, limit).await?;
        connection.checked = Some((Arc::clone(&made), uptime()));
        Ok(made)
    }

    /// The configured schema, or the one that the search_path of the session finds, as in River.
    async fn river_schema(&self, connection: &mut Connection) -> Result<String, Failure> {
        if let Some(schema) = &self.settings.river_schema {
            return Ok(schema.clone());
        }
        let rows = connection.send(statements::river_schema()).await?;
        let Some(row) = rows.first() else {
            return Err(refusal("the search_path finds no table river_job: set the River schema"));
        };
        Ok(row.try_get(0)?)
    }

    async fn check_keeper(
        &self,
        connection: &mut Connection,
        statements: &Statements,
        river: &str,
        limit: Duration,
    ) -> Result<(), Failure> {
        let rows = connection.query(&statements.meta, limit).await?;
        let meta = rows.first().map(Meta::read).transpose()?;
        if let Some(meta) = &meta {
            self.record_version(meta.version);
        }
        let (may_beat, fence) = decide(meta.as_ref(), river, &self.settings.keeper_schema);
        if let Some(in_force) = fence {
            self.record_fence(in_force);
        }
        may_beat.map_err(Failure::Refusal)
    }

    /// Refuses an answer in which every claim is lost, where the table does not know the job at all: then the River schema is
    /// wrong, and every claim would look lost. One claim that was found there is proof for the whole process.
    pub(crate) async fn verify_river_schema(
        &self,
        connection: &mut Connection,
        statements: &Statements,
        batch: &Batch,
        answer: &[Option<Status>],
        limit: Duration,
    ) -> Result<(), Failure> {
        let Some(first) = batch.works.first() else { return Ok(()) };
        if lock(&self.state).river_verified {
            return Ok(());
        }
        let kinds_are_known = batch.works.iter().all(|work| !work.claim.kind.is_empty());
        if kinds_are_known && answer.iter().all(|status| *status == Some(Status::Lost)) {
            let values = [("job_id", first.key.job_id.to_string()), ("kind", literal(&first.claim.kind))];
            let rows = connection.query(&filled(&statements.known, &values), limit).await?;
            if !rows.first().map_or(Ok(false), |row| row.try_get(0))? {
                return Err(refusal(format!(
                    "job {} ({}) is not in the table river_job: is the River schema right?",
                    first.key.job_id, first.claim.kind
                )));
            }
        }
        lock(&self.state).river_verified = true;
        Ok(())
    }
}

/// The one row of `meta.sql`.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) river_schema: String,
    pub(crate) version: i32,
    pub(crate) min_compatible: i32,
    pub(crate) fence: bool,
}

impl Meta {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            river_schema: row.try_get("river_schema")?,
            version: row.try_get("version")?,
            min_compatible: row.try_get("min_compatible")?,
            fence: row.try_get("fence")?,
        })
    }
}

/// Whether this client may beat, or why not; and what is known of the fence after that, None for nothing new. Also where the
/// version does not fit, the fence holds: results must be fenced all the same.
pub(crate) fn decide(meta: Option<&Meta>, river: &str, keeper: &str) -> (Result<(), String>, Option<bool>) {
    let Some(Meta { river_schema: serves, version, min_compatible, fence }) = meta else {
        return (Err(format!("keeper schema {keeper:?} is not fully installed: run riverkeeper schema install")), None);
    };
    if serves != river {
        let reason = format!(
            "keeper schema {keeper:?} serves River schema {serves:?}, not {river:?}: set the keeper schema or the River schema"
        );
        return (Err(reason), None);
    }
    let may_beat = if *version < CONTRACT {
        Err(format!(
            "keeper schema {keeper:?} has version {version}, without heartbeats: run riverkeeper schema install"
        ))
    } else if *min_compatible > CONTRACT {
        Err(format!(
            "keeper schema {keeper:?} needs a client of version {min_compatible}, this client has version {CONTRACT}: upgrade the client"
        ))
    } else {
        Ok(())
    };
    (may_beat, Some(*fence))
}

fn refusal(reason: impl Into<String>) -> Failure {
    Failure::Refusal(reason.into())
}
