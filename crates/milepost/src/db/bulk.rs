//! Many rows in one statement, and several such statements in one message. A statement reads its rows from `v`, whose
//! columns are named where the rows are given:
//!
//! ```text
//! let mut batch = tx.batch();
//! add_rows!(batch, "update users set name = v.name from v where users.id = v.id", people, |person| { … });
//! insert_rows!(batch, "addresses", addresses, "", |address| { user_id: address.user_id, street: address.street() });
//! batch.run(&mut tx).await?;
//! fetch_for_rows!(tx, "select users.id from users join v on v.name = users.name", names, |name| { … })
//! ```
//!
//! PostgreSQL takes a column as an array, so that the statement is the same for any number of rows and stays prepared; the
//! statements of a batch are one, each a part of its `with`.
//!
//! SQLite takes a list of `values`, so that another number of rows is another statement: rows are filled up to a power of two
//! by rows of nulls, which `v` leaves out, so that there are few statements to keep prepared. The first column of a row is
//! therefore never null. A message costs two switches to and from the driver's thread, which is more than a row costs:
//! statements of a single row go together in one.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, PgConnection, Postgres, QueryBuilder, Sqlite, SqliteConnection, Type};

use super::{CHANNEL, Db, Log, Tx, TxConnection};

/// The most rows of a statement on SQLite.
const SQLITE_ROWS: usize = 128;

/// Cuts rows into as many as one statement takes on SQLite.
pub(crate) fn sqlite_chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    rows.chunks(SQLITE_ROWS)
}

/// The rows of a statement on SQLite, filled up to a power of two by rows that do not count.
pub(crate) fn padded<T>(rows: &[T]) -> impl Iterator<Item = Option<&T>> {
    let padding = rows.len().next_power_of_two() - rows.len();
    rows.iter().map(Some).chain(std::iter::repeat_n(None, padding))
}

/// Statements that are written together, if what is expected holds; nothing is before [`Batch::run`]. On PostgreSQL they run
/// in no order and see nothing of each other but `positions`, so no two may touch the same row; foreign keys are checked
/// after all of them.
pub(crate) struct Batch {
    pub(crate) statements: Statements,
    /// The log of which it takes positions.
    log: Option<Log>,
}

pub(crate) enum Statements {
    Sqlite {
        /// Queries that count rows, and how many all those of an expectation are to count.
        expected: Vec<(Vec<QueryBuilder<Sqlite>>, i64)>,
        /// Messages, one after the other.
        messages: Vec<Message>,
    },
    Postgres {
        /// Parts of a `with`, each with the name that others call it by, and the condition on it.
        expected: Vec<(String, String)>,
        /// The parts that write.
        parts: Vec<String>,
        /// The values of all of them.
        arguments: PgArguments,
    },
}

/// Statements that go to SQLite at once.
pub(crate) struct Message {
    pub(crate) query: QueryBuilder<Sqlite>,
    /// Whether all of its statements are of a single row.
    is_small: bool,
}

impl Batch {
    /// For a transaction.
    pub(super) fn of(tx: &Tx) -> Self {
        match tx.connection {
            TxConnection::Sqlite(..) => Self::sqlite(),
            TxConnection::Postgres(_) => Self::postgres(),
        }
    }

    /// For a transaction of its own.
    pub(super) fn alone(db: &Db) -> Self {
        match db {
            Db::Sqlite { .. } => Self::sqlite(),
            Db::Postgres { .. } => Self::postgres(),
        }
    }

    fn sqlite() -> Self {
        Self { statements: Statements::Sqlite { expected: Vec::new(), messages: Vec::new() }, log: None }
    }

    fn postgres() -> Self {
        let (expected, parts) = (Vec::new(), Vec::new());
        Self { statements: Statements::Postgres { expected, parts, arguments: PgArguments::default() }, log: None }
    }

    /// What a query ends with on PostgreSQL to lock its rows; see [`Tx::lock_clause`].
    pub(crate) fn lock_clause(&self, clause: &'static str) -> &'static str {
        match self.statements {
            Statements::Sqlite { .. } => "",
            Statements::Postgres { .. } => clause,
        }
    }

    /// Takes the next `count` positions of a log. Statements that are added from here on find the last of them in
    /// `positions`. From when it runs to the commit all others wait that take positions of it, which is what makes the
    /// positions follow the order of the commits.
    pub(crate) fn take_positions(&mut self, log: Log, count: i64) {
        self.log = Some(log);
        match &mut self.statements {
            Statements::Sqlite { messages, .. } => {
                let query = next_message(messages, 1);
                query.push("update log_positions set position = position + ").push_bind(count);
                query.push(" where log = ").push_bind(log);
            }
            Statements::Postgres { expected, parts, arguments } => {
                let [count, log, channel] =
                    [bound(arguments, count), bound(arguments, log), bound(arguments, CHANNEL)];
                let guard = if expected.is_empty() { "" } else { " and (select holds from guard)" };
                // Its readers are told with the commit.
                parts.push(format!(
                    "positions as (update log_positions set position = position + {count} where log = {log}{guard}
                     returning position, pg_notify({channel}, ''))"
                ));
            }
        }
    }

