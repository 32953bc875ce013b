//! Many rows in few statements. The two databases differ in how many rows a statement takes best: SQLite's driver is
//! quadratic in the number of parameters, PostgreSQL takes up to 65,535.

/// The rows of a statement on SQLite.
pub(crate) const SQLITE_ROWS: usize = 16;
/// The rows of a statement on PostgreSQL.
pub(crate) const POSTGRES_ROWS: usize = 500;

/// Inserts rows: `insert_rows!(tx, "insert into t (a, b) ", rows, |values, row| { values.push_bind(row.a); … })`.
macro_rules! insert_rows {
    ($tx:expr, $insert:expr, $rows:expr, |$values:ident, $row:ident| $bind:block) => {{
        use $crate::db::{TxConnection, bulk};
        match &mut $tx.connection {
            TxConnection::Sqlite(tx, _) => {
                $crate::db::insert_rows!(@in ::sqlx::Sqlite, bulk::SQLITE_ROWS, tx, $insert, $rows, $values, $row, $bind)
            }
            TxConnection::Postgres(tx) => {
                $crate::db::insert_rows!(@in ::sqlx::Postgres, bulk::POSTGRES_ROWS, tx, $insert, $rows, $values, $row, $bind)
            }
        }
    }};
    (@in $db:ty, $size:expr, $tx:ident, $insert:expr, $rows:expr, $values:ident, $row:ident, $bind:block) => {{
        for chunk in $rows.chunks($size) {
            let mut query = ::sqlx::QueryBuilder::<$db>::new($insert);
            query.push_values(chunk, |mut $values, $row| $bind);
            // A statement of an odd number of rows is hardly met again: it is not kept prepared.
            let is_common = chunk.len() == 1 || chunk.len() == $size;
            query.build().persistent(is_common).execute(&mut **$tx).await?;
        }
    }};
}
pub(crate) use insert_rows;
