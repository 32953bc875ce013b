//! The database: SQLite in a file, or PostgreSQL. One SQL text serves both; what cannot be written once is a named
//! function in this folder, both forms side by side.
//!
//! Reading takes `impl Into<On>`: a `&Db` (on SQLite a pool of read-only connections) or a `&mut Tx`. Writing takes a
//! [`Tx`]; there is no other way to write, and on SQLite the read-only pool enforces that.

mod backup;
pub(crate) mod bulk;
mod clean;
mod migrations;
mod open;
mod postgres;
mod select;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::Notify;
use uuid::Uuid;

pub use backup::{BackupError, Copied, back_up, restore};
pub(crate) use bulk::{Batch, add_rows, expect_rows, fetch_for_rows, insert_rows};
pub use migrations::{Applied, MigrationStatus, PendingMigration};
pub(crate) use open::in_words;
pub use open::{DatabaseUrl, OpenError};
pub use postgres::EventsConnection;
use postgres::PgTransaction;
pub(crate) use postgres::{GROUP, within as postgres_within};
pub use select::{Order, Select, Value};

/// The channel on which PostgreSQL tells every server that something was committed to one of the logs.
pub const CHANNEL: &str = "milepost";

/// How long a piece of what is done in the background may take, see [`Db::within`].
pub(crate) const BACKGROUND: Duration = Duration::from_mins(5);

/// A database, shared by all that use it.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file. A single connection writes, since SQLite has a single writer; the others read beside it.
    Sqlite {
        /// Read-only connections.
        read: SqlitePool,
        /// The writing connection.
        write: SqlitePool,
        /// Told after each commit that wrote to a log, as PostgreSQL tells [`CHANNEL`].
        committed: Arc<Notify>,
    },
    /// A server, shared by any number of processes.
    Postgres {
        /// Those that all but groups of events go by.
        shared: PgPool,
        /// The one that writes groups of events. The process behind it has their statement planned and what it touches at
        /// hand, while those of a pool take turns: a group costs PostgreSQL a third less.
        events: EventsConnection,
    },
}

/// How many connections a pool has.
#[derive(Debug, Clone, Copy)]
pub struct PoolState {
    /// What they are for.
    pub name: &'static str,
    /// How many there are.
    pub size: u32,
    /// How many of them nobody uses.
    pub idle: u32,
    /// How many there may be.
    pub max: u32,
}

impl PoolState {
    fn of<DB: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<DB>) -> Self {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        Self { name, size: pool.size(), idle, max: pool.options().get_max_connections() }
    }
}

/// A transaction; dropped without [`Tx::commit`] it changes nothing.
#[derive(Debug)]
pub struct Tx {
    pub(crate) connection: TxConnection,
    /// Whether it wrote to a log, so that readers of the logs are to be told when it commits.
    announces: bool,
}

#[derive(Debug)]
pub(crate) enum TxConnection {
    Sqlite(Transaction<'static, Sqlite>, Arc<Notify>),
    Postgres(PgTransaction),
}

/// What a query runs on. Made by `From`, taken apart by `on!`.
#[derive(Debug)]
pub enum On<'a> {
    /// SQLite outside a transaction: reading only.
    SqlitePool(&'a SqlitePool),
    /// SQLite inside a transaction.
    Sqlite(&'a mut SqliteConnection),
    /// PostgreSQL outside a transaction.
    PgPool(&'a PgPool),
    /// PostgreSQL inside a transaction.
    Pg(&'a mut PgConnection),
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        match db {
            Db::Sqlite { read, .. } => Self::SqlitePool(read),
            Db::Postgres { shared, .. } => Self::PgPool(shared),
        }
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        match &mut tx.connection {
            TxConnection::Sqlite(tx, _) => Self::Sqlite(tx),
            TxConnection::Postgres(tx) => Self::Pg(tx.connection()),
        }
    }
}

impl On<'_> {
    /// The same again, for a function that asks twice.
    pub fn reborrow(&mut self) -> On<'_> {
        match self {
            Self::SqlitePool(pool) => On::SqlitePool(pool),
            Self::Sqlite(connection) => On::Sqlite(connection),
            Self::PgPool(pool) => On::PgPool(pool),
            Self::Pg(connection) => On::Pg(connection),
        }
    }
}

/// Runs one body against whichever database it is: `on!(db, |c| sqlx::query_as("select …").fetch_all(c).await)`.
macro_rules! on {
    ($on:expr, |$c:ident| $body:expr) => {
        match ::core::convert::Into::<$crate::db::On<'_>>::into($on) {
            $crate::db::On::SqlitePool($c) => $body,
            $crate::db::On::Sqlite($c) => $body,
            $crate::db::On::PgPool($c) => $body,
            $crate::db::On::Pg($c) => $body,
        }
    };
}
pub(crate) use on;