    /// Whether its commit is news for the readers of a log.
    pub(super) fn announces(&self) -> bool {
        self.log.is_some()
    }

    /// What a statement on SQLite begins with: where the positions stand that were taken.
    pub(crate) fn sqlite_beginning(&self) -> &'static str {
        match self.log {
            None => "with ",
            Some(Log::Events) => "with positions as (select position from log_positions where log = 'events'), ",
            Some(Log::Access) => "with positions as (select position from log_positions where log = 'access'), ",
        }
    }

    /// Writes all of it. False: something was not as expected, and nothing is written.
    pub(crate) async fn run(self, tx: &mut Tx) -> sqlx::Result<bool> {
        tx.announces |= self.announces();
        match &mut tx.connection {
            TxConnection::Sqlite(tx, _) => self.run_on_sqlite(tx).await,
            TxConnection::Postgres(tx) => self.run_on_postgres(tx.connection()).await,
        }
    }

    async fn run_on_sqlite(self, connection: &mut SqliteConnection) -> sqlx::Result<bool> {
        let Statements::Sqlite { expected, messages } = self.statements else { return Ok(true) };
        for (queries, expected) in expected {
            let mut counted = 0;
            for mut query in queries {
                counted += query.build_query_scalar::<i64>().fetch_one(&mut *connection).await?;
            }
            if counted != expected {
                return Ok(false);
            }
        }
        for Message { mut query, .. } in messages {
            query.build().execute(&mut *connection).await?;
        }
        Ok(true)
    }

    /// By one statement, which outside of a transaction is one by itself.
    pub(super) async fn run_on_postgres(self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        let Statements::Postgres { expected, parts, arguments } = self.statements else { return Ok(true) };
        if parts.is_empty() {
            return Ok(true);
        }
        let (mut all, conditions): (Vec<String>, Vec<String>) = expected.into_iter().unzip();
        let outcome = if all.is_empty() {
            "true"
        } else {
            all.push(format!("guard as materialized (select {} as holds)", conditions.join(" and ")));
            "holds from guard"
        };
        all.extend(parts);
        let sql = AssertSqlSafe(format!("with {} select {outcome}", all.join(", ")));
        sqlx::query_scalar_with(sql, arguments).fetch_one(connection).await
    }
}

/// Where the next statement of so many rows goes.
pub(crate) fn next_message(messages: &mut Vec<Message>, rows: usize) -> &mut QueryBuilder<Sqlite> {
    let is_small = rows == 1;
    match messages.pop_if(|last| last.is_small && is_small) {
        Some(mut last) => {
            last.query.push("; ");
            messages.push(last);
        }
        None => messages.push(Message { query: QueryBuilder::new(""), is_small }),
    }
    let last = messages.len() - 1;
    &mut messages[last].query
}

/// Binds a value and gives what stands for it.
pub(crate) fn bound<'q, T>(arguments: &mut PgArguments, value: T) -> String
where
    T: Encode<'q, Postgres> + Type<Postgres>,
{
    match arguments.add(value) {
        Ok(()) => format!("${}", arguments.len()),
        // What cannot be encoded: PostgreSQL refuses a statement with such a parameter.
        Err(_) => "$0".to_owned(),
    }
}

/// Adds a statement that reads rows from `v` and gives none.
macro_rules! add_rows {
    ($batch:expr, $statement:expr, $rows:expr, |$row:ident| { $($column:ident: $value:expr),+ $(,)? }) => {{
        use $crate::db::bulk::{self, Statements};
        let rows = &$rows[..];
        let columns = [$(stringify!($column)),+].join(", ");
        let beginning = $batch.sqlite_beginning();
        match &mut $batch.statements {
            Statements::Sqlite { messages, .. } => {
                for chunk in bulk::sqlite_chunks(rows) {
                    let query = bulk::next_message(messages, chunk.len());
                    query.push(beginning);
                    bulk::push_rows!(query, columns, $statement, chunk, |$row| { $($value),+ });
                }
            }
            Statements::Postgres { expected, parts, arguments } => {
                if !rows.is_empty() {
                    let arrays = [$(bulk::bound(arguments, bulk::column!(rows, |$row| $value))),+].join(", ");
                    let guard = if expected.is_empty() { "" } else { " where (select holds from guard)" };
                    let part = bulk::postgres_rows(&columns, &arrays, guard, $statement);
                    parts.push(format!("part_{} as ({part})", parts.len()));
                }
            }
        }
    }};
}
pub(crate) use add_rows;

/// Adds the insertion of rows into a table; what comes behind the rows, such as `on conflict …`, is the third argument.
macro_rules! insert_rows {
    ($batch:expr, $table:expr, $rows:expr, $rest:expr, |$row:ident| { $($column:ident: $value:expr),+ $(,)? }) => {{
        let columns = [$(stringify!($column)),+].join(", ");
        // Without a condition SQLite takes `on conflict` for part of a join.
        let statement = format!("insert into {} ({columns}) select * from v where true {}", $table, $rest);
        $crate::db::add_rows!($batch, &statement, $rows, |$row| { $($column: $value),+ })
    }};
}
pub(crate) use insert_rows;

