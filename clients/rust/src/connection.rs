//! The one connection of the beats.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Either, PgConnection};

use crate::config::Database;
use crate::failures::Failure;
use crate::statements::{Statements, pin};

/// How long a connection may take to close.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that jobs do not use. After any failure the next user gets a fresh one: a connection whose packets are
/// swallowed would otherwise swallow every beat.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    open: Option<PgConnection>,
    /// The statements that `meta.sql` has allowed on this connection, and the uptime of its answer.
    pub(crate) checked: Option<(Arc<Statements>, Duration)>,
}

impl Connection {
    pub(crate) async fn open(&mut self, database: &Database) -> Result<(), Failure> {
        if self.open.is_none() {
            self.checked = None;
            self.open = Some(PgConnection::connect_with(&options(database)).await?);
        }
        Ok(())
    }

    /// Closes the socket without waiting for the other side, which may not be there.
    pub(crate) fn discard(&mut self) {
        *self = Self::default();
    }

    pub(crate) async fn close(&mut self) {
        if let Some(open) = std::mem::take(self).open {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, open.close()).await;
        }
    }

    /// Runs one statement of ours under the pin, in one message and so in one transaction: no round trip more, and nothing
    /// is left behind on a connection that PgBouncer gives to others.
    pub(crate) async fn query(&mut self, statement: &str, limit: Duration) -> Result<Vec<PgRow>, Failure> {
        self.send(pin(limit) + statement).await
    }

    /// The rows of the last statement in a message.
    pub(crate) async fn send(&mut self, message: String) -> Result<Vec<PgRow>, Failure> {
        let Some(open) = self.open.as_mut() else { return Err(Failure::Stopped) };
        let mut answers = sqlx::raw_sql(AssertSqlSafe(message)).fetch_many(open);
        let (mut rows, mut last) = (Vec::new(), Vec::new());
        while let Some(answer) = answers.try_next().await? {
            match answer {
                Either::Left(_) => last = std::mem::take(&mut rows), // a statement has ended
                Either::Right(row) => rows.push(row),
            }
        }
        Ok(last)
    }
}

/// Nothing is prepared, and no setting is requested at the start that a PgBouncer does not know.
fn options(database: &Database) -> PgConnectOptions {
    database
        .options()
        .application_name("riverbeat")
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging() // a failure of ours is logged once, by us
}
