//! The bytes: what is no longer in a table may still be in the database's files, where nothing but a rewrite takes it
//! from.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, PgPool, SqlitePool};
use tokio::time::{Instant, sleep};

use super::Db;
use super::open::is_busy;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

impl Db {
    /// Rewrites the database's files, so that nothing is left in them of what was deleted or replaced. Others may go on
    /// using it, but wait: on SQLite those who write, on PostgreSQL those who use the table that is being rewritten.
    /// False: it could not be done for so long, since somebody did not let go of the database.
    pub async fn clean_files(&self, patience: Duration) -> sqlx::Result<bool> {
        let until = Instant::now() + patience;
        let erased_before = match self {
            Self::Sqlite { .. } => String::new(),
            Self::Postgres { shared, .. } => next_transaction(shared).await?,
        };
        loop {
            let cleaned = match self {
                Self::Sqlite { write, .. } => clean_sqlite(write).await,
                Self::Postgres { shared, .. } => clean_postgres(shared, &erased_before).await,
            };
            match cleaned {
                Ok(true) => return Ok(true),
                Err(error) if !is_in_use(&error) => return Err(error),
                Ok(false) | Err(_) if Instant::now() > until => return Ok(false),
                Ok(false) | Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Whether the planner's statistics are among what [`Db::clean_files`] rewrites; PostgreSQL passes over them otherwise,
    /// with no more than a warning.
    pub async fn may_clean_statistics(&self) -> sqlx::Result<bool> {
        match self {
            Self::Sqlite { .. } => Ok(true),
            Self::Postgres { shared, .. } => {
                let owns = "select pg_has_role(datdba, 'usage') from pg_database where datname = current_database()";
                sqlx::query_scalar(owns).fetch_one(shared).await
            }
        }
    }
}

/// Whether others have locked what we need.
fn is_in_use(error: &sqlx::Error) -> bool {
    /// PostgreSQL: a lock was not to be had in time, or two waited for each other.
    const LOCKED: [&str; 2] = ["55P03", "40P01"];
    let sqlx::Error::Database(refusal) = error else { return false };
    let code = refusal.code();
    is_busy(code.as_deref()) || code.is_some_and(|code| LOCKED.contains(&code.as_ref()))
}

/// `vacuum` writes all that is there anew, by way of the log; the checkpoint then empties the log, unless somebody still
/// reads from it.
async fn clean_sqlite(write: &SqlitePool) -> sqlx::Result<bool> {
    let mut connection = write.acquire().await?;
    // Samples of values, if the operator ever ran `analyze`.
    let has_samples: i64 = sqlx::query_scalar("select count(*) from sqlite_master where name = 'sqlite_stat4'")
        .fetch_one(&mut *connection)
        .await?;
    if has_samples > 0 {
        connection.execute("analyze").await?;
    }
    connection.execute("vacuum").await?;
    let (busy, _, _): (i64, i64, i64) =
        sqlx::query_as("pragma wal_checkpoint(truncate)").fetch_one(&mut *connection).await?;
    Ok(busy == 0)
}

/// The first transaction that has not begun: what was erased was erased by those before.
async fn next_transaction(pool: &PgPool) -> sqlx::Result<String> {
    sqlx::query_scalar("select cast(pg_snapshot_xmax(pg_current_snapshot()) as text)").fetch_one(pool).await
}

/// Whether nobody can see any more what was deleted before a transaction; `vacuum` copies what somebody can. Of sessions of
/// other roles we may not know what they see: it is enough that they are in a transaction.
async fn is_out_of_sight(pool: &PgPool, transaction: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select not exists (select 1 from pg_stat_activity a where a.pid <> pg_backend_pid()
                 and (a.datname = current_database() or a.datname is null)
                 and (age(a.backend_xmin) > age($1::xid8::xid) or age(a.backend_xid) > age($1::xid8::xid)
                     or (a.datname is not null and a.query = '<insufficient privilege>'
                         and exists (select 1 from pg_locks l where l.pid = a.pid and l.locktype = 'virtualxid'))))
             and not exists (select 1 from pg_prepared_xacts
                 where database = current_database() and age(transaction) > age($1::xid8::xid))
             and not exists (select 1 from pg_replication_slots
                 where age(xmin) > age($1::xid8::xid) or age(catalog_xmin) > age($1::xid8::xid))",
    )
    .bind(transaction)
    .fetch_one(pool)
    .await
}

/// Plain `vacuum` would only mark the room as free. The planner's statistics hold common values of columns: they are
/// gathered anew, and their own table is rewritten where we may (whoever owns the database may).
async fn clean_postgres(pool: &PgPool, erased_before: &str) -> sqlx::Result<bool> {
    if !is_out_of_sight(pool, erased_before).await? {
        return Ok(false);
    }
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(table_name) from information_schema.tables
         where table_schema = current_schema() and table_type = 'BASE TABLE' order by table_name",
    )
    .fetch_all(pool)
    .await?;
    for table in tables.iter().map(String::as_str).chain(["pg_catalog.pg_statistic"]) {
        let options = if table.contains('.') { "full" } else { "full, analyze" };
        pool.execute(sqlx::raw_sql(AssertSqlSafe(format!("vacuum ({options}) {table}")))).await?;
    }
    Ok(true)
}
