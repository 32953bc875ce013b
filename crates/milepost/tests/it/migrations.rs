//! Migrations and settings: how a server gets to its tables, and what stops its start.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use milepost::db::Db;
use milepost::events::hours::provider_ids;
use milepost::rollups;

use crate::support::{Database, DatabaseKind, Milepost, Person, TestServer, on_both, status_of};

/// The numbers and names of a tree of migrations.
fn tree(dialect: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The tables of a database but for the migration library's own, and how many rows each has.
async fn tables(database: &Database) -> BTreeMap<String, i64> {
    let mut raw = database.raw().await;
    let names = match database.kind {
        DatabaseKind::Sqlite => raw.texts("select name from sqlite_master where type = 'table'").await,
        DatabaseKind::Postgres => {
            raw.texts("select table_name::text from information_schema.tables where table_schema = 'public'").await
        }
    };
    let mut tables = BTreeMap::new();
    for name in names {
        let rows = raw.number(&format!("select count(*) from {name}")).await;
        tables.insert(name, rows);
    }
    tables
}

#[test]
fn both_trees_have_the_same_numbers_and_names() {
    assert_eq!(tree("sqlite"), tree("postgres"));
}

/// A row in every table that exists after so many migrations, in SQL that both databases take.
#[expect(clippy::too_many_lines, reason = "a row in every table")]
pub async fn fill(database: &Database, migrations: usize) {
    let mut raw = database.raw().await;
    let id = |n: u8| database.id(&format!("00000000-0000-7000-8000-0000000000{n:02x}"));
    let bytes = |n: u8| match database.kind {
        DatabaseKind::Sqlite => format!("x'{n:02x}'"),
        DatabaseKind::Postgres => format!("'\\x{n:02x}'::bytea"),
    };
    let now = "'2026-01-01T00:00:00+00:00'";
    let of_accounts = [
        format!(
            "insert into users (id, role, email, password, first_name, last_name, organization, disabled_at, created_at, updated_at)
             values ({}, 'provider', 'p@x.example', 'hash', 'P', 'X', null, null, {now}, {now})",
            id(1)
        ),
        format!(
            "insert into users (id, role, email, password, first_name, last_name, organization, disabled_at, created_at, updated_at)
             values ({}, 'customer', 'c@x.example', 'hash', 'C', 'X', null, null, {now}, {now})",
            id(2)
        ),
        format!(
            "insert into sessions (id, user_id, token_hash, expires_at, created_at, updated_at)
             values ({}, {}, {}, {now}, {now}, {now})",
            id(3),
            id(1),
            bytes(3)
        ),
        format!(
            "insert into api_keys values ({}, {}, {}, 'mp_', 'n', 'write', null, null, null, {now}, {now})",
            id(4),
            id(1),
            bytes(4)
        ),
        format!(
            "insert into customers (id, provider_id, customer_id, email, invitation_hash, invitation_expires_at, unlinked_at,
                 created_at, updated_at)
             values ({}, {}, {}, 'c@x.example', null, null, null, {now}, {now})",
            id(5),
            id(1),
            id(2)
        ),
    ];
    let of_configurations = [
        format!(
            "insert into job_configurations values ({}, {}, 'scan', 'Scan', '1.0.0', {}, {now}, {now})",
            id(6),
            id(1),
            bytes(6)
        ),
        format!("insert into step_configurations values ({}, {}, 'load', 'Load', 10, 0, {now}, {now})", id(7), id(6)),
        format!(
            "insert into metadata_configurations values ({}, {}, 'number', 'Density', 'HU', 0, {now}, {now})",
            id(8),
            id(7)
        ),
    ];
    let event = |n: u8, kind: &str, at: &str| {
        format!(
            "insert into events values ({}, {}, {}, '{kind}', 'n', {}, null, {n}, {n}, '{at}', null, null, null, '{at}', '{at}')",
            id(0x20 + n),
            id(1),
            id(9),
            id(7)
        )
    };
    let no = match database.kind {
        DatabaseKind::Sqlite => "0",
        DatabaseKind::Postgres => "false",
    };
    let of_jobs = [
        format!(
            "insert into jobs (id, provider_id, customer_id, customer_link_id, job_configuration_id, provider_job_id,
                 provider_job_name, search_text, status, points_done, points_total, weight_done_millionths, weight_total,
                 steps_total, steps_finished, steps_in_error, started_at, finished_at, last_event_at, last_sequence,
                 last_step_at, last_complete_at, outcome_at, outcome_sequence, outcome_is_error, created_at, updated_at)
             values ({}, {}, {}, {}, {}, 'CT-0', 'Scan', 'ct-0', 'running', 10, 10, 10000000, 10, 1, 1, 0,
             {now}, null, {now}, 3, {now}, null, {now}, 3, {no}, {now}, {now})",
            id(9),
            id(1),
            id(2),
            id(5),
            id(6)
        ),
        format!(
            "insert into job_steps values ({}, {}, {}, {}, 'finished', {now}, 1, {now}, 3, 1, 0, 0, {now}, 3, {no}, {now}, 3,
             {no}, '{{}}', {now}, {now})",
            id(10),
            id(9),
            id(6),
            id(7)
        ),
        event(1, "info", "2026-01-01T00:59:59.999999+00:00"),
        event(2, "error", "2026-01-01T01:00:00+00:00"),
        event(3, "step", "2026-01-01T01:30:00.5+00:00"),
        format!("insert into access_changes values (1, {}, {now})", id(9)),
        "update log_positions set position = 3 where log = 'events'".to_owned(),
    ];
    let hour = |n: u8, hour: &str, events: i64, errors: i64| {
        format!(
            "insert into event_hours (id, provider_id, hour, events, errors, created_at, updated_at)
             values ({}, {}, '{hour}', {events}, {errors}, {now}, {now})",
            id(n),
            id(1)
        )
    };
    let of_reading = [hour(12, "2026-01-01T00:00:00+00:00", 1, 0), hour(13, "2026-01-01T01:00:00+00:00", 2, 1)];
    let of_sessions = [format!("insert into throttles values ({}, 1)", bytes(5))];
    let of_audit = [format!(
        "insert into audit_log values ({}, {}, {now}, 'sign_in', 'user', {}, null, 'session', {}, '192.0.2.1', null, null)",
        id(11),
        id(1),
        id(1),
        id(3)
    )];
    let of_retention = [
        format!(
            "insert into deleted_jobs values ({}, {}, {}, {}, 'completed', 10, 10, 1, 0, 0, {now}, {now}, {now}, {now}, {now})",
            id(14),
            id(1),
            id(5),
            id(6)
        ),
        format!("insert into erasures values ({}, {}, {now}, null, {now}, {now})", id(15), id(2)),
    ];
    let of_search: [String; 0] = [];
    let of_counts = [
        format!("insert into job_counts values ({}, 'running', 1)", id(1)),
        // Of the job that was deleted.
        format!("insert into job_quarters values ({}, {now}, 1)", id(1)),
    ];
    // Pending jobs were summed up as well at first.
    let pending = if migrations == 10 { "0, " } else { "" };
    let of_reports = [
        format!(
            "insert into rollups values ({}, {}, 'job_days', {now}, {}, {pending}0, 0, 0, 0, 0, 0, 0, 9, 9, 9)",
            id(1),
            id(5),
            id(6)
        ),
        format!(
            "insert into deleted_rollups
             values ({}, {}, {}, 'job_quarters', {now}, {}, {pending}0, 1, 0, 0, 1, 0, 0, 1, 10, 0)",
            id(14),
            id(1),
            id(5),
            id(6)
        ),
        format!(
            "insert into durations values ({}, {}, {}, {}, {}, {now}, 1, null)",
            id(9),
            id(7),
            id(6),
            id(1),
            id(5)
        ),
        format!("insert into silences values (2, {}, {}, {now}, {now})", id(1), id(9)),
        format!("insert into configuration_settings values ({}, 'scan', 600, {now}, {now})", id(1)),
    ];
    let of_months: [String; 0] = [];
    // By the number of the migration.
    let trees = [
        &of_accounts[..],
        &of_configurations[..],
        &of_jobs[..],
        &of_reading[..],
        &of_sessions[..],
        &of_audit[..],
        &of_retention[..],
        &of_search[..],
        &of_counts[..],
        &of_reports[..],
        &of_months[..],
    ];
    for statement in trees.iter().take(migrations).copied().flatten() {
        raw.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

async fn open(database: &Database) -> Db {
    Db::open(&database.url.parse().unwrap()).await.unwrap()
}

/// Runs a test that needs no server on both databases.
macro_rules! over_both {
    ($($name:ident)*) => { $(
        mod $name {
            use crate::support::{Database, DatabaseKind};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::check::$name(Database::fresh(DatabaseKind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::check::$name(Database::fresh(DatabaseKind::Postgres).await).await;
            }
        }
    )* };
}

over_both! {
    data_survives_the_migrations_that_follow
    a_database_of_a_newer_milepost_is_refused
    a_dry_run_changes_nothing
    migrate_tells_what_it_did
    two_servers_may_start_at_once_on_an_empty_database
    the_binary_serves_what_a_provider_needs
}

mod check {
    use super::*;

    pub(super) async fn data_survives_the_migrations_that_follow(empty: Database) {
        let last = tree("sqlite").len();
        for migrated in 1..=last {
            let database = Database::fresh(empty.kind).await;
            let db = open(&database).await;
            db.migrate_to(Some(i64::try_from(migrated).unwrap())).await.unwrap();
            fill(&database, migrated).await;
            let before = tables(&database).await;
            db.migrate().await.unwrap();
            db.close().await;
            let after = tables(&database).await;
            for (table, rows) in before.iter().filter(|(table, _)| !table.starts_with('_')) {
                assert!(*rows > 0, "{table} was not filled: extend fill() with a new migration");
                // Days are summed up by months as well.
                let more = i64::from(table == "rollups" && migrated == 10);
                assert_eq!(after[table], *rows + more, "{table}, migrated from {migrated}");
            }
            let server = TestServer::start_over(database, |_| {}).await;
            if migrated >= 10 {
                // Of what is written here nothing was added up.
                for provider in provider_ids(server.app.db()).await.unwrap() {
                    assert!(!rollups::mend(&server.app, provider).await.unwrap().is_empty());
                }
            }
            server.expect_counts_as_counted().await;
            if migrated == 3 {
                let hours = "select hour from event_hours order by hour";
                let counts = "select events * 10 + errors from event_hours order by hour";
                let expected = ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"];
                let expected = expected.map(|hour| hour.parse::<DateTime<Utc>>().unwrap());
                assert_eq!(server.column::<DateTime<Utc>>(hours).await, expected);
                assert_eq!(server.column::<i64>(counts).await, [10, 21]);
            }
            let alice = server.provider("alice").await;
            alice.register("scan", "1.0.0", &[("load", 1)]).await;
            alice.open_job("scan", "CT-1").await;
            alice.report("CT-1", "step", Some("load")).await;
            server.stop().await;
        }
    }

    pub(super) async fn a_database_of_a_newer_milepost_is_refused(database: Database) {
        Milepost::on(&database, &["migrate"]).run().await.expect_success();
        let checksum = match database.kind {
            DatabaseKind::Sqlite => "x'00'",
            DatabaseKind::Postgres => "'\\x00'::bytea",
        };
        let from_the_future = format!(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (9999, 'holograms', true, {checksum}, 1)"
        );
        database.raw().await.execute(&from_the_future).await.unwrap();
        let before = tables(&database).await;
        for command in [
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["migrate"],
            &["migrate", "status"],
            &["migrate", "--dry-run"],
            &["rebuild"],
            &["user", "list"],
        ] {
            let complaint = Milepost::on(&database, command).run().await.expect_failure();
            assert!(complaint.contains("migration 9999 was applied by a newer milepost"), "{command:?}: {complaint}");
        }
        assert_eq!(tables(&database).await, before);
    }

    pub(super) async fn a_dry_run_changes_nothing(database: Database) {
        let plan = Milepost::on(&database, &["migrate", "--dry-run"]).run().await.expect_success();
        for name in tree("sqlite") {
            let (number, rest) = name.split_once('_').unwrap();
            let title = rest.trim_end_matches(".sql").replace('_', " ");
            assert!(plan.contains(&format!("-- {number} {title}\n")), "{plan}");
        }
        assert!(plan.contains("create table events"), "{plan}");
        match database.folder() {
            Some(folder) => assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "not even the file is made"),
            None => assert_eq!(tables(&database).await, BTreeMap::new()),
        }
    }

    pub(super) async fn migrate_tells_what_it_did(database: Database) {
        let status = || Milepost::on(&database, &["migrate", "status"]).run();
        let migrate = || Milepost::on(&database, &["migrate"]).run();
        let count = tree("sqlite").len();
        let lines_with = |text: &str, what: &str| text.lines().filter(|line| line.contains(what)).count();
        let before = status().await.expect_success();
        assert_eq!([lines_with(&before, "pending"), lines_with(&before, "applied")], [count, 0], "{before}");
        let applied = migrate().await.expect_success();
        assert!(applied.starts_with(&format!("Applied {count} migrations to ")), "{applied}");
        let after = status().await.expect_success();
        assert_eq!([lines_with(&after, "pending"), lines_with(&after, "applied")], [0, count], "{after}");
        let again = migrate().await.expect_success();
        assert!(again.ends_with(" is up to date.\n"), "{again}");
        let plan = Milepost::on(&database, &["migrate", "--dry-run"]).run().await.expect_success();
        assert_eq!(plan, "-- nothing to apply\n");
    }

    pub(super) async fn two_servers_may_start_at_once_on_an_empty_database(first: Database) {
        for round in 0..5 {
            let database = if round == 0 { first.clone() } else { Database::fresh(first.kind).await };
            let start = || Milepost::on(&database, &["serve"]).serve();
            let (one, two, three) = tokio::join!(start(), start(), start());
            for server in [one, two, three] {
                let server = server.unwrap_or_else(|said| panic!("round {round}: {said}"));
                assert_eq!(status_of(&server.url, "/readyz").await, 200);
            }
        }
    }

    pub(super) async fn the_binary_serves_what_a_provider_needs(database: Database) {
        let add = [
            "user",
            "--database-url",
            &database.url,
            "add",
            "--role",
            "provider",
            "--email",
            "p@x.example",
            "--first-name",
            "P",
            "--last-name",
            "X",
            "--password-stdin",
        ];
        Milepost::new(add).run_with_input("correct horse battery\n").await.expect_success();
        let server = Milepost::on(&database, &["serve"]).serve().await.unwrap();
        let provider = Person::sign_in(&server.url, "p@x.example").await;
        provider.register("scan", "1.0.0", &[("load", 1)]).await;
        provider.open_job("scan", "CT-1").await;
        let event = provider.report("CT-1", "complete", None).await;
        assert_eq!(event["sequence"], 1);
    }
}

#[tokio::test]
async fn a_password_in_a_settings_file_that_cannot_be_read_is_not_shown() {
    let broken = "database_url = \"postgres://u:secretpw@127.0.0.1:1/d\nlisten = \"127.0.0.1:0\"\n";
    let complaint = Milepost::new(["serve"]).file("milepost.toml", broken).run().await.expect_failure();
    assert!(complaint.contains("milepost: bad setting: TOML parse error at line 1"), "{complaint}");
    assert!(!complaint.contains("secretpw"), "{complaint}");
}

/// A server that fails to start on a bad setting, which it names.
async fn expect_refused(command: Milepost, wanted: &[&str]) {
    let complaint = command.run().await.expect_failure();
    for wanted in wanted {
        assert!(complaint.contains(wanted), "{wanted:?} in: {complaint}");
    }
    assert!(!complaint.contains("secret"), "{complaint}");
}

#[tokio::test]
async fn a_bad_setting_stops_the_start_and_is_named() {
    let serve = |arguments: &[&str]| Milepost::new(["serve"].iter().chain(arguments));
    for (setting, bad) in [
        ("listen", "nowhere"),
        ("listen", "127.0.0.1:99999"),
        ("database_url", "mysql://u:secret@h/db"),
        ("database_url", "sqlite::memory:"),
        ("database_url", "postgres://u:secret@h:port/db"),
        ("public_url", "ftp://x.example"),
        ("public_url", "http://x.example/path"),
        ("signup", "sometimes"),
        ("trusted_proxies", "10.0.0.0/8,nowhere"),
        ("metrics_listen", "nowhere"),
        ("log_format", "xml"),
        ("max_connections", "0"),
        ("max_connections_per_address", "0"),
        ("event_rate", "1000001"),
        ("event_burst", "0"),
        ("header_timeout", "soon"),
        ("session_idle", "0s"),
        ("retention", "-1d"),
        ("retention_action", "burn"),
    ] {
        let flag = format!("--{}={bad}", setting.replace('_', "-"));
        let variable = format!("MILEPOST_{}", setting.to_uppercase());
        let file = format!("{setting} = \"{bad}\"\n");
        expect_refused(serve(&[&flag]), &["bad setting", setting]).await;
        expect_refused(serve(&[]).env(&variable, bad), &["bad setting", setting, "environment"]).await;
        expect_refused(serve(&[]).file("milepost.toml", &file), &["bad setting", setting, "milepost.toml"]).await;
    }
    expect_refused(serve(&[]).env("DATABASE_URL", "mysql://u:secret@h/db"), &["database_url"]).await;
    expect_refused(serve(&[]).env("MILEPOST_LISTEN", "8080"), &["listen"]).await;
    expect_refused(serve(&[]).file("milepost.toml", "lisen = \"127.0.0.1:0\"\n"), &["lisen", "milepost.toml"]).await;
    expect_refused(serve(&[]).file("milepost.toml", "listen = \n"), &["milepost.toml"]).await;
    expect_refused(serve(&["--config", "other.toml"]), &["config", "other.toml"]).await;
    let usage = serve(&["--lisen", "x"]).run().await;
    assert!(usage.code == Some(2) && usage.stderr.contains("--lisen"), "{usage:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_setting_is_said_in_words() {
    let serve = |arguments: &[&str]| Milepost::new(["serve"].iter().chain(arguments));
    for (argument, said) in [
        (
            "--max-connections=0",
            "max_connections: \"0\" is no whole number from 1 to 1000000 (from --max-connections)",
        ),
        ("--signup=never", "signup: \"never\" is not invitation or open (from --signup)"),
        ("--public-url=milepost", "public_url: is no address such as https://milepost.example.org"),
        ("--database-url=postgres://u:p#w@h/d", "in a password, the characters @ : / ? # % are written %40"),
        ("--retention=1m", "retention: \"1m\" is less than a day; m is for minutes, write days such as 30d"),
        ("--session-idle=2d", "session_idle: 2d is longer than session_lifetime, 1d, after which"),
        (
            "--remembered-session-idle=91d",
            "remembered_session_idle: 91d is longer than remembered_session_lifetime, 90d",
        ),
        ("--event-burst=499", "event_burst: 499 is less than event_rate, 500"),
    ] {
        let complaint = serve(&[argument]).run().await.expect_failure();
        assert!(complaint.starts_with("milepost: bad setting: ") && complaint.contains(said), "{complaint}");
        assert!(!complaint.contains('`') && complaint.lines().count() == 1, "{complaint}");
    }
    let file = serve(&[]).file("milepost.toml", "lisen = 1\nsignup = 7\n").run().await.expect_failure();
    assert!(
        file.contains("lisen: there is no such setting, but listen, database_url, ") && !file.contains('`'),
        "{file}"
    );
    let variable = serve(&[]).env("MILEPOST_SIGNUP", "never").run().await.expect_failure();
    assert!(variable.contains("(from the environment variable MILEPOST_SIGNUP)"), "{variable}");
    let variable = serve(&[]).env("DATABASE_URL", "mysql://h").run().await.expect_failure();
    assert!(variable.contains("(from the environment variable DATABASE_URL)"), "{variable}");
}

#[tokio::test]
async fn settings_that_are_not_given_fit_those_that_are() {
    let fitting = ["--session-lifetime=10m", "--remembered-session-lifetime=7d", "--event-rate=3000"];
    Milepost::new(["serve", "--database-url=sqlite://x.db"].iter().chain(&fitting)).serve().await.unwrap();
}

#[tokio::test]
async fn a_settings_file_that_cannot_be_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("set.toml");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    let serve = Milepost::new(["serve", "--config", file.to_str().unwrap()]).with_rights_that_count();
    let said = serve.run().await.expect_failure();
    assert!(said.contains(&format!("config: cannot read {}: Permission denied", file.display())), "{said}");
    let said = Milepost::new(["serve", "--config", folder.path().to_str().unwrap()]).run().await.expect_failure();
    assert!(said.contains("Is a directory"), "{said}");
}

#[tokio::test]
async fn a_variable_that_is_no_setting_is_told() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let start = Milepost::on(&database, &["serve"]).env("MILEPOST_LISTEM", "[::]:1").env("MILEPOST_URL", "http://x");
    let server = start.serve().await.unwrap();
    let warnings: Vec<&str> = server.greeting.lines().filter(|line| line.contains("WARN")).collect();
    assert!(
        matches!(warnings[..], [one] if one.contains("there is no setting MILEPOST_LISTEM")),
        "{}",
        server.greeting
    );
    let said = Milepost::on(&database, &["rebuild"]).env("MILEPOST_RETENTON", "1d").run().await;
    assert!(said.code == Some(0) && said.stderr.contains("there is no setting MILEPOST_RETENTON"), "{said:?}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_its_setting() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, setting) in [
        (vec!["serve", "--listen", &address], "listen"),
        (vec!["serve", "--listen", "127.0.0.1:0", "--metrics-listen", &address], "metrics_listen"),
    ] {
        let said = Milepost::on(&database, &arguments).run().await.expect_failure();
        assert!(
            said.contains(&format!("cannot listen on {address} (the setting {setting}): Address already in use")),
            "{said}"
        );
    }
}

