//! `milepost backup` and `milepost restore` of a SQLite database: what they make, and what they refuse. What a restored
//! database is worth is in `restore_drill.rs`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use milepost::db::Db;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::migrations::fill;
use crate::support::{Database, DatabaseKind, Milepost, Output, TestServer, hex};

/// A database with a row in each table, and a folder for backups.
struct Site {
    database: Database,
    folder: TempDir,
}

impl Site {
    async fn new() -> Self {
        Self::migrated_to(None).await
    }

    async fn migrated_to(migration: Option<i64>) -> Self {
        let database = Database::fresh(DatabaseKind::Sqlite).await;
        let db = Db::open(&database.url.parse().unwrap()).await.unwrap();
        db.migrate_to(migration).await.unwrap();
        db.close().await;
        fill(&database, migration.map_or(usize::MAX, |number| usize::try_from(number).unwrap())).await;
        Self { database, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backup_to(&self, file: &Path) -> Milepost {
        Milepost::on(&self.database, &["backup", file.to_str().unwrap()])
    }

    /// A backup that went well.
    async fn backed_up(&self) -> PathBuf {
        let file = self.file("backup.db");
        self.backup_to(&file).run().await.expect_success();
        file
    }

    /// The names in the folder of backups, hidden ones too.
    fn files(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn restore(file: &Path, target: &Database) -> Output {
    Milepost::on(target, &["restore", file.to_str().unwrap()]).run().await
}

/// A file as a database, to look into it.
fn as_database(file: &Path) -> Database {
    Database::of_file(file)
}

#[tokio::test]
async fn a_backup_holds_every_row_and_stands_alone() {
    let site = Site::new().await;
    let file = site.file("backup.db");
    let said = site.backup_to(&file).run().await.expect_success();
    assert!(said.contains("1 job, 3 events, the last of 2026-01-01 01:30:00Z; "), "{said}");
    assert_eq!(site.files(), ["backup.db", "backup.db.sha256"]);
    for name in site.files() {
        assert_eq!(std::fs::metadata(site.file(&name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(as_database(&file).rows().await, site.database.rows().await);
    assert_eq!(site.files(), ["backup.db", "backup.db.sha256"], "it can be read where nothing can be written");
}

#[tokio::test]
async fn a_backup_of_which_a_byte_has_changed_is_not_restored() {
    let site = Site::new().await;
    let file = site.file("backup.db");
    let said = site.backup_to(&file).run().await.expect_success();
    let whole = std::fs::read(&file).unwrap();
    let sum = hex(&Sha256::digest(&whole));
    assert_eq!(std::fs::read_to_string(site.file("backup.db.sha256")).unwrap(), format!("{sum}  backup.db\n"));
    assert!(said.contains(&format!("Its SHA-256 is {sum}, also in {}.sha256", file.display())), "{said}");

    let hash_and_names = b"hashCX";
    let mut changed = whole.clone();
    let place = changed.windows(hash_and_names.len()).position(|part| part == hash_and_names).unwrap();
    changed[place] = b'b';
    std::fs::write(&file, &changed).unwrap();
    let target = Database::fresh(DatabaseKind::Sqlite).await;
    let said = restore(&file, &target).await.expect_failure();
    assert!(
        said.contains(
            "backup.db cannot be used: it has been changed since it was made: its SHA-256 is not the one in "
        ),
        "{said}"
    );
    assert_eq!(names(target.folder().unwrap()), Vec::<String>::new());

    std::fs::write(&file, &whole).unwrap();
    std::fs::write(site.file("backup.db.sha256"), "soon\n").unwrap();
    let said = restore(&file, &target).await.expect_failure();
    assert!(said.contains("backup.db.sha256 cannot be used: it is no checksum"), "{said}");
    // As `sha256sum --binary`, or another program, writes it for a file that had another name then.
    std::fs::write(site.file("backup.db.sha256"), format!("{} *older.db\n", sum.to_uppercase())).unwrap();
    let said = restore(&file, &target).await.expect_success();
    assert!(said.contains(&format!("Its SHA-256 is the one in {}.sha256.", file.display())), "{said}");

    std::fs::remove_file(site.file("backup.db.sha256")).unwrap();
    std::fs::write(&file, &changed).unwrap();
    let said = restore(&file, &Database::fresh(DatabaseKind::Sqlite).await).await.expect_success();
    assert!(said.contains(&format!("there is no {}.sha256", file.display())), "{said}");
}

#[tokio::test]
async fn a_backup_writes_over_nothing() {
    let site = Site::new().await;
    let before = site.database.rows().await;
    let file = site.file("taken");
    std::fs::write(&file, "precious").unwrap();
    let link = site.file("link");
    std::os::unix::fs::symlink(site.file("nowhere"), &link).unwrap();
    std::fs::write(site.file("backup.db.sha256"), "precious").unwrap();
    for (target, taken) in [(&file, "taken"), (&link, "link"), (&site.file("backup.db"), "backup.db.sha256")] {
        let said = site.backup_to(target).run().await.expect_failure();
        assert!(said.contains(&format!("{} exists already", site.file(taken).display())), "{said}");
    }
    let said = site.backup_to(&site.file("missing/backup.db")).run().await.expect_failure();
    assert!(said.contains("cannot write") && said.contains("No such file"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(site.files(), ["backup.db.sha256", "link", "taken"]);
    assert_eq!(site.database.rows().await, before);
}

#[tokio::test]
async fn a_backup_that_does_not_fit_leaves_nothing() {
    let site = Site::new().await;
    let _open = site.database.raw().await;
    let before = site.database.rows().await;
    let said = site.backup_to(&site.file("backup.db")).with_files_up_to(128).run().await.expect_failure();
    assert!(said.contains("cannot write") && said.contains("backup.db: "), "{said}");
    assert_eq!(site.files(), Vec::<String>::new());
    assert_eq!(site.database.rows().await, before);
    site.backed_up().await;
}

#[tokio::test]
async fn only_a_database_of_ours_that_this_release_knows_is_backed_up() {
    let site = Site::new().await;
    let absent = Database::fresh(DatabaseKind::Sqlite).await;
    let said = Milepost::on(&absent, &["backup", "x"]).run().await.expect_failure();
    assert!(said.contains("there is no database"), "{said}");
    assert_eq!(names(absent.folder().unwrap()), Vec::<String>::new(), "it is not made either");

    std::fs::write(absent.folder().unwrap().join("milepost.db"), "").unwrap();
    let said = Milepost::on(&absent, &["backup", "x"]).run().await.expect_failure();
    assert!(said.contains("no database of Milepost's"), "{said}");

    let newer = "insert into _sqlx_migrations values (9999, 'holograms', '2026-01-01 00:00:00', true, x'00', 1)";
    site.database.raw().await.execute(newer).await.unwrap();
    let said = site.backup_to(&site.file("backup.db")).run().await.expect_failure();
    assert!(said.contains("migration 9999 was applied by a newer milepost"), "{said}");
    assert_eq!(site.files(), Vec::<String>::new());

    for command in ["backup", "restore"] {
        let postgres = ["--database-url", "postgres://nobody@127.0.0.1:1/x"];
        let said = Milepost::new([command, "x"].iter().chain(&postgres)).run().await.expect_failure();
        assert!(said.contains("docs/OPERATIONS.md"), "{said}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_sound_is_not_backed_up() {
    for (damage, reason) in [
        ("pragma foreign_keys = off; delete from jobs", "refer to rows that are not there"),
        ("pragma ignore_check_constraints = on; update jobs set status = 'paused'", "it is damaged: CHECK"),
    ] {
        let site = Site::new().await;
        site.database.raw().await.execute(damage).await.unwrap();
        let said = site.backup_to(&site.file("backup.db")).run().await.expect_failure();
        assert!(said.contains(reason), "{said}");
        assert_eq!(site.files(), Vec::<String>::new());
    }
}

/// A database large enough that copying it takes a while.
async fn large_site() -> Site {
    let site = Site::new().await;
    let grow = "with recursive n(i) as (select 4 union all select i + 1 from n where i < 20000)
        insert into events (id, provider_id, job_id, kind, name, sequence, position, occurred_at, created_at, updated_at)
        select unhex(printf('%032x', i)), provider_id, job_id, 'info', hex(zeroblob(300)), i, i, occurred_at, created_at,
            updated_at from n, events where sequence = 1";
    site.database.raw().await.execute(grow).await.unwrap();
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_killed_at_any_moment_leaves_no_half_file() {
    let site = large_site().await;
    let before = site.database.rows().await;
    let (mut killed_while_writing, mut delay) = (false, Duration::ZERO);
    loop {
        let file = site.file("backup.db");
        let mut backup = site.backup_to(&file).start();
        sleep(delay).await;
        let is_done = backup.kill();
        killed_while_writing |= site.files().iter().any(|name| name.ends_with(".partial"));
        if file.exists() {
            assert!(site.file("backup.db.sha256").exists(), "a file of that name has a checksum beside it");
            assert_eq!(as_database(&file).rows().await, before, "a file of that name is whole");
        }
        if is_done {
            break;
        }
        // A folder with all that there was, or the files that were just finished.
        for name in site.files() {
            let _ = std::fs::remove_dir_all(site.file(&name));
            let _ = std::fs::remove_file(site.file(&name));
        }
        delay += Duration::from_millis(15);
    }
    assert!(killed_while_writing, "it was never killed while it wrote");
    assert_eq!(site.database.rows().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_told_to_stop_clears_up() {
    let site = large_site().await;
    loop {
        let mut backup = site.backup_to(&site.file("backup.db")).start();
        while site.files().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        let code = backup.terminate().await;
        if code == Some(1) {
            break assert_eq!(site.files(), Vec::<String>::new());
        }
        // It was faster than we.
        assert_eq!((code, site.files()), (Some(0), vec!["backup.db".to_owned(), "backup.db.sha256".to_owned()]));
        for name in site.files() {
            std::fs::remove_file(site.file(&name)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_restored_database_holds_every_row_but_the_sessions() {
    let site = Site::new().await;
    let mut expected = site.database.rows().await;
    let file = site.backed_up().await;
    let target = Database::fresh(DatabaseKind::Sqlite).await;
    let said = restore(&file, &target).await.expect_success();
    assert!(said.contains("1 job, 3 events, the last of 2026-01-01 01:30:00Z; "), "{said}");
    assert!(said.contains("All sessions in it have ended"), "{said}");
    assert_eq!(names(target.folder().unwrap()), ["milepost.db"]);
    let mode = std::fs::metadata(target.folder().unwrap().join("milepost.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut restored = target.rows().await;
    assert_eq!(restored.remove("sessions"), Some(Vec::new()));
    assert_ne!(expected.remove("sessions"), Some(Vec::new()));
    let positions = |rows: Option<Vec<String>>| rows.unwrap().join("; ");
    assert_eq!(positions(expected.remove("log_positions")), "'access', 0; 'events', 3");
    let position = positions(restored.remove("log_positions"));
    let position: i64 = position.strip_prefix("'access', 0; 'events', ").unwrap().parse().unwrap();
    assert!(position > 1_000_000_003, "{position}");
    assert_eq!(restored, expected);
}

#[tokio::test]
async fn new_events_come_behind_those_of_an_earlier_restore() {
    let site = Site::new().await;
    let file = site.backed_up().await;
    let mut positions = vec![3];
    for _ in 0..2 {
        let target = Database::fresh(DatabaseKind::Sqlite).await;
        restore(&file, &target).await.expect_success();
        let position = target.raw().await.number("select position from log_positions where log = 'events'").await;
        assert!(positions.iter().all(|earlier| position >= earlier + 1000), "{position}: {positions:?}");
        positions.push(position);
    }
    // Also where the positions are ahead of the clock.
    let ahead = "update log_positions set position = 4000000000000000 where log = 'events'";
    site.database.raw().await.execute(ahead).await.unwrap();
    let file = site.file("ahead.db");
    site.backup_to(&file).run().await.expect_success();
    let target = Database::fresh(DatabaseKind::Sqlite).await;
    restore(&file, &target).await.expect_success();
    let position = target.raw().await.number("select position from log_positions where log = 'events'").await;
    assert_eq!(position, 4_000_001_000_000_000);
}

#[tokio::test]
async fn a_backup_of_an_older_schema_is_restored_as_it_is_and_migrated_by_the_server() {
    let site = Site::migrated_to(Some(3)).await;
    let file = site.backed_up().await;
    assert_eq!(as_database(&file).rows().await, site.database.rows().await);
    let target = Database::fresh(DatabaseKind::Sqlite).await;
    let said = restore(&file, &target).await.expect_success();
    assert!(
        said.contains("migration 0003")
            && said.contains("`milepost serve` or `milepost migrate` applies 8 missing migrations."),
        "{said}"
    );
    assert_eq!(target.rows().await["events"], site.database.rows().await["events"]);
    let server = TestServer::start_over(target, |_| {}).await;
    server.expect_counts_as_counted().await;
}

#[tokio::test]
async fn a_restore_writes_over_nothing() {
    let site = Site::new().await;
    let file = site.backed_up().await;
    let before = site.database.rows().await;
    let said = restore(&file, &site.database).await.expect_failure();
    assert!(said.contains("milepost.db exists already") && said.contains("move the database away"), "{said}");
    assert_eq!(site.database.rows().await, before);
    std::fs::write(site.database.folder().unwrap().join("milepost.db-wal"), "").unwrap();
    let said = restore(&file, &site.database).await.expect_failure();
    assert!(said.contains("milepost.db exists already"), "it is about the database: {said}");
    for companion in ["milepost.db-wal", "milepost.db-shm", "milepost.db-journal"] {
        let target = Database::fresh(DatabaseKind::Sqlite).await;
        std::fs::write(target.folder().unwrap().join(companion), "").unwrap();
        let said = restore(&file, &target).await.expect_failure();
        assert!(said.contains(&format!("{companion} exists already")), "{said}");
        assert_eq!(names(target.folder().unwrap()), [companion]);
    }
}

#[tokio::test]
async fn what_is_no_sound_backup_is_not_restored() {
    /// A refusal that says this and leaves nothing behind.
    async fn expect_refused(file: &Path, reason: &str) {
        let target = Database::fresh(DatabaseKind::Sqlite).await;
        let said = restore(file, &target).await.expect_failure();
        assert!(said.contains(&file.display().to_string()) && said.contains(reason), "{reason}: {said}");
        assert_eq!(names(target.folder().unwrap()), Vec::<String>::new(), "{reason}");
    }
    let site = large_site().await;
    let file = site.backed_up().await;
    let whole = std::fs::read(&file).unwrap();
    let broken = |name: &str, bytes: &[u8]| {
        std::fs::write(site.file(name), bytes).unwrap();
        site.file(name)
    };
    expect_refused(&site.file("missing"), "No such file").await;
    expect_refused(site.folder.path(), "").await;
    expect_refused(&broken("empty", b""), "no database of Milepost's").await;
    expect_refused(&broken("short", b"SQLite"), "no database of Milepost's").await;
    expect_refused(&broken("text", b"insert into users values (1, 2, 3);"), "no database of Milepost's").await;
    expect_refused(&broken("cut", &whole[..whole.len() / 2]), "").await;
    let mut scratched = whole.clone();
    let middle = whole.len() / 2;
    scratched[middle..middle + 8192].fill(0xff);
    expect_refused(&broken("scratched", &scratched), "").await;

    let changed = async |name: &str, statements: &[&str]| {
        let file = broken(name, &whole);
        let mut raw = as_database(&file).raw().await;
        for statement in statements {
            raw.execute(statement).await.unwrap();
        }
        file
    };
    let other = changed("other", &["drop table _sqlx_migrations"]).await;
    expect_refused(&other, "no database of Milepost's").await;
    let orphans = ["pragma foreign_keys = off", "delete from jobs"];
    expect_refused(&changed("orphans", &orphans).await, "refer to rows that are not there").await;
    let newer = "insert into _sqlx_migrations values (9999, 'holograms', '2026-01-01 00:00:00', true, x'00', 1)";
    expect_refused(&changed("newer", &[newer]).await, "applied by a newer milepost").await;
    let foreign = "update _sqlx_migrations set checksum = x'00' where version = 2";
    expect_refused(&changed("foreign", &[foreign]).await, "applied by another build").await;
    let open = changed("open", &[]).await;
    broken("open-wal", b"");
    expect_refused(&open, "it is no backup").await;

    restore(&file, &Database::fresh(DatabaseKind::Sqlite).await).await.expect_success();
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_to_is_told_so() {
    let site = Site::new().await;
    let file = site.backed_up().await;
    for mode in [0o000, 0o500] {
        let closed = tempfile::tempdir().unwrap();
        std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let target = closed.path().join("new.db");
        let said = site.backup_to(&target).with_rights_that_count().run().await.expect_failure();
        assert!(said.contains(&format!("cannot write {}: Permission denied", target.display())), "{said}");
        let database = as_database(&target);
        let restore = Milepost::on(&database, &["restore", file.to_str().unwrap()]).with_rights_that_count();
        let said = restore.run().await.expect_failure();
        assert!(said.contains(&format!("cannot write {}: Permission denied", target.display())), "{said}");
        std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[tokio::test]
async fn a_restore_that_does_not_fit_leaves_nothing() {
    let site = Site::new().await;
    let file = site.backed_up().await;
    let target = Database::fresh(DatabaseKind::Sqlite).await;
    let restore = Milepost::on(&target, &["restore", file.to_str().unwrap()]).with_files_up_to(128);
    let said = restore.run().await.expect_failure();
    assert!(said.contains("cannot write"), "{said}");
    assert_eq!(names(target.folder().unwrap()), Vec::<String>::new());
}