/// SQL put together from constants of ours, such as a row's list of columns; values are always bound.
macro_rules! sql {
    ($($part:tt)*) => { ::sqlx::AssertSqlSafe(::std::format!($($part)*)) };
}
pub(crate) use sql;

impl Db {
    /// Begins a transaction that may write. On SQLite it waits for the one that is writing.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let connection = match self {
            Self::Sqlite { write, committed, .. } => {
                TxConnection::Sqlite(write.begin_with("begin immediate").await?, committed.clone())
            }
            Self::Postgres { shared, .. } => {
                let begin = "begin isolation level read committed";
                TxConnection::Postgres(PgTransaction::begin(shared, begin).await?)
            }
        };
        Ok(Tx { connection, announces: false })
    }

    /// Begins a transaction that only reads, and sees one moment of the database throughout.
    pub async fn begin_reading(&self) -> sqlx::Result<Tx> {
        let connection = match self {
            Self::Sqlite { read, committed, .. } => TxConnection::Sqlite(read.begin().await?, committed.clone()),
            Self::Postgres { shared, .. } => {
                let begin = "begin isolation level repeatable read read only";
                TxConnection::Postgres(PgTransaction::begin(shared, begin).await?)
            }
        };
        Ok(Tx { connection, announces: false })
    }

    /// Statements that are yet to be written in a transaction of their own.
    pub(crate) fn batch(&self) -> Batch {
        Batch::alone(self)
    }

    /// Makes a batch durable. False: something was not as expected, and nothing is written.
    pub(crate) async fn write(&self, batch: Batch) -> sqlx::Result<bool> {
        if let Self::Postgres { shared, .. } = self {
            return batch.run_on_postgres(&mut *shared.acquire().await?).await;
        }
        self.write_by_transaction(batch).await
    }

    /// The same of a group of events, by a writer who writes one after the other.
    pub(crate) async fn write_events(&self, batch: Batch) -> sqlx::Result<bool> {
        match self {
            Self::Sqlite { .. } => self.write_by_transaction(batch).await,
            Self::Postgres { events, .. } => events.write(batch).await,
        }
    }

    /// Waits for work on the database, over PostgreSQL for no longer than `limit`: nothing tells of a server, or of the way to
    /// it, that is gone without a word. For whoever is not a request, which has its own limit.
    pub(crate) async fn within<T, E: From<sqlx::Error>>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite { .. } => work.await,
            Self::Postgres { .. } => postgres::within(limit, work).await,
        }
    }

    async fn write_by_transaction(&self, batch: Batch) -> sqlx::Result<bool> {
        let mut tx = self.begin().await?;
        let holds = batch.run(&mut tx).await?;
        if holds {
            tx.commit().await?;
        }
        Ok(holds)
    }

    /// Whether the database answers, and may be written to as far as can be told without writing.
    pub async fn ping(&self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite { read, write, .. } => {
                sqlx::query_scalar::<_, i64>("select 1").fetch_one(read).await?;
                open::expect_writable_file(write.connect_options().get_filename())
            }
            Self::Postgres { shared, .. } => open::expect_writable_postgres(shared).await,
        }
    }

    /// The pools of connections.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolState> {
        match self {
            Self::Sqlite { read, write, .. } => vec![PoolState::of("read", read), PoolState::of("write", write)],
            Self::Postgres { shared, events } => vec![PoolState::of("shared", shared), events.state()],
        }
    }

    /// Closes all connections, SQLite's log folded into its file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres { shared, events } => {
                shared.close().await;
                events.close().await;
            }
        }
    }
}

