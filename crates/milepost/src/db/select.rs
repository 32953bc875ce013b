//! A query whose conditions are put together: the text is ours, every value is bound.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite};
use uuid::Uuid;

use super::On;
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
    /// Several values.
    List(List),
}

/// Values that are bound together.
#[derive(Debug, Clone)]
pub enum List {
    /// Ids.
    Ids(Vec<Uuid>),
    /// Texts.
    Texts(Vec<String>),
}

impl FromIterator<Uuid> for List {
    fn from_iter<I: IntoIterator<Item = Uuid>>(ids: I) -> Self {
        Self::Ids(ids.into_iter().collect())
    }
}

impl FromIterator<String> for List {
    fn from_iter<I: IntoIterator<Item = String>>(texts: I) -> Self {
        Self::Texts(texts.into_iter().collect())
    }
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
    /// Where lists stand in the text, and the number of the value that each is.
    lists: Vec<(usize, usize)>,
}

impl Select {
    /// Begins with this text.
    #[must_use]
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new(), lists: Vec::new() }
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

    /// Adds text and the condition that what it names is one of a list: `bind_all(" where id", ids)`.
    #[must_use]
    pub fn bind_all<V>(mut self, sql: &str, values: impl IntoIterator<Item = V>) -> Self
    where
        List: FromIterator<V>,
    {
        self.sql.push_str(sql);
        self.values.push(Value::List(values.into_iter().collect()));
        self.lists.push((self.sql.len(), self.values.len()));
        self
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
        // In the text: PostgreSQL takes a limit that it does not know for a tenth of all rows, and plans each page anew.
        begun.push(&format!(" order by {at} {direction}, {tie} {direction} limit {}", limit.and_one()))
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
        match on.into() {
            On::SqlitePool(pool) => self.on_sqlite().fetch_all(pool).await,
            On::Sqlite(connection) => self.on_sqlite().fetch_all(connection).await,
            On::PgPool(pool) => self.on_postgres().fetch_all(pool).await,
            On::Pg(connection) => self.on_postgres().fetch_all(connection).await,
        }
    }

    /// SQLite takes each value of a list by itself; they come behind all others.
    fn on_sqlite<T>(self) -> QueryAs<'static, Sqlite, T, SqliteArguments>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        let mut count = self.values.len();
        let sql = self.with_lists(|select, number| {
            let length = match &select.values[number - 1] {
                Value::List(List::Ids(ids)) => ids.len(),
                Value::List(List::Texts(texts)) => texts.len(),
                _ => 0,
            };
            let numbers: Vec<String> = (count + 1..=count + length).map(|number| format!("${number}")).collect();
            count += length;
            format!(" in ({})", numbers.join(", "))
        });
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        let mut lists = Vec::new();
        for value in self.values {
            query = match value {
                Value::Id(id) => query.bind(id),
                Value::Text(text) => query.bind(text),
                Value::Time(time) => query.bind(time),
                Value::Number(number) => query.bind(number),
                Value::List(list) => {
                    lists.push(list);
                    query.bind(None::<i64>)
                }
            };
        }
        for list in lists {
            query = match list {
                List::Ids(ids) => ids.into_iter().fold(query, QueryAs::bind),
                List::Texts(texts) => texts.into_iter().fold(query, QueryAs::bind),
            };
        }
        query
    }

    /// PostgreSQL takes a list as one value, so that the text is the same however long it is.
    fn on_postgres<T>(self) -> QueryAs<'static, Postgres, T, PgArguments>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        let sql = self.with_lists(|_, number| format!(" = any(${number})"));
        let query = sqlx::query_as(AssertSqlSafe(sql));
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Id(id) => query.bind(id),
            Value::Text(text) => query.bind(text),
            Value::Time(time) => query.bind(time),
            Value::Number(number) => query.bind(number),
            Value::List(List::Ids(ids)) => query.bind(ids),
            Value::List(List::Texts(texts)) => query.bind(texts),
        })
    }

    /// The text with its lists as `write` writes them.
    fn with_lists(&self, mut write: impl FnMut(&Self, usize) -> String) -> String {
        let mut sql = String::with_capacity(self.sql.len());
        let mut done = 0;
        for (at, number) in &self.lists {
            sql.push_str(&self.sql[done..*at]);
            sql.push_str(&write(self, *number));
            done = *at;
        }
        sql.push_str(&self.sql[done..]);
        sql
    }
}
