//! A rolling upgrade: a server of the release before goes on working while a newer one has migrated the tables already.
//! Each migration since may only add what the older server need not know.

use milepost::db::Db;

use crate::support::{Database, DatabaseKind};

/// The last migration of the release before. CONTRIBUTING.md says when it is raised.
const RELEASED: i64 = 4;

#[derive(Debug, PartialEq, Eq)]
struct Column {
    table: String,
    name: String,
    kind: String,
    /// Whether a row can be written without naming it.
    may_be_left_out: bool,
    takes_null: bool,
}

/// All columns but those of the migration library.
async fn columns(database: &Database) -> Vec<Column> {
    let sql = match database.kind {
        DatabaseKind::Sqlite => {
            "select t.name || '|' || c.name || '|' || c.type || '|' || (c.\"notnull\" = 0 and c.pk = 0) || '|'
                 || (c.dflt_value is not null)
             from sqlite_master t, pragma_table_info(t.name) c where t.type = 'table'"
        }
        DatabaseKind::Postgres => {
            "select table_name || '|' || column_name || '|' || data_type || '|'
                 || cast(is_nullable = 'YES' as int) || '|' || cast(column_default is not null as int)
             from information_schema.columns where table_schema = 'public'"
        }
    };
    let lines = database.raw().await.texts(sql).await;
    let columns = lines.iter().map(|line| {
        let parts: Vec<&str> = line.split('|').collect();
        let [table, name, kind, takes_null, has_default] = parts.as_slice() else { panic!("{line}") };
        let takes_null = *takes_null == "1";
        Column {
            table: (*table).to_owned(),
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            may_be_left_out: takes_null || *has_default == "1",
            takes_null,
        }
    });
    columns.filter(|column| !column.table.starts_with('_')).collect()
}

/// What a server that knows the older columns would stumble over.
fn obstacles(older: &[Column], newer: &[Column]) -> Vec<String> {
    let find = |columns: &'static str, of: &[Column], wanted: &Column| {
        let found = of.iter().position(|c| c.table == wanted.table && c.name == wanted.name);
        found.ok_or_else(|| format!("{}.{} is not among the {columns}", wanted.table, wanted.name))
    };
    let mut obstacles = Vec::new();
    for old in older {
        match find("newer", newer, old).map(|at| &newer[at]) {
            Err(reason) => obstacles.push(reason),
            Ok(new) if new.kind != old.kind => obstacles.push(format!("{}.{} changes its type", old.table, old.name)),
            Ok(new) if old.takes_null && !new.takes_null => {
                obstacles.push(format!("{}.{} takes no null any more", old.table, old.name));
            }
            Ok(_) => {}
        }
    }
    let is_known = |table: &str| older.iter().any(|column| column.table == table);
    for new in newer.iter().filter(|new| is_known(&new.table) && !new.may_be_left_out) {
        if find("older", older, new).is_err() {
            obstacles.push(format!("{}.{} has to be written", new.table, new.name));
        }
    }
    obstacles
}

async fn migrated(kind: DatabaseKind, target: Option<i64>) -> Database {
    let database = Database::fresh(kind).await;
    let db = Db::open(&database.url.parse().unwrap()).await.unwrap();
    db.migrate_to(target).await.unwrap();
    db.close().await;
    database
}

async fn check(kind: DatabaseKind) {
    let before = columns(&migrated(kind, Some(RELEASED)).await).await;
    let newest = migrated(kind, None).await;
    assert!(before.len() > 50, "{before:?}");
    assert_eq!(obstacles(&before, &columns(&newest).await), Vec::<String>::new());

    // And it would tell.
    let mut raw = newest.raw().await;
    raw.execute("alter table users rename column organization to company").await.unwrap();
    raw.execute("alter table users add column motto text not null default ''").await.unwrap();
    let found = obstacles(&before, &columns(&newest).await);
    assert_eq!(found, ["users.organization is not among the newer"]);
    raw.execute("drop table access_changes").await.unwrap();
    raw.execute("create table access_changes (position bigint, subject_id text, created_at text, why text not null)")
        .await
        .unwrap();
    let found = obstacles(&before, &columns(&newest).await);
    assert!(found.contains(&"access_changes.why has to be written".to_owned()), "{found:?}");
    assert!(found.contains(&"access_changes.subject_id changes its type".to_owned()), "{found:?}");
}

#[tokio::test]
async fn the_release_before_finds_all_it_knows_on_sqlite() {
    check(DatabaseKind::Sqlite).await;
}

#[tokio::test]
async fn the_release_before_finds_all_it_knows_on_postgres() {
    check(DatabaseKind::Postgres).await;
}
