//! Many rows in one statement. A statement reads them from `v`, whose columns are named where the rows are given:
//!
//! ```text
//! insert_rows!(tx, "users", people, "", |person| { id: person.id, name: person.name.as_str() })
//! write_rows!(tx, "update users set name = v.name from v where users.id = v.id", people, |person| { … })
//! fetch_for_rows!(tx, "select users.id from users join v on v.name = users.name", names, |name| { … })
//! ```
//!
//! PostgreSQL takes a column as an array, so that the statement is the same for any number of rows and stays prepared.
//! SQLite takes a list of `values`, so that another number of rows is another statement: rows go by powers of two, which
//! makes few statements to run and few to keep prepared. A statement costs two switches to and from the driver's thread,
//! which is more than a row costs.

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

/// Runs a statement that reads rows from `v` and gives none.
macro_rules! write_rows {
    ($tx:expr, $statement:expr, $rows:expr, |$row:ident| { $($column:ident: $value:expr),+ $(,)? }) => {{
        use $crate::db::{TxConnection, bulk};
        let rows = &$rows[..];
        let columns = [$(stringify!($column)),+].join(", ");
        match &mut $tx.connection {
            TxConnection::Sqlite(tx, _) => {
                for chunk in bulk::sqlite_chunks(rows) {
                    $crate::db::bulk::sqlite_query!(query, columns, $statement, chunk, |$row| { $($value),+ });
                    query.build().execute(&mut **tx).await?;
                }
            }
            TxConnection::Postgres(tx) => {
                if !rows.is_empty() {
                    let sql = bulk::postgres_sql(&columns, $statement);
                    let query = ::sqlx::query(::sqlx::AssertSqlSafe(sql));
                    $(let query = query.bind($crate::db::bulk::column!(rows, |$row| $value));)+
                    query.execute(&mut **tx).await?;
                }
            }
        }
    }};
}
pub(crate) use write_rows;

/// Inserts rows into a table; what comes behind the rows, such as `on conflict …`, is the third argument.
macro_rules! insert_rows {
    ($tx:expr, $table:expr, $rows:expr, $rest:expr, |$row:ident| { $($column:ident: $value:expr),+ $(,)? }) => {{
        let columns = [$(stringify!($column)),+].join(", ");
        // Without a condition SQLite takes `on conflict` for part of a join.
        let statement = format!("insert into {} ({columns}) select * from v where true {}", $table, $rest);
        $crate::db::write_rows!($tx, &statement, $rows, |$row| { $($column: $value),+ })
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
                    $crate::db::bulk::sqlite_query!(query, columns, $statement, chunk, |$row| { $($value),+ });
                    found.extend(query.build_query_as().fetch_all(&mut **tx).await?);
                }
            }
            TxConnection::Postgres(tx) => {
                if !rows.is_empty() {
                    let sql = bulk::postgres_sql(&columns, $statement);
                    let query = ::sqlx::query_as(::sqlx::AssertSqlSafe(sql));
                    $(let query = query.bind($crate::db::bulk::column!(rows, |$row| $value));)+
                    found = query.fetch_all(&mut **tx).await?;
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

/// The statement for some rows on SQLite.
macro_rules! sqlite_query {
    ($query:ident, $columns:expr, $statement:expr, $chunk:expr, |$row:ident| { $($value:expr),+ }) => {
        let mut $query = ::sqlx::QueryBuilder::<::sqlx::Sqlite>::new(format!("with v ({}) as (", $columns));
        $query.push_values($chunk, |mut values, $row| {
            $(values.push_bind($value);)+
        });
        $query.push(") ").push($statement);
    };
}
pub(crate) use sqlite_query;

/// A statement whose `v` comes from as many arrays as it has columns.
pub(crate) fn postgres_sql(columns: &str, statement: &str) -> String {
    let count = columns.split(',').count();
    let arrays: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
    format!("with v ({columns}) as (select * from unnest({})) {statement}", arrays.join(", "))
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
