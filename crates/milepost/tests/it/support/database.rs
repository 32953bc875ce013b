//! A database for one test.

use std::fmt::Write;
use std::sync::Arc;

use milepost::db::Db;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection};
use tempfile::TempDir;
use url::Url;

use super::TestServer;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// An empty database of its own; a SQLite file is gone with the last clone, a PostgreSQL database with its cluster.
#[derive(Debug, Clone)]
pub struct Database {
    pub kind: DatabaseKind,
    pub url: String,
    pub(super) folder: Option<Arc<TempDir>>,
}

impl Database {
    pub async fn fresh(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("milepost.db").display());
                Self { kind, url, folder: Some(Arc::new(folder)) }
            }
            DatabaseKind::Postgres => Self::create_in_cluster("").await,
        }
    }

    /// Another PostgreSQL database with the same in it. Nobody may be connected to the first.
    pub async fn of_template(&self) -> Self {
        let url = Url::parse(&self.url).unwrap();
        Self::create_in_cluster(&format!("template {}", url.path().trim_start_matches('/'))).await
    }

    async fn create_in_cluster(template: &str) -> Self {
        let cluster = std::env::var("MILEPOST_TEST_POSTGRES_URL")
            .expect("these tests need PostgreSQL: run `make test`, or `scripts/with-postgres cargo test`");
        let name = format!("t{}", milepost::sources::Clock::default().new_id().simple());
        let mut connection = PgConnection::connect(&cluster).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name} {template}")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let mut url = Url::parse(&cluster).unwrap();
        url.set_path(&name);
        Self { kind: DatabaseKind::Postgres, url: url.to_string(), folder: None }
    }

    /// The database `postgres` of a cluster that nobody else uses.
    pub fn of_cluster(url: &str) -> Self {
        Self { kind: DatabaseKind::Postgres, url: url.to_owned(), folder: None }
    }

    /// A SQLite file that somebody else looks after.
    pub fn of_file(file: &std::path::Path) -> Self {
        Self { kind: DatabaseKind::Sqlite, url: format!("sqlite://{}", file.display()), folder: None }
    }

    /// The folder of a SQLite file.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref().map(TempDir::path)
    }
}

impl TestServer {
    /// All values of one column, straight from the database.
    pub async fn column<T>(&self, sql: impl Into<String>) -> Vec<T>
    where
        T: Send + Unpin,
        (T,): for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        let sql = AssertSqlSafe(sql.into());
        let rows: Vec<(T,)> = match self.app.db() {
            Db::Sqlite { read, .. } => sqlx::query_as(sql).fetch_all(read).await.unwrap(),
            Db::Postgres { shared, .. } => sqlx::query_as(sql).fetch_all(shared).await.unwrap(),
        };
        rows.into_iter().map(|(value,)| value).collect()
    }

    /// Whether a secret is anywhere in the database: in the bytes of SQLite's files, or in a row of PostgreSQL.
    pub async fn keeps(&self, secret: &str) -> bool {
        if let Some(folder) = self.database.folder() {
            // By another process: ours would lose SQLite's locks on a file with any descriptor of it that is closed.
            let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            let said = std::process::Command::new("cat").args(files).output().unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            return said.stdout.windows(secret.len()).any(|part| part == secret.as_bytes());
        }
        let tables = "select cast(table_name as text) from information_schema.tables where table_schema = 'public'";
        for table in self.column::<String>(tables).await {
            let rows = self.column::<String>(format!("select cast(to_jsonb(t) as text) from {table} t")).await;
            // Bytes are shown in hexadecimal.
            if rows.iter().any(|row| row.contains(secret) || row.contains(&hex(secret.as_bytes()))) {
                return true;
            }
        }
        false
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// What the database keeps of a key or a token.
pub fn sha256(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}
