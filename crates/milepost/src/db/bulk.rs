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
//! SQLite takes a list of `values`, so that another number of rows is another statement: rows go by powers of two, which
//! makes few statements to run and few to keep prepared. A message costs two switches to and from the driver's thread,
//! which is more than a row costs: statements of a single row go together in one.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, QueryBuilder, Sqlite, Type};

use super::{CHANNEL, Log, Tx, TxConnection};

/// The most rows of a statement on SQLite.
const SQLITE_ROWS: usize = 64;

/// Cuts rows into as many as one statement takes on SQLite, and the rest into powers of two, the largest first.
pub(crate) fn sqlite_chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let power = rows.len().checked_ilog2()?;
        let (chunk, rest) = rows.split_at(SQLITE_ROWS.min(1 << power));
        rows = rest;
        Some(chunk)
    })
}

/// Statements that are written together; nothing is before [`Batch::run`]. On PostgreSQL they run in no order and see
/// nothing of each other but `positions`, so no two may touch the same row; foreign keys are checked after all of them.
pub(crate) enum Batch {
    /// Messages, one after the other.
    Sqlite(Vec<Message>),
    /// The parts of a `with`.
    Postgres {
        /// Each with the name that others call it by.
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
    pub(super) fn of(tx: &Tx) -> Self {
        match tx.connection {
            TxConnection::Sqlite(..) => Self::Sqlite(Vec::new()),
            TxConnection::Postgres(_) => Self::Postgres { parts: Vec::new(), arguments: PgArguments::default() },
        }
    }

    /// Takes the next `count` positions of the log of events. Statements that are added from here on find the last of them
    /// in `positions`. From when it runs to the commit all others wait that take positions.
    pub(crate) fn take_positions(&mut self, tx: &mut Tx, count: i64) {
        tx.announces = true;
        match self {
            Self::Sqlite(messages) => {
                let query = next_message(messages, 1);
                query.push("update log_positions set position = position + ").push_bind(count);
                query.push(" where log = ").push_bind(Log::Events);
            }
            Self::Postgres { parts, arguments } => {
                let [count, log, channel] =
                    [bound(arguments, count), bound(arguments, Log::Events), bound(arguments, CHANNEL)];
                // Its readers are told with the commit.
                parts.push(format!(
                    "positions as (update log_positions set position = position + {count} where log = {log}
                     returning position, pg_notify({channel}, ''))"
                ));
            }
        }
    }

    /// Writes all of it.
    pub(crate) async fn run(self, tx: &mut Tx) -> sqlx::Result<()> {
        match (self, &mut tx.connection) {
            (Self::Sqlite(messages), TxConnection::Sqlite(tx, _)) => {
                for Message { mut query, .. } in messages {
                    query.build().execute(&mut **tx).await?;
                }
            }
            (Self::Postgres { parts, arguments }, TxConnection::Postgres(tx)) if !parts.is_empty() => {
                let sql = format!("with {} select 1", parts.join(", "));
                sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut **tx).await?;
            }
            _ => {}
        }
        Ok(())
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
        use $crate::db::{Batch, bulk};
        let rows = &$rows[..];
        let columns = [$(stringify!($column)),+].join(", ");
        match &mut $batch {
            Batch::Sqlite(messages) => {
                for chunk in bulk::sqlite_chunks(rows) {
                    let query = bulk::next_message(messages, chunk.len());
                    query.push(bulk::SQLITE_POSITIONS);
                    $crate::db::bulk::push_rows!(query, columns, $statement, chunk, |$row| { $($value),+ });
                }
            }
            Batch::Postgres { parts, arguments } => {
                if !rows.is_empty() {
                    let arrays =
                        [$(bulk::bound(arguments, $crate::db::bulk::column!(rows, |$row| $value))),+].join(", ");
                    parts.push(bulk::postgres_part(parts.len(), &columns, &arrays, $statement));
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

/// Runs a query that reads rows from `v`, and collects what it gives.
macro_rules! fetch_for_rows {
    ($tx:expr, $statement:expr, $rows:expr, |$row:ident| { $($column:ident: $value:expr),+ $(,)? }) => {{
        use $crate::db::{TxConnection, bulk};
        let rows = &$rows[..];
        let columns = [$(stringify!($column)),+].join(", ");
        let mut found = Vec::new();
        match &mut $tx.connection {
            TxConnection::Sqlite(tx, _) => {
                for chunk in bulk::sqlite_chunks(rows) {
                    let mut query = ::sqlx::QueryBuilder::<::sqlx::Sqlite>::new("with ");
                    $crate::db::bulk::push_rows!(query, columns, $statement, chunk, |$row| { $($value),+ });
                    found.extend(query.build_query_as().fetch_all(&mut **tx).await?);
                }
            }
            TxConnection::Postgres(tx) => {
                if !rows.is_empty() {
                    let mut arguments = ::sqlx::postgres::PgArguments::default();
                    let arrays =
                        [$(bulk::bound(&mut arguments, $crate::db::bulk::column!(rows, |$row| $value))),+].join(", ");
                    let sql = bulk::postgres_rows(&columns, &arrays, $statement);
                    found = ::sqlx::query_as_with(::sqlx::AssertSqlSafe(sql), arguments).fetch_all(&mut **tx).await?;
                }
            }
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

/// What SQLite's statements begin with: where the positions stand that were taken.
pub(crate) const SQLITE_POSITIONS: &str =
    "with positions as (select position from log_positions where log = 'events'), ";

/// The rows of a statement on SQLite, and the statement.
macro_rules! push_rows {
    ($query:expr, $columns:expr, $statement:expr, $chunk:expr, |$row:ident| { $($value:expr),+ }) => {
        $query.push(format!("v ({}) as (", $columns));
        $query.push_values($chunk, |mut values, $row| {
            $(values.push_bind($value);)+
        });
        $query.push(") ").push($statement);
    };
}
pub(crate) use push_rows;

/// A statement whose `v` comes from arrays, one for each column.
pub(crate) fn postgres_rows(columns: &str, arrays: &str, statement: &str) -> String {
    format!("with v ({columns}) as (select * from unnest({arrays})) {statement}")
}

/// The same as a part of a larger one.
pub(crate) fn postgres_part(number: usize, columns: &str, arrays: &str, statement: &str) -> String {
    format!("part_{number} as ({})", postgres_rows(columns, arrays, statement))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_by_powers_of_two_in_their_order() {
        let sizes = |count: usize| {
            let rows: Vec<usize> = (0..count).collect();
            assert_eq!(sqlite_chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
            sqlite_chunks(&rows).map(<[usize]>::len).collect::<Vec<_>>()
        };
        assert!(sizes(0).is_empty());
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(37), [32, 4, 1]);
        assert_eq!(sizes(200), [64, 64, 64, 8]);
    }
}
