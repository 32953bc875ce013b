//! Every row of every table, to compare one database with another.

use std::collections::BTreeMap;

use super::{Database, DatabaseKind};

impl Database {
    /// The rows of each table as text, sorted.
    pub async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut raw = self.raw().await;
        let tables = match self.kind {
            DatabaseKind::Sqlite => "select name from sqlite_master where type = 'table'",
            DatabaseKind::Postgres => {
                "select cast(table_name as text) from information_schema.tables where table_schema = 'public'"
            }
        };
        let mut rows = BTreeMap::new();
        for table in raw.texts(tables).await {
            let row = match self.kind {
                DatabaseKind::Sqlite => {
                    let columns = format!("select 'quote(' || name || ')' from pragma_table_info('{table}')");
                    raw.texts(&columns).await.join(" || ', ' || ")
                }
                DatabaseKind::Postgres => format!("cast(to_jsonb({table}) as text)"),
            };
            let mut found = raw.texts(&format!("select {row} from {table}")).await;
            found.sort();
            rows.insert(table, found);
        }
        rows
    }
}
