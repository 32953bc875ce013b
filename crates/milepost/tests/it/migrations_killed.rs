//! A migration killed with SIGKILL at any moment: run again it comes to the same end as if nothing had happened, and no
//! lock stays behind.

use std::collections::BTreeMap;
use std::time::Duration;

use milepost::db::Db;
use sqlx::migrate::Migrate;
use tokio::time::sleep;

use crate::migrations::fill;
use crate::support::{Database, DatabaseKind, Milepost, Raw, eventually};

/// How much later it is killed each time, and from which migrations on. `make test-faults` takes small steps, from all.
fn moments(newest: i64) -> (Duration, Vec<i64>) {
    match std::env::var("MILEPOST_TEST_KILL_STEP_MS") {
        Ok(millis) => (Duration::from_millis(millis.parse().unwrap()), (1..newest).collect()),
        Err(_) => (Duration::from_millis(15), (1..newest).step_by(2).collect()),
    }
}

async fn migrate_to(database: &Database, target: Option<i64>) -> i64 {
    let db = Db::open(&database.url.parse().unwrap()).await.unwrap();
    db.migrate_to(target).await.unwrap();
    let newest = db.migration_status().await.unwrap().applied.last().unwrap().version;
    db.close().await;
    newest
}

/// A database that is migrated so far and holds enough for the rest to take a while.
async fn filled(kind: DatabaseKind, migrated: i64) -> Database {
    let database = Database::fresh(kind).await;
    migrate_to(&database, Some(migrated)).await;
    fill(&database, usize::try_from(migrated).unwrap()).await;
    if migrated >= 3 {
        let id = match kind {
            DatabaseKind::Sqlite => "unhex(printf('%032x', i))",
            DatabaseKind::Postgres => "cast(lpad(to_hex(i), 32, '0') as uuid)",
        };
        let many = format!(
            "with recursive n(i) as (select 4 union all select i + 1 from n where i < 5000)
             insert into events (id, provider_id, job_id, kind, name, sequence, position, occurred_at, created_at,
                 updated_at)
             select {id}, provider_id, job_id, 'info', 'n', i, i, occurred_at, created_at, updated_at
             from n, events where sequence = 1"
        );
        database.raw().await.execute(&many).await.unwrap();
    }
    database
}

/// Another database with the same in it.
async fn copy(database: &Database) -> Database {
    match database.kind {
        DatabaseKind::Sqlite => {
            let copy = Database::fresh(database.kind).await;
            let into = format!("vacuum into '{}'", copy.folder().unwrap().join("milepost.db").display());
            database.raw().await.execute(&into).await.unwrap();
            copy
        }
        DatabaseKind::Postgres => Database::of_template(database).await,
    }
}

/// All rows and what they are in, without what differs from run to run: times, and ids of rows that a migration makes.
async fn contents(database: &Database) -> BTreeMap<String, Vec<String>> {
    let mut rows = database.rows().await;
    let mut raw = database.raw().await;
    let hours = raw.texts("select cast(hour as text) || ' ' || events || ' ' || errors from event_hours").await;
    let schema = match database.kind {
        DatabaseKind::Sqlite => "select name || ': ' || sql from sqlite_master where sql is not null order by 1",
        DatabaseKind::Postgres => {
            "select cast(table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable as text)
             from information_schema.columns where table_schema = 'public'
             union select cast(indexdef as text) from pg_indexes where schemaname = 'public'
             union select conrelid::regclass || ': ' || pg_get_constraintdef(oid) from pg_constraint
             where connamespace = 'public'::regnamespace order by 1"
        }
    };
    let applied = "select version || ' ' || description || ' ' || success from _sqlx_migrations order by version";
    rows.insert("event_hours".to_owned(), hours);
    rows.insert("_sqlx_migrations".to_owned(), raw.texts(applied).await);
    rows.insert("schema".to_owned(), raw.texts(schema).await);
    rows
}

async fn kill_at_every_moment(kind: DatabaseKind) {
    let newest = migrate_to(&Database::fresh(kind).await, None).await;
    let (step, bases) = moments(newest);
    let mut was_open = false;
    for migrated in bases {
        let base = filled(kind, migrated).await;
        let undisturbed = copy(&base).await;
        migrate_to(&undisturbed, None).await;
        let expected = contents(&undisturbed).await;
        let mut delay = Duration::ZERO;
        loop {
            let database = copy(&base).await;
            let mut migrating = Milepost::on(&database, &["migrate"]).start();
            sleep(delay).await;
            let was_done = migrating.kill();
            was_open |= database.folder().is_none_or(|folder| folder.join("milepost.db-wal").exists());
            Milepost::on(&database, &["migrate"]).run().await.expect_success();
            let found = contents(&database).await;
            for (table, expected) in &expected {
                assert_eq!(&found[table], expected, "{table}, from {migrated}, killed after {delay:?}");
            }
            assert_eq!(found.len(), expected.len(), "from {migrated}, killed after {delay:?}");
            if was_done {
                break;
            }
            delay += step;
        }
    }
    assert!(was_open, "it was never killed while it had the file open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_killed_at_any_moment_can_be_run_again_on_sqlite() {
    kill_at_every_moment(DatabaseKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_killed_at_any_moment_can_be_run_again_on_postgres() {
    kill_at_every_moment(DatabaseKind::Postgres).await;
}

/// How many locks of the database there are that this is true of.
async fn locks(database: &Database, which: &str) -> i64 {
    let sql = format!(
        "select count(*) from pg_locks
         where database = (select oid from pg_database where datname = current_database()) and {which}"
    );
    database.raw().await.number(&sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_killed_in_its_middle_leaves_no_lock_on_postgres() {
    let database = filled(DatabaseKind::Postgres, 3).await;
    let mut other = database.raw().await;
    other.execute("begin; lock table events").await.unwrap();
    let mut migrating = Milepost::on(&database, &["migrate"]).start();
    eventually("it waits for the table", || async {
        locks(&database, "not granted and relation = 'events'::regclass").await == 1
    })
    .await;
    assert_eq!(locks(&database, "locktype = 'advisory'").await, 1);
    assert!(!migrating.kill(), "it was under way");
    // The table is still taken: the statement that waits for it has to be given up for that.
    eventually("its locks are gone", || async { locks(&database, "locktype = 'advisory'").await == 0 }).await;
    other.execute("rollback").await.unwrap();
    Milepost::on(&database, &["migrate"]).run().await.expect_success();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_migrations_of_another_server_are_waited_for_on_postgres() {
    let database = filled(DatabaseKind::Postgres, 3).await;
    let Raw::Postgres(mut other) = database.raw().await else { unreachable!("it was made so") };
    other.lock().await.unwrap();
    let mut migrating = Milepost::on(&database, &["migrate"]).start();
    // Longer than a statement of ours waits for other locks.
    sleep(Duration::from_secs(6)).await;
    assert_eq!(locks(&database, "locktype = 'advisory' and not granted").await, 1);
    other.unlock().await.unwrap();
    assert_eq!(migrating.wait().await, Some(0));
}
