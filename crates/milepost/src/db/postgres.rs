//! Connections to PostgreSQL that may be lost without a word: a server without power, or a way that is gone, answers nothing
//! and refuses nothing. The system would wait for a quarter of an hour, or for ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Executor, PgConnection, PgPool, Postgres};
use tokio::time::{Instant, timeout};

use super::{Batch, PoolState};

/// How long what PostgreSQL does at once may take.
const AT_ONCE: Duration = Duration::from_secs(5);
/// For how long a connection is taken to be good after it was used.
pub(super) const GOOD_FOR: Duration = Duration::from_secs(1);
/// How long the connection for events is used: PostgreSQL's process behind it remembers more and more.
const LIFETIME: Duration = Duration::from_mins(30);
/// How long a group of events may take, which may wait for locks. A commit may wait for a standby as well.
pub(crate) const GROUP: Duration = Duration::from_secs(15);

/// Waits for work, but not for ever.
pub(crate) async fn within<T, E: From<sqlx::Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        let lost = format!("PostgreSQL has not answered for {} seconds", limit.as_secs());
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, lost)).into())
    })
}

/// What a pool asks of a connection that comes back: that what was under way on it, when its query was given up, comes to
/// an end. Where it does not, the connection is closed.
pub(super) async fn settle(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // Asks PostgreSQL nothing, other than a ping, where nothing is under way.
    within(AT_ONCE, connection.flush()).await?;
    Ok(true)
}

/// The connection that groups of events are written by. It is kept from one group to the next, if the last was no failure: a
/// pool asks each that comes back whether it is well, without a limit, and the next group would wait for the answer.
#[derive(Debug, Clone)]
pub struct EventsConnection {
    /// Has no more than this one.
    pool: PgPool,
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    connection: PoolConnection<Postgres>,
    opened: Instant,
    used: Instant,
}

impl EventsConnection {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, kept: Arc::default() }
    }

    /// As the state of a pool: one that is kept is idle.
    pub(super) fn state(&self) -> PoolState {
        let state = PoolState::of("events", &self.pool);
        PoolState { idle: state.idle + u32::from(self.kept().is_some()), ..state }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a batch as one statement. After an error of the connection nobody knows whether it was written.
    pub(super) async fn write(&self, batch: Batch) -> sqlx::Result<bool> {
        let mut kept = self.take().await?;
        let written = within(GROUP, batch.run_on_postgres(&mut kept.connection)).await;
        kept.used = Instant::now();
        if written.is_ok() && kept.opened.elapsed() < LIFETIME {
            *self.kept() = Some(kept);
        } else {
            // The next group opens another, without asking this one how it is.
            kept.connection.close_on_drop();
        }
        written
    }

    /// The one that is kept, if it is well, or a new one.
    async fn take(&self) -> sqlx::Result<Kept> {
        let before = self.kept().take();
        if let Some(mut kept) = before {
            if kept.used.elapsed() < GOOD_FOR || within(AT_ONCE, kept.connection.ping()).await.is_ok() {
                return Ok(kept);
            }
            kept.connection.close_on_drop();
        }
        let connection = self.pool.acquire().await?;
        Ok(Kept { connection, opened: Instant::now(), used: Instant::now() })
    }

    /// Closes it.
    pub(super) async fn close(&self) {
        drop(self.kept().take());
        self.pool.close().await;
    }
}

/// A transaction; dropped without a commit it is rolled back. The driver's own would leave its connection in the transaction
/// where it is dropped while it begins, and keep it for as long as a lost one does not fail.
#[derive(Debug)]
pub(crate) struct PgTransaction(Option<PoolConnection<Postgres>>);

impl PgTransaction {
    pub(super) async fn begin(pool: &PgPool, statement: &'static str) -> sqlx::Result<Self> {
        let mut begun = Self(Some(pool.acquire().await?));
        within(AT_ONCE, begun.connection().execute(statement)).await?;
        Ok(begun)
    }

    #[expect(clippy::expect_used, reason = "it is taken by whoever ends the transaction")]
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("a transaction has its connection until it ends")
    }

    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        self.connection().execute("commit").await?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for PgTransaction {
    fn drop(&mut self) {
        let Some(mut connection) = self.0.take() else { return };
        tokio::spawn(async move {
            // Whatever is under way ends before.
            if within(AT_ONCE, connection.execute("rollback")).await.is_err() {
                connection.close_on_drop();
            }
        });
    }
}