#[tokio::test]
async fn flags_beat_variables_which_beat_the_file_which_beats_the_defaults() {
    /// The databases it made in its folder.
    async fn chosen(command: Milepost) -> Vec<String> {
        let (said, files) = command.run_and_list_files().await;
        said.expect_success();
        files
            .into_iter()
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "db"))
            .collect()
    }
    let migrate = || Milepost::new(["migrate"]);
    let file = "database_url = \"sqlite://file.db\"\n";
    assert_eq!(chosen(migrate()).await, ["milepost.db"]);
    assert_eq!(chosen(migrate().file("milepost.toml", file)).await, ["file.db"]);
    let unnamed = || migrate().file("milepost.toml", file).env("DATABASE_URL", "sqlite://unnamed.db");
    assert_eq!(chosen(unnamed()).await, ["unnamed.db"]);
    let variable = || unnamed().env("MILEPOST_DATABASE_URL", "sqlite://variable.db");
    assert_eq!(chosen(variable()).await, ["variable.db"]);
    assert_eq!(chosen(variable().argument("--database-url=sqlite://flag.db")).await, ["flag.db"]);
    let other = || Milepost::new(["migrate"]).file("other.toml", "database_url = \"sqlite://other.db\"\n");
    assert_eq!(chosen(other().argument("--config=other.toml")).await, ["other.db"]);
    assert_eq!(chosen(other().env("MILEPOST_CONFIG", "other.toml")).await, ["other.db"]);
}

