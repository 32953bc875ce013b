//! Migrations: embedded in the binary, one tree per dialect with the same numbers and names, applied in order at start
//! and by `milepost migrate`. sqlx keeps what has been applied in `_sqlx_migrations`.

use chrono::{DateTime, Utc};
use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};
use sqlx::{Connection, Executor, PgConnection, PgPool, SqliteConnection, SqlitePool};

use super::open::{LOCK_TIMEOUT, in_words};
use super::{Db, On, OpenError, on};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// A migration that has been applied.
#[derive(Debug, sqlx::FromRow)]
pub struct Applied {
    /// Its number.
    pub version: i64,
    /// What its file name says.
    pub description: String,
    /// When.
    pub installed_on: DateTime<Utc>,
    /// SHA-384 of what it ran.
    checksum: Vec<u8>,
}

/// A migration that has not been applied.
#[derive(Debug)]
pub struct PendingMigration {
    /// Its number.
    pub version: i64,
    /// What its file name says.
    pub description: String,
    /// What it would run.
    pub sql: String,
}

/// How far a database is migrated.
#[derive(Debug)]
pub struct MigrationStatus {
    /// What has been applied, in order.
    pub applied: Vec<Applied>,
    /// What this binary would apply, in order.
    pub pending: Vec<PendingMigration>,
}

impl From<&Migration> for PendingMigration {
    fn from(migration: &Migration) -> Self {
        Self {
            version: migration.version,
            description: migration.description.to_string(),
            sql: migration.sql.as_str().to_owned(),
        }
    }
}

impl MigrationStatus {
    /// That of a SQLite file which is not there yet.
    #[must_use]
    pub fn of_missing_file() -> Self {
        Self { applied: Vec::new(), pending: SQLITE.iter().map(PendingMigration::from).collect() }
    }
}

impl Db {
    fn migrator(&self) -> &'static Migrator {
        match self {
            Self::Sqlite { .. } => &SQLITE,
            Self::Postgres { .. } => &POSTGRES,
        }
    }

    /// Applies every migration that is missing. Several servers starting at once take turns.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        self.migrate_to(None).await
    }

    /// Applies the migrations up to a number; a test then fills the tables before it applies the rest.
    pub async fn migrate_to(&self, target: Option<i64>) -> Result<(), OpenError> {
        let target = target.unwrap_or(i64::MAX);
        let migrated = match self {
            Self::Sqlite { write, .. } => migrate_sqlite(write, target).await,
            Self::Postgres { shared, .. } => migrate_postgres(shared, target).await,
        };
        let url = || self.describe();
        match migrated {
            Ok(None) => Ok(()),
            Ok(Some(table)) => {
                Err(OpenError::Migrate { url: url(), reason: format!("it has a table {table}, {OTHERS}") })
            }
            Err(error) => Err(OpenError::Migrate { url: url(), reason: explain(&error) }),
        }
    }

    /// What has been applied and what would be. Changes nothing.
    pub async fn migration_status(&self) -> Result<MigrationStatus, OpenError> {
        status(self.into(), self.migrator()).await.map_err(|error| match error {
            MigrateError::Execute(source) => OpenError::Connect { url: self.describe(), source },
            other => OpenError::Migrate { url: self.describe(), reason: explain(&other) },
        })
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Sqlite { write, .. } => {
                format!("sqlite://{}", write.connect_options().get_filename().display())
            }
            Self::Postgres { shared, .. } => {
                super::DatabaseUrl::Postgres(shared.connect_options().as_ref().clone()).to_string()
            }
        }
    }
}

/// All in one transaction that writes from its beginning: the migration library locks PostgreSQL for its run, but not
/// SQLite, where a second process would begin the same migration.
async fn migrate_sqlite(write: &SqlitePool, target: i64) -> Result<Option<String>, MigrateError> {
    let mut tx = write.begin_with("begin immediate").await?;
    if let Some(table) = table_of_others(On::Sqlite(&mut tx)).await? {
        return Ok(Some(table));
    }
    SQLITE.run_to(target, &mut *tx).await?;
    tx.commit().await?;
    Ok(None)
}

