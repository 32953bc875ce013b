//! Commands that an operator runs on a database: what they do where there is none, or an older one.

use milepost::db::Db;

use crate::support::{Database, DatabaseKind, Milepost, on_both};

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
async fn nobody_reading_on_ends_no_command_halfway() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let commands: [&[&str]; 9] = [
        &["migrate", "--dry-run"],
        &["migrate", "status"],
        &["migrate"],
        &["user", "list"],
        &["audit"],
        &["rebuild"],
        &["retire", "--retention", "30d", "--dry-run"],
        &["erase", "files"],
        &["backup", "copy.db"],
    ];
    for command in commands {
        let ended = Milepost::on(&database, command).run_unread().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command:?}");
    }
    let ended = Milepost::new(["openapi"]).run_unread().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_dry_run_migrates_nothing() {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let database = Database::fresh(kind).await;
        let db = Db::open(&database.url.parse().unwrap()).await.unwrap();
        db.migrate_to(Some(4)).await.unwrap();
        let dry_run = Milepost::on(&database, &["retire", "--retention", "30d", "--dry-run"]).run().await;
        dry_run.expect_complaint("the database lacks 7 migrations");
        assert_eq!(db.migration_status().await.unwrap().applied.len(), 4);
        Milepost::on(&database, &["retire", "--retention", "30d"]).run().await.expect_success();
        Milepost::on(&database, &["retire", "--retention", "30d", "--dry-run"]).run().await.expect_success();
        db.close().await;
    }
}

on_both! {
    async fn an_account_that_is_there_is_told_before_a_password_is_asked_for(server: TestServer) {
        server.provider("alice").await;
        let add = [
            "user", "add", "--role", "provider", "--email", "alice@provider.example", "--first-name", "A", "--last-name",
            "L",
        ];
        // There is no terminal that could be asked for one.
        server.milepost(&add, "").await.expect_complaint("there is an account alice@provider.example already");
        let other = ["user", "set-password", "bob@provider.example"];
        server.milepost(&other, "").await.expect_complaint("there is no account bob@provider.example");
        let known = ["user", "set-password", "alice@provider.example"];
        server.milepost(&known, "").await.expect_complaint("use --password-stdin");
    }

    async fn an_export_that_nobody_reads_on_ends_quietly(server: TestServer) {
        let alice = server.provider("alice").await;
        let export = ["export", "user", "--email", &alice.email];
        let ended = Milepost::on(&server.database, &export).run_unread().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }
}