#[tokio::test]
async fn a_password_in_the_databases_address_is_never_printed() {
    let url = "postgres://somebody:secret@127.0.0.1:1/milepost?connect_timeout=1";
    for command in [&["migrate"][..], &["migrate", "status"], &["rebuild"], &["serve", "--listen", "127.0.0.1:0"]] {
        let said = Milepost::new(command).env("MILEPOST_DATABASE_URL", url).env("MILEPOST_LOG", "trace").run().await;
        assert_eq!(said.code, Some(1));
        assert!(said.stderr.contains("postgres://127.0.0.1:1/milepost"), "{said:?}");
        assert!(!format!("{said:?}").contains("secret"), "{said:?}");
    }
}

#[tokio::test]
async fn a_new_file_can_be_read_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    Milepost::on(&database, &["migrate"]).run().await.expect_success();
    let file = database.folder().unwrap().join("milepost.db");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

on_both! {
    async fn a_password_in_the_databases_address_is_not_in_the_log(server: TestServer) {
        let mut url = url::Url::parse(&server.database.url).unwrap();
        if server.database.kind == DatabaseKind::Postgres {
            url.query_pairs_mut().append_pair("password", "secret");
        }
        let said = Milepost::new(["migrate"]).env("DATABASE_URL", url.as_str()).env("MILEPOST_LOG", "trace").run().await;
        assert!(!format!("{said:?}").contains("secret"), "{said:?}");
        assert_eq!(said.code, Some(0));
    }
}
