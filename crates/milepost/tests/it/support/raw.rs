//! Behind the server's back: SQL straight to a test's database.

use std::str::FromStr;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use super::{Database, DatabaseKind, hex};

/// A connection of its own.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs one body on whichever connection it is.
macro_rules! on_raw {
    ($raw:expr, |$c:ident| $body:expr) => {
        match $raw {
            Raw::Sqlite($c) => $body,
            Raw::Postgres($c) => $body,
        }
    };
}

impl Raw {
    /// Runs statements, which may be refused, and tells how many rows the last of them changed.
    pub async fn execute(&mut self, sql: &str) -> sqlx::Result<u64> {
        let sql = AssertSqlSafe(sql.to_owned());
        on_raw!(self, |c| c.execute(sqlx::raw_sql(sql)).await.map(|result| result.rows_affected()))
    }

    /// The first column of all rows, which is text.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        on_raw!(self, |c| sqlx::query_scalar(sql).fetch_all(c).await.unwrap())
    }

    /// The only column of the only row, which is a number.
    pub async fn number(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        on_raw!(self, |c| sqlx::query_scalar(sql).fetch_one(c).await.unwrap())
    }
}

impl Database {
    pub async fn raw(&self) -> Raw {
        match self.kind {
            DatabaseKind::Sqlite => {
                let options = SqliteConnectOptions::from_str(&self.url).unwrap().foreign_keys(true);
                Raw::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            DatabaseKind::Postgres => Raw::Postgres(PgConnection::connect(&self.url).await.unwrap()),
        }
    }

    /// Bytes as they are written in SQL.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        match self.kind {
            DatabaseKind::Sqlite => format!("x'{}'", hex(bytes)),
            DatabaseKind::Postgres => format!("'\\x{}'::bytea", hex(bytes)),
        }
    }

    /// An id as it is written in SQL.
    pub fn id(&self, id: &str) -> String {
        match self.kind {
            DatabaseKind::Sqlite => format!("x'{}'", id.replace('-', "")),
            DatabaseKind::Postgres => format!("'{id}'::uuid"),
        }
    }
}
