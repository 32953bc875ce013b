//! A database for one test.

use std::sync::Arc;

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use url::Url;

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
            DatabaseKind::Postgres => {
                let cluster = std::env::var("MILEPOST_TEST_POSTGRES_URL")
                    .expect("these tests need PostgreSQL: run `make test`, or `scripts/with-postgres cargo test`");
                let name = format!("t{}", milepost::sources::Clock::default().new_id().simple());
                let mut connection = PgConnection::connect(&cluster).await.unwrap();
                sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}")))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
                let mut url = Url::parse(&cluster).unwrap();
                url.set_path(&name);
                Self { kind, url: url.to_string(), folder: None }
            }
        }
    }

    /// The database `postgres` of a cluster that nobody else uses.
    pub fn of_cluster(url: &str) -> Self {
        Self { kind: DatabaseKind::Postgres, url: url.to_owned(), folder: None }
    }

    /// The folder of a SQLite file.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref().map(TempDir::path)
    }
}