/// Expects a query that reads rows from `v` to give so many rows; otherwise nothing of the batch is written. What is expected
/// comes before what is written.
macro_rules! expect_rows {
    ($batch:expr, $count:expr, $query:expr, $rows:expr, |$row:ident| { $($column:ident: $value:expr),+ $(,)? }) => {{
        use $crate::db::bulk::{self, Statements};
        let rows = &$rows[..];
        let columns = [$(stringify!($column)),+].join(", ");
        let count = i64::try_from($count).unwrap_or(i64::MAX);
        match &mut $batch.statements {
            Statements::Sqlite { expected, .. } => {
                let counting = format!("select count(*) from ({})", $query);
                let queries = bulk::sqlite_chunks(rows).map(|chunk| {
                    let mut query = ::sqlx::QueryBuilder::<::sqlx::Sqlite>::new("with ");
                    bulk::push_rows!(query, columns, &counting, chunk, |$row| { $($value),+ });
                    query
                });
                expected.push((queries.collect(), count));
            }
            Statements::Postgres { expected, arguments, .. } => {
                if !rows.is_empty() {
                    let arrays = [$(bulk::bound(arguments, bulk::column!(rows, |$row| $value))),+].join(", ");
                    let name = format!("expected_{}", expected.len());
                    let query = bulk::postgres_rows(&columns, &arrays, "", &$query);
                    let count = bulk::bound(arguments, count);
                    expected.push((
                        format!("{name} as materialized ({query})"),
                        format!("(select count(*) from {name}) = {count}"),
                    ));
                }
            }
        }
    }};
}
pub(crate) use expect_rows;

/// Runs a query that reads rows from `v`, and collects what it gives.
macro_rules! fetch_for_rows {
    ($on:expr, $query:expr, $rows:expr, |$row:ident| { $($column:ident: $value:expr),+ $(,)? }) => {{
        use $crate::db::{On, bulk};
        let rows = &$rows[..];
        let columns = [$(stringify!($column)),+].join(", ");
        let sqlite = || bulk::sqlite_chunks(rows).map(|chunk| {
            let mut query = ::sqlx::QueryBuilder::<::sqlx::Sqlite>::new("with ");
            bulk::push_rows!(query, columns, $query, chunk, |$row| { $($value),+ });
            query
        });
        let postgres = || {
            let mut arguments = ::sqlx::postgres::PgArguments::default();
            let arrays = [$(bulk::bound(&mut arguments, bulk::column!(rows, |$row| $value))),+].join(", ");
            let sql = bulk::postgres_rows(&columns, &arrays, "", $query);
            ::sqlx::query_as_with(::sqlx::AssertSqlSafe(sql), arguments)
        };
        let mut found = Vec::new();
        match On::from($on) {
            _ if rows.is_empty() => {}
            On::SqlitePool(pool) => {
                for mut query in sqlite() {
                    found.extend(query.build_query_as().fetch_all(pool).await?);
                }
            }
            On::Sqlite(connection) => {
                for mut query in sqlite() {
                    found.extend(query.build_query_as().fetch_all(&mut *connection).await?);
                }
            }
            On::PgPool(pool) => found = postgres().fetch_all(pool).await?,
            On::Pg(connection) => found = postgres().fetch_all(connection).await?,
        }
        found
    }};
}
pub(crate) use fetch_for_rows;

/// A column of all rows; not every column has to do with the row.
macro_rules! column {
    ($rows:expr, |$row:ident| $value:expr) => {
        $rows
            .iter()
            .map(|$row| {
                let _ = &$row;
                $value
            })
            .collect::<Vec<_>>()
    };
}
pub(crate) use column;

/// The rows of a statement on SQLite, and the statement.
macro_rules! push_rows {
    ($query:expr, $columns:expr, $statement:expr, $chunk:expr, |$row:ident| { $($value:expr),+ }) => {
        $query.push(format!("v ({}) as (select * from (", $columns));
        $query.push_values($crate::db::bulk::padded($chunk), |mut values, row| match row {
            Some($row) => {
                $(values.push_bind($value);)+
            }
            None => {
                $(
                    let _ = stringify!($value);
                    values.push_bind(None::<i64>);
                )+
            }
        });
        $query.push(") where column1 is not null) ").push($statement);
    };
}
pub(crate) use push_rows;

/// A statement whose `v` comes from arrays, one for each column.
pub(crate) fn postgres_rows(columns: &str, arrays: &str, guard: &str, statement: &str) -> String {
    format!("with v ({columns}) as (select * from unnest({arrays}){guard}) {statement}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_by_powers_of_two_in_their_order() {
        let sizes = |count: usize| {
            let rows: Vec<usize> = (0..count).collect();
            let chunks: Vec<Vec<Option<&usize>>> =
                sqlite_chunks(&rows).map(|chunk| padded(chunk).collect()).collect();
            assert!(chunks.iter().flatten().flatten().copied().eq(&rows));
            chunks.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert!(sizes(0).is_empty());
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(37), [64]);
        assert_eq!(sizes(300), [128, 128, 64]);
    }
}
