//! A query whose conditions are put together: the text is ours, every value is bound.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::{On, on};
use crate::paging::{Cursor, Limit};

/// A value to bind.
#[derive(Debug, Clone)]
pub enum Value {
    /// An id.
    Id(Uuid),
    /// Text.
    Text(String),
    /// An instant.
    Time(DateTime<Utc>),
    /// A whole number.
    Number(i64),
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<DateTime<Utc>> for Value {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The greatest first.
    Descending,
    /// The smallest first.
    Ascending,
}

impl Order {
    /// How what comes later in the order compares, and the order's word in SQL.
    #[must_use]
    pub fn words(self) -> (char, &'static str) {
        match self {
            Self::Descending => ('<', "desc"),
            Self::Ascending => ('>', "asc"),
        }
    }
}

/// A `select` under construction.
#[derive(Debug, Clone)]
pub struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    /// Begins with this text.
    #[must_use]
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    /// Adds text.
    #[must_use]
    pub fn push(mut self, sql: &str) -> Self {
        self.sql.push_str(sql);
        self
    }

    /// Takes a value in and gives what stands for it in text that is added later, as often as it is needed.
    pub fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Adds text and a value behind it.
    #[must_use]
    pub fn bind(mut self, sql: &str, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        // Writing to a string cannot fail.
        let _ = write!(self.sql, "{sql}${}", self.values.len());
        self
    }

    /// Adds text and a value, where there is one.
    #[must_use]
    pub fn bind_some(self, sql: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.bind(sql, value),
            None => self,
        }
    }

    /// Adds text and a list of values in parentheses.
    #[must_use]
    pub fn bind_all<V: Into<Value>>(self, sql: &str, values: impl IntoIterator<Item = V>) -> Self {
        let mut separator = " (";
        let mut select = self.push(sql);
        for value in values {
            select = select.bind(separator, value);
            separator = ", ";
        }
        select.push(")")
    }

    /// Adds what makes it one page of a list ordered by a time and a tie-breaker: the condition, the order and the
    /// limit. The text so far must end in a condition.
    #[must_use]
    pub fn page(
        self,
        at: &str,
        tie: &str,
        order: Order,
        cursor: Option<(DateTime<Utc>, Value)>,
        limit: Limit,
    ) -> Self {
        let (sign, direction) = order.words();
        let begun = match cursor {
            None => self,
            Some((at_value, tie_value)) => {
                self.bind(&format!(" and ({at}, {tie}) {sign} ("), at_value).bind(", ", tie_value).push(")")
            }
        };
        begun.bind(&format!(" order by {at} {direction}, {tie} {direction} limit "), limit.and_one())
    }

    /// A page of a list ordered by creation, newest first.
    #[must_use]
    pub fn newest_first(self, table: &str, cursor: Option<Cursor>, limit: Limit) -> Self {
        let cursor = cursor.map(|cursor| (cursor.at, Value::Id(cursor.tie)));
        self.page(&format!("{table}.created_at"), &format!("{table}.id"), Order::Descending, cursor, limit)
    }

    /// Runs it.
    pub async fn fetch_all<'a, T>(self, on: impl Into<On<'a>>) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let Self { sql, values } = self;
        on!(on.into(), |c| {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for value in values {
                query = match value {
                    Value::Id(id) => query.bind(id),
                    Value::Text(text) => query.bind(text),
                    Value::Time(time) => query.bind(time),
                    Value::Number(number) => query.bind(number),
                };
            }
            query.fetch_all(c).await
        })
    }
}
