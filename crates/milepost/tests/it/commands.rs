//! Commands that an operator runs on a database: what they do where there is none, or an older one.

use milepost::db::Db;

use crate::support::{Database, DatabaseKind, Milepost};

#[tokio::test]
async fn commands_that_need_a_database_make_none() {
    let commands: [&[&str]; 8] = [
        &["audit"],
        &["erase", "user", "--yes", "--email", "x@x.example"],
        &["erase", "customer", "--yes", "--provider", "x@x.example", "--email", "x@x.example"],
        &["erase", "files"],
        &["export", "user", "--email", "x@x.example"],
        &["rebuild"],
        &["retire", "--retention", "30d"],
        &["retire", "--retention", "30d", "--dry-run"],
    ];
    for command in commands {
        let absent = Database::fresh(DatabaseKind::Sqlite).await;
        let said = Milepost::on(&absent, command).run().await.expect_failure();
        assert!(said.contains("there is no database sqlite://"), "{command:?}: {said}");
        assert_eq!(std::fs::read_dir(absent.folder().unwrap()).unwrap().count(), 0, "{command:?}");
    }
}

#[tokio::test]
async fn a_dry_run_migrates_nothing() {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let database = Database::fresh(kind).await;
        let db = Db::open(&database.url.parse().unwrap()).await.unwrap();
        db.migrate_to(Some(4)).await.unwrap();
        let dry_run = Milepost::on(&database, &["retire", "--retention", "30d", "--dry-run"]).run().await;
        dry_run.expect_complaint("migrations are missing");
        assert_eq!(db.migration_status().await.unwrap().applied.len(), 4);
        Milepost::on(&database, &["retire", "--retention", "30d"]).run().await.expect_success();
        Milepost::on(&database, &["retire", "--retention", "30d", "--dry-run"]).run().await.expect_success();
        db.close().await;
    }
}