/// On a connection of its own: the library takes a lock for the time of its run, and gives it back only if all went
/// well. A connection that is closed takes it along.
async fn migrate_postgres(pool: &PgPool, target: i64) -> Result<Option<String>, MigrateError> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    // PostgreSQL would else notice only at the end of a statement that the process which sent it is gone, and keep its
    // locks until then. Not every system can do this; it is not worth failing for.
    let _ = connection.execute("set client_connection_check_interval = '1s'").await;
    // Another server's migrations are waited for, however long they take; a table that running servers use is not,
    // since they all wait behind us meanwhile.
    connection.lock().await?;
    connection.execute(LOCK_TIMEOUT).await?;
    let migrated = match table_of_others(On::Pg(&mut connection)).await? {
        Some(table) => Ok(Some(table)),
        None => POSTGRES.run_to(target, &mut connection).await.map(|()| None),
    };
    connection.close().await?;
    migrated
}

/// A table in a database in which nothing of ours is: it is somebody else's. Nobody else migrates meanwhile.
async fn table_of_others(mut on: On<'_>) -> sqlx::Result<Option<String>> {
    if migrations_exist(on.reborrow()).await? {
        return Ok(None);
    }
    let tables = match &on {
        On::SqlitePool(_) | On::Sqlite(_) => {
            "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name"
        }
        // What belongs to an extension is in its way nowhere.
        On::PgPool(_) | On::Pg(_) => {
            "select cast(relname as text) from pg_class c
             where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
                 and not exists (select 1 from pg_depend d
                     where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
             order by relname"
        }
    };
    on!(on, |c| sqlx::query_scalar(tables).fetch_optional(c).await)
}

/// What has been applied to a SQLite file that is not in use, and what would be.
pub(super) async fn status_of_sqlite(connection: &mut SqliteConnection) -> Result<MigrationStatus, String> {
    status(On::Sqlite(connection), &SQLITE).await.map_err(|error| explain(&error))
}

/// Whether migrations were ever applied: then the migration library's table is there.
async fn migrations_exist(on: On<'_>) -> sqlx::Result<bool> {
    let exists = match &on {
        On::SqlitePool(_) | On::Sqlite(_) => "select count(*) from sqlite_master where name = '_sqlx_migrations'",
        On::PgPool(_) | On::Pg(_) => "select count(*) from pg_class where oid = to_regclass('_sqlx_migrations')",
    };
    let exists: i64 = on!(on, |c| sqlx::query_scalar(exists).fetch_one(c).await)?;
    Ok(exists > 0)
}

async fn status(mut on: On<'_>, migrator: &Migrator) -> Result<MigrationStatus, MigrateError> {
    let mut applied: Vec<Applied> = Vec::new();
    if migrations_exist(on.reborrow()).await? {
        let sql = "select version, description, installed_on, checksum from _sqlx_migrations order by version";
        applied = on!(on, |c| sqlx::query_as(sql).fetch_all(c).await)?;
    }
    for migration in &applied {
        match migrator.iter().find(|known| known.version == migration.version) {
            None => return Err(MigrateError::VersionMissing(migration.version)),
            Some(known) if *known.checksum != *migration.checksum => {
                return Err(MigrateError::VersionMismatch(migration.version));
            }
            Some(_) => {}
        }
    }
    let is_applied = |migration: &&Migration| applied.iter().any(|a| a.version == migration.version);
    let pending = migrator.iter().filter(|m| !is_applied(m)).map(PendingMigration::from).collect();
    Ok(MigrationStatus { applied, pending })
}

/// What to do with a database that is not ours.
const OTHERS: &str = "so it is another program's: give Milepost a database of its own";

fn explain(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(version) => format!(
            "migration {version} was applied by a newer milepost than this one ({}); use that release or a later one",
            env!("CARGO_PKG_VERSION")
        ),
        MigrateError::VersionMismatch(version) => {
            format!("migration {version} was applied by another build, with other content, or by another program")
        }
        MigrateError::Execute(error) => in_words(error),
        MigrateError::ExecuteMigration(error, version) => format!("migration {version}: {}", in_words(error)),
        other => other.to_string(),
    }
}
