//! Migrations: embedded in the binary, one tree per dialect with the same numbers and names, applied in order at start
//! and by `milepost migrate`. sqlx keeps what has been applied in `_sqlx_migrations`.

use chrono::{DateTime, Utc};
use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migration, Migrator};

use super::{Db, OpenError, on};

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
            Self::Postgres(_) => &POSTGRES,
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
            Self::Postgres(pool) => POSTGRES.run_to(target, pool).await,
        };
        migrated.map_err(|error| OpenError::Migrate { url: self.describe(), reason: explain(&error) })
    }

    /// What has been applied and what would be. Changes nothing.
    pub async fn migration_status(&self) -> Result<MigrationStatus, OpenError> {
        let failed = |source| OpenError::Connect { url: self.describe(), source };
        let exists = match self {
            Self::Sqlite { .. } => "select count(*) from sqlite_master where name = '_sqlx_migrations'",
            Self::Postgres(_) => "select count(*) from pg_class where oid = to_regclass('_sqlx_migrations')",
        };
        let exists: i64 = on!(self, |c| sqlx::query_scalar(exists).fetch_one(c).await).map_err(failed)?;
        let applied: Vec<Applied> = if exists == 0 {
            Vec::new()
        } else {
            on!(self, |c| {
                sqlx::query_as("select version, description, installed_on from _sqlx_migrations order by version")
                    .fetch_all(c)
                    .await
            })
            .map_err(failed)?
        };
        let is_applied = |migration: &&Migration| applied.iter().any(|a| a.version == migration.version);
        let newest_known = self.migrator().iter().map(|m| m.version).max().unwrap_or_default();
        if let Some(unknown) = applied.iter().find(|a| a.version > newest_known) {
            let reason = explain(&MigrateError::VersionMissing(unknown.version));
            return Err(OpenError::Migrate { url: self.describe(), reason });
        }
        let pending = self.migrator().iter().filter(|m| !is_applied(m)).map(PendingMigration::from).collect();
        Ok(MigrationStatus { applied, pending })
    }

    fn describe(&self) -> String {
        match self {
            Self::Sqlite { write, .. } => {
                format!("sqlite://{}", write.connect_options().get_filename().display())
            }
            Self::Postgres(pool) => super::DatabaseUrl::Postgres(pool.connect_options().as_ref().clone()).to_string(),
        }
    }
}

/// All in one transaction that writes from its beginning: the migration library locks PostgreSQL for its run, but not
/// SQLite, where a second process would begin the same migration.
async fn migrate_sqlite(write: &SqlitePool, target: i64) -> Result<(), MigrateError> {
    let mut tx = write.begin_with("begin immediate").await?;
    SQLITE.run_to(target, &mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

fn explain(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(version) => format!(
            "migration {version} was applied by a newer milepost than this one ({}); use that release or a later one",
            env!("CARGO_PKG_VERSION")
        ),
        MigrateError::VersionMismatch(version) => {
            format!("migration {version} was applied by another build, with other content")
        }
        other => other.to_string(),
    }
}