impl Tx {
    /// What a `select` ends with on PostgreSQL to keep its rows as they are until this transaction ends, such as
    /// ` for share of users`. On SQLite whoever writes is alone anyway. Whoever locks both a customer and jobs takes the
    /// customer first, and jobs in the order of their ids, so that nobody waits in a circle.
    #[must_use]
    pub fn lock_clause(&self, clause: &'static str) -> &'static str {
        match self.connection {
            TxConnection::Sqlite(..) => "",
            TxConnection::Postgres(_) => clause,
        }
    }

    /// What finds the ids of the jobs that some text in lower case, of three letters or more, is in: SQL that ends before a
    /// value in parentheses, and the value.
    #[must_use]
    pub fn jobs_with_text(&self, text: &str) -> (&'static str, String) {
        match self.connection {
            TxConnection::Sqlite(..) => (
                "select job_texts.job_id from job_trigrams cross join job_texts on job_texts.number = job_trigrams.rowid
                 where job_trigrams match",
                format!("\"{}\"", text.replace('"', "\"\"")),
            ),
            TxConnection::Postgres(_) => {
                ("select found.id from jobs as found where found.search_text like", containing(text))
            }
        }
    }

    /// The beginning of the hour of a time column, UTC, in SQL.
    #[must_use]
    pub fn hour_of(&self, column: &str) -> String {
        match self.connection {
            TxConnection::Sqlite(..) => format!("substr({column}, 1, 13) || ':00:00+00:00'"),
            TxConnection::Postgres(_) => format!("date_trunc('hour', {column}, 'UTC')"),
        }
    }

    /// The beginning of the quarter of an hour of a time column, UTC, in SQL.
    #[must_use]
    pub fn quarter_of(&self, column: &str) -> String {
        match self.connection {
            TxConnection::Sqlite(..) => format!(
                "substr({column}, 1, 13) || printf(':%02d:00+00:00', cast(substr({column}, 15, 2) as integer) / 15 * 15)"
            ),
            TxConnection::Postgres(_) => format!("date_bin('15 minutes', {column}, 'epoch')"),
        }
    }

    /// The beginning of the day of a time column, UTC, in SQL.
    #[must_use]
    pub fn day_of(&self, column: &str) -> String {
        match self.connection {
            TxConnection::Sqlite(..) => format!("substr({column}, 1, 10) || 'T00:00:00+00:00'"),
            TxConnection::Postgres(_) => format!("date_trunc('day', {column}, 'UTC')"),
        }
    }

    /// The beginning of the month of a time column, UTC, in SQL.
    #[must_use]
    pub fn month_of(&self, column: &str) -> String {
        match self.connection {
            TxConnection::Sqlite(..) => format!("substr({column}, 1, 7) || '-01T00:00:00+00:00'"),
            TxConnection::Postgres(_) => format!("date_trunc('month', {column}, 'UTC')"),
        }
    }

    /// A time column in microseconds since 1970, in SQL.
    fn micros_of(&self, column: &str) -> String {
        match self.connection {
            // With its fraction SQLite would round it to milliseconds.
            TxConnection::Sqlite(..) => format!(
                "(unixepoch(substr({column}, 1, 19)) * 1000000
                  + cast(substr(replace(substr({column}, 20), '+00:00', '') || '000000', 2, 6) as integer))"
            ),
            TxConnection::Postgres(_) => format!("cast(extract(epoch from {column}) * 1000000 as bigint)"),
        }
    }

    /// The hours from one time column to another in whole ten-thousandths, rounded half up, in SQL.
    #[must_use]
    pub fn hours_between(&self, start: &str, end: &str) -> String {
        format!("({} - {} + 180000) / 360000", self.micros_of(end), self.micros_of(start))
    }

    /// Statements that are yet to be written together.
    pub(crate) fn batch(&self) -> Batch {
        Batch::of(self)
    }

    /// Takes the next `count` positions of a log, for the caller's own entries in it.
    pub async fn take_positions(&mut self, log: Log, count: i64) -> sqlx::Result<()> {
        let mut batch = self.batch();
        batch.take_positions(log, count);
        batch.run(self).await.map(drop)
    }

    /// Makes all of it durable, then tells the readers of the logs if it wrote to one.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self.connection {
            TxConnection::Sqlite(tx, committed) => {
                tx.commit().await?;
                if self.announces {
                    committed.notify_one();
                }
            }
            TxConnection::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// The pattern of `like` for text that contains this one.
#[must_use]
pub fn containing(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// A log whose entries carry positions in the order of their commits, see `log_positions` in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Log {
    /// All events of all jobs.
    Events,
    /// Changes of what somebody may see.
    Access,
}

/// Where a log has got to: everything up to here is committed.
pub async fn log_position(on: impl Into<On<'_>>, log: Log) -> sqlx::Result<i64> {
    on!(on.into(), |c| {
        sqlx::query_scalar("select position from log_positions where log = $1").bind(log).fetch_one(c).await
    })
}

/// Notes that somebody's rights changed, so that every server ends the streams that are no longer allowed. The subject
/// is a user, session, key, job or customer link.
pub async fn record_access_change(tx: &mut Tx, subject_id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    record_access_changes(tx, [subject_id], now).await
}

/// The same for several at once.
pub async fn record_access_changes(
    tx: &mut Tx,
    subject_ids: impl IntoIterator<Item = Uuid>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let subjects: Vec<Uuid> = subject_ids.into_iter().collect();
    let Ok(count @ 1..) = i64::try_from(subjects.len()) else { return Ok(()) };
    let mut batch = tx.batch();
    batch.take_positions(Log::Access, count);
    // Counted from the last position that is taken.
    let rows: Vec<(i64, Uuid)> = (1 - count..).zip(subjects).collect();
    let insert = "insert into access_changes (position, subject_id, created_at)
         select positions.position + v.position, v.subject_id, v.created_at from v, positions";
    add_rows!(batch, insert, rows, |row| { position: row.0, subject_id: row.1, created_at: now });
    batch.run(tx).await.map(drop)
}
