//! What both databases hold: the tables of the specification, what they refuse, and that they are safe and quick.

use std::collections::BTreeMap;
use std::mem;
use std::os::unix::fs::PermissionsExt;

use milepost::db::{DatabaseUrl, Db, OpenError};
use serde_json::json;
use sqlx::error::ErrorKind;

use crate::support::{Database, DatabaseKind, Milepost, Person, Raw, TestServer, eventually, on_both, status_of};

/// The entities of the specification and their columns; every one has `id`, `created_at` and `updated_at` besides.
const ENTITIES: [(&str, &str); 10] = [
    ("users", "role email password first_name last_name organization"),
    ("api_keys", "user_id key note expires_at scope last_used_at"),
    ("job_configurations", "provider_id tag name version"),
    ("step_configurations", "job_configuration_id tag name points position"),
    ("metadata_configurations", "step_configuration_id kind name units position"),
    (
        "jobs",
        "provider_id customer_id job_configuration_id provider_job_id provider_job_name customer_link_id status
         points_done points_total started_at finished_at last_event_at last_sequence",
    ),
    (
        "events",
        "job_id kind name step_configuration_id event_metadata sequence occurred_at fraction idempotency_key
         provider_id",
    ),
    ("job_steps", "job_id step_configuration_id status started_at finished_at attempts fraction metadata"),
    ("customers", "provider_id customer_id email invitation_hash invitation_expires_at"),
    ("sessions", "user_id token_hash expires_at"),
];

/// The names of all tables and of their columns, in order.
async fn columns(database: &Database) -> BTreeMap<String, Vec<String>> {
    let sql = match database.kind {
        DatabaseKind::Sqlite => {
            "select m.name || '.' || c.name from sqlite_master m join pragma_table_info(m.name) c
             where m.type = 'table' and m.name not like '\\_%' escape '\\'
                 -- The index of texts, which PostgreSQL has as an index.
                 and m.name <> 'job_texts' and m.name not like 'job_trigrams%' order by m.name, c.cid"
        }
        DatabaseKind::Postgres => {
            "select table_name || '.' || column_name from information_schema.columns
             where table_schema = 'public' and table_name not like '\\_%' order by table_name, ordinal_position"
        }
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in database.raw().await.texts(sql).await {
        let (table, column) = name.split_once('.').unwrap();
        tables.entry(table.to_owned()).or_default().push(column.to_owned());
    }
    tables
}

async fn migrated(kind: DatabaseKind) -> (Database, Db) {
    let database = Database::fresh(kind).await;
    let db = Db::open(&database.url.parse().unwrap()).await.unwrap();
    db.migrate().await.unwrap();
    (database, db)
}

#[tokio::test]
async fn every_entity_of_the_specification_is_a_table_with_the_same_columns_in_both_databases() {
    let sqlite = columns(&migrated(DatabaseKind::Sqlite).await.0).await;
    let postgres = columns(&migrated(DatabaseKind::Postgres).await.0).await;
    assert_eq!(sqlite, postgres);
    for (table, wanted) in ENTITIES {
        for column in ["id", "created_at", "updated_at"].into_iter().chain(wanted.split_whitespace()) {
            assert!(sqlite[table].iter().any(|name| name == column), "{table}.{column} is missing");
        }
    }
}

/// What happens to two providers: each has a configuration, a customer and a job with an event.
struct TwoProviders {
    raw: Raw,
    database: Database,
    alice: Person,
    bob: Person,
    carol: Person,
    of_alice: String,
    of_bob: String,
}

async fn two_providers(server: &TestServer) -> TwoProviders {
    let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
    let (carol, dave) = (server.customer_of(&alice, "carol").await, server.customer_of(&bob, "dave").await);
    let mut jobs = Vec::new();
    for (provider, customer, tag) in [(&alice, &carol, "scan"), (&bob, &dave, "render")] {
        provider.register(tag, "1.0.0", &[("load", 1), ("send", 1)]).await;
        jobs.push(provider.open_job_for(customer, tag, "J-1").await);
        provider.report("J-1", "step", Some("load")).await;
    }
    let [of_alice, of_bob] = jobs.try_into().unwrap();
    let database = server.database.clone();
    TwoProviders { raw: database.raw().await, database, alice, bob, carol, of_alice, of_bob }
}

impl TwoProviders {
    fn id(&self, id: &str) -> String {
        self.database.id(id)
    }

    /// Asserts that a statement is refused by the database itself, and that it was the rule that refused it.
    async fn expect_refused(&mut self, statement: &str) {
        match self.raw.execute(statement).await {
            Err(sqlx::Error::Database(refusal)) => {
                let kinds = [
                    ErrorKind::CheckViolation,
                    ErrorKind::ForeignKeyViolation,
                    ErrorKind::UniqueViolation,
                    ErrorKind::NotNullViolation,
                ];
                let is_rule = kinds.iter().any(|kind| mem::discriminant(kind) == mem::discriminant(&refusal.kind()));
                assert!(is_rule, "{statement}: {refusal}");
            }
            other => panic!("{statement}: {other:?}"),
        }
    }

    /// A copy of a row with some columns changed, in SQL; the columns are read from the database.
    async fn copy(&self, table: &str, changes: &[(&str, String)], of: &str) -> String {
        let columns = columns(&self.database).await.remove(table).unwrap();
        let value = |column: &String| match changes.iter().find(|(name, _)| name == column) {
            Some((_, value)) => value.clone(),
            None => column.clone(),
        };
        let values: Vec<String> = columns.iter().map(value).collect();
        format!("insert into {table} ({}) select {} from {table} where {of}", columns.join(", "), values.join(", "))
    }
}

const NEW: &str = "00000000-0000-7000-8000-00000000000";

#[tokio::test]
async fn sqlite_keeps_what_it_may_take_back_in_memory_and_not_in_the_folder_for_temporary_files() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let mut options = server.database.raw().await;
    let sql = "select count(*) from pragma_compile_options where compile_options = 'STMTJRNL_SPILL=8388608'";
    assert_eq!(options.number(sql).await, 1, ".cargo/config.toml was not read when this was built");
}

on_both! {
    async fn values_of_enums_and_ranges_are_checked_by_the_database(server: TestServer) {
        let mut two = two_providers(&server).await;
        for statement in [
            "update users set role = 'admin'",
            "update api_keys set scope = 'all'",
            "update metadata_configurations set kind = 'image'",
            "update step_configurations set points = -1",
            "update step_configurations set points = 1000001",
            "update jobs set status = 'paused'",
            "update events set kind = 'warning'",
            "update events set sequence = 0",
            "update events set fraction = 1000001",
            "update events set fraction = -1",
            "update events set step_configuration_id = null where kind = 'step'",
            "update events set idempotency_key = 'k'",
            "update job_steps set status = 'skipped'",
            "update users set email = 'alice@provider.example'",
            "update jobs set provider_job_id = null",
        ] {
            if statement.contains("api_keys") {
                two.alice.make_key(None).await;
            }
            two.expect_refused(statement).await;
        }
    }

    async fn what_must_be_unique_is(server: TestServer) {
        let mut two = two_providers(&server).await;
        two.alice.post("/events", json!({"provider_job_id": "J-1", "kind": "info", "idempotency_key": "k"})).await
            .expect(201);
        let (job, id) = (two.id(&two.of_alice), two.id(&format!("{NEW}1")));
        let same_sequence = [("id", id.clone()), ("position", "99".to_owned())];
        let same_position = [("id", id.clone()), ("sequence", "99".to_owned())];
        let same_key = [same_sequence.clone(), same_position.clone()].concat();
        for (table, changes, of) in [
            ("events", &same_sequence[..], format!("job_id = {job} and sequence = 1")),
            ("events", &same_position, format!("job_id = {job} and sequence = 1")),
            ("events", &same_key, format!("job_id = {job} and sequence = 2")),
            ("jobs", &same_sequence[..1], format!("id = {job}")),
            ("job_steps", &same_sequence[..1], format!("job_id = {job}")),
            ("job_configurations", &same_sequence[..1], "tag = 'scan'".to_owned()),
            ("customers", &same_sequence[..1], "email = 'carol@customer.example'".to_owned()),
        ] {
            let copy = two.copy(table, changes, &of).await;
            two.expect_refused(&copy).await;
        }
    }

    async fn the_database_itself_keeps_tenants_apart(server: TestServer) {
        let mut two = two_providers(&server).await;
        let (of_alice, of_bob) = (two.id(&two.of_alice), two.id(&two.of_bob));
        let (alice, bob, carol) = (two.id(&two.alice.id), two.id(&two.bob.id), two.id(&two.carol.id));
        let of_bobs = |column: &str| format!("(select {column} from jobs where id = {of_bob})");
        let new = |n: u8| two.id(&format!("{NEW}{n}"));
        let new_job = [("id", new(1)), ("provider_job_id", "'J-2'".to_owned())];
        let new_event = [("id", new(2)), ("sequence", "2".to_owned()), ("position", "99".to_owned())];
        let of_alices_job = format!("id = {of_alice}");
        let of_alices_event = format!("job_id = {of_alice}");
        let hidden = ("customer_id", "null".to_owned());
        let cases = [
            ("jobs", [&new_job[..], &[("job_configuration_id", of_bobs("job_configuration_id"))]].concat(), &of_alices_job),
            ("jobs", [&new_job[..], &[("customer_link_id", of_bobs("customer_link_id")), hidden.clone()]].concat(), &of_alices_job),
            ("jobs", [&new_job[..], &[("customer_id", of_bobs("customer_id"))]].concat(), &of_alices_job),
            ("jobs", [&new_job[..], &[("customer_link_id", "null".to_owned())]].concat(), &of_alices_job),
            ("jobs", [&new_job[..], &[("provider_id", bob.clone())]].concat(), &of_alices_job),
            ("events", [&new_event[..], &[("provider_id", bob.clone())]].concat(), &of_alices_event),
            ("events", [&new_event[..], &[("job_id", of_bob.clone())]].concat(), &of_alices_event),
            ("events", [&new_event[..], &[("step_configuration_id",
                format!("(select step_configuration_id from job_steps where job_id = {of_bob})"))]].concat(), &of_alices_event),
            ("job_steps", [&new_event[..1], &[("job_configuration_id", of_bobs("job_configuration_id"))]].concat(), &of_alices_event),
            ("job_steps", [&new_event[..1], &[("step_configuration_id",
                format!("(select step_configuration_id from job_steps where job_id = {of_bob})"))]].concat(), &of_alices_event),
        ];
        for (table, changes, of) in cases {
            let copy = two.copy(table, &changes, of).await;
            two.expect_refused(&copy).await;
        }
        // A link that ends while its jobs are still shown would leave them visible.
        two.expect_refused(&format!("update customers set customer_id = null where provider_id = {alice}")).await;
        two.expect_refused(&format!("delete from customers where customer_id = {carol}")).await;
        two.expect_refused(&format!("delete from jobs where id = {of_alice}")).await;
        // The copies fail for what was changed in them, not for being copies.
        for (table, changes, of) in [("jobs", &new_job[..], &of_alices_job), ("events", &new_event[..], &of_alices_event)] {
            let copy = two.copy(table, changes, of).await;
            assert_eq!(two.raw.execute(&copy).await.unwrap(), 1);
        }
    }
}

#[tokio::test]
async fn sqlite_is_durable_checks_foreign_keys_and_reads_without_writing() {
    let (_database, db) = migrated(DatabaseKind::Sqlite).await;
    let Db::Sqlite { read, write, .. } = &db else { panic!("this is SQLite") };
    assert_eq!(write.options().get_max_connections(), 1);
    for pool in [read, write] {
        let pragma = async |name: &str| {
            let sql = sqlx::AssertSqlSafe(format!("select cast({name} as text) from pragma_{name}"));
            sqlx::query_scalar::<_, String>(sql).fetch_one(pool).await.unwrap()
        };
        assert_eq!(pragma("journal_mode").await, "wal");
        assert_eq!(pragma("synchronous").await, "2", "FULL");
        assert_eq!(pragma("foreign_keys").await, "1");
    }
    let refused = sqlx::query("update log_positions set position = 7").execute(read).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
    sqlx::query("update log_positions set position = 7").execute(write).await.unwrap();
}

#[tokio::test]
async fn postgres_that_would_lose_what_it_acknowledged_is_refused() {
    let database = Database::fresh(DatabaseKind::Postgres).await;
    let name = database.url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let mut raw = database.raw().await;
    for (value, is_safe) in [("off", false), ("on", true), ("local", true), ("remote_apply", true)] {
        raw.execute(&format!("alter database {name} set synchronous_commit = {value}")).await.unwrap();
        match Db::open(&database.url.parse().unwrap()).await {
            Ok(db) => {
                assert!(is_safe, "{value}");
                db.close().await;
            }
            Err(error @ OpenError::Unsafe { .. }) => {
                assert!(!is_safe && error.to_string().contains("synchronous_commit is off"), "{value}: {error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn postgres_without_fsync_is_refused() {
    // fsync is a setting of the whole cluster: this one is started for the test alone.
    let cluster = crate::support::Cluster::start();
    let database = Database::of_cluster(&cluster.url);
    let mut raw = database.raw().await;
    Db::open(&database.url.parse().unwrap()).await.unwrap().close().await;
    raw.execute("alter system set fsync = off").await.unwrap();
    raw.execute("select pg_reload_conf()").await.unwrap();
    eventually("fsync is off", || async {
        database.raw().await.texts("select current_setting('fsync')").await == ["off"]
    })
    .await;
    let error = Db::open(&database.url.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, OpenError::Unsafe { .. }) && error.to_string().contains("fsync is off"), "{error}");
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        for table in ["recipes", "users"] {
            let database = Database::fresh(kind).await;
            if let Some(folder) = database.folder() {
                std::fs::write(folder.join("milepost.db"), "").unwrap();
            }
            database.raw().await.execute(&format!("create table {table} (id integer)")).await.unwrap();
            let before = database.rows().await;
            for command in [&["serve"][..], &["migrate"]] {
                let said = Milepost::on(&database, command).run().await.expect_failure();
                let reason = format!(
                    ": it has a table {table}, so it is another program's: give Milepost a database of its own"
                );
                assert!(said.contains("cannot migrate") && said.contains(&reason), "{said}");
            }
            assert_eq!(database.rows().await, before);
        }
    }
}

#[tokio::test]
async fn why_a_database_cannot_be_opened_is_said_in_words() {
    let database = Database::fresh(DatabaseKind::Postgres).await;
    let missing = database.url.replacen("/t", "/no", 1);
    let said = Milepost::new(["serve", "--database-url", &missing]).run().await.expect_failure();
    assert!(said.ends_with("\" does not exist; create it first\n"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "This is no database, but a text that is longer than the head of one.").unwrap();
    for (file, reason) in [
        (text.as_path(), "file is not a database; it is something else; name another file\n"),
        (
            folder.path(),
            "unable to open database file; is it a file, and may this user write to it and to its folder?\n",
        ),
        (&folder.path().join("none/milepost.db"), ": No such file or directory (os error 2)\n"),
    ] {
        let said = Milepost::on(&Database::of_file(file), &["serve"]).run().await.expect_failure();
        assert!(said.ends_with(reason) && !said.contains("code"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_only_be_read_is_refused_and_not_ready() {
    let (database, db) = migrated(DatabaseKind::Sqlite).await;
    db.close().await;
    let file = database.folder().unwrap().join("milepost.db");
    let allow = |mode: u32| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    let serve = || Milepost::on(&database, &["serve"]).with_rights_that_count();
    allow(0o400);
    let said = serve().argument("--listen=127.0.0.1:0").run().await.expect_failure();
    assert!(said.contains("milepost.db: the file cannot be written: Permission denied"), "{said}");
    allow(0o600);
    let server = serve().serve().await.unwrap();
    assert_eq!(status_of(&server.url, "/readyz").await, 200);
    allow(0o400);
    assert_eq!(status_of(&server.url, "/readyz").await, 503);
    assert_eq!(status_of(&server.url, "/livez").await, 200);
    allow(0o600);
    assert_eq!(status_of(&server.url, "/readyz").await, 200);
    std::fs::rename(&file, file.with_extension("away")).unwrap();
    assert_eq!(status_of(&server.url, "/readyz").await, 503);
}

#[tokio::test]
async fn a_connection_that_cannot_write_is_refused() {
    let (database, db) = migrated(DatabaseKind::Sqlite).await;
    db.expect_writable().await.unwrap();
    db.close().await;
    let DatabaseUrl::Sqlite(options) = database.url.parse().unwrap() else { unreachable!("it was made so") };
    let db = Db::open(&DatabaseUrl::Sqlite(options.read_only(true))).await.unwrap();
    let refused = db.expect_writable().await.unwrap_err().to_string();
    assert!(
        refused.contains("attempt to write a readonly database; this user has to be able to write to it"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_takes_nothing_is_refused_and_not_ready() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    assert_eq!(status_of(&server.url, "/readyz").await, 200);
    let mut raw = server.database.raw().await;
    let name = raw.texts("select cast(current_database() as text)").await.remove(0);
    // As a replica does, or a server that became one; those who are connected would not notice.
    raw.execute(&format!("alter database {name} set default_transaction_read_only = on")).await.unwrap();
    raw.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .await
        .unwrap();
    eventually("it is not ready", || async { status_of(&server.url, "/readyz").await == 503 }).await;
    let said = Milepost::on(&server.database, &["serve"]).run().await.expect_failure();
    assert!(said.contains("it is a replica, or set to read only"), "{said}");
}

/// The plan of a query, one line a step.
async fn plan(database: &Database, sql: &str) -> Vec<String> {
    let mut raw = database.raw().await;
    match database.kind {
        DatabaseKind::Sqlite => {
            let explained = format!("explain query plan {sql}");
            let Raw::Sqlite(connection) = &mut raw else { unreachable!() };
            let rows: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(explained)).fetch_all(connection).await.unwrap();
            rows.into_iter().map(|row| row.3).collect()
        }
        DatabaseKind::Postgres => {
            // With so few rows every plan is cheap: rule out what only a missing index would make necessary.
            raw.execute("set enable_seqscan = off").await.unwrap();
            raw.texts(&format!("explain {sql}")).await
        }
    }
}

on_both! {
    async fn no_call_reads_all_events_or_all_jobs(server: TestServer) {
        let two = two_providers(&server).await;
        let (provider, customer, job) = (two.id(&two.alice.id), two.id(&two.carol.id), two.id(&two.of_alice));
        let time = "'2026-01-01 00:00:00+00:00'";
        let id = two.id(&format!("{NEW}1"));
        for query in [
            format!("select * from jobs where provider_id = {provider} and (created_at, id) < ({time}, {id})
                     order by created_at desc, id desc limit 51"),
            format!("select * from jobs where customer_id = {customer} and (created_at, id) < ({time}, {id})
                     order by created_at desc, id desc limit 51"),
            format!("select * from jobs where provider_id = {provider} and status in ('error')
                     order by created_at desc, id desc limit 51"),
            format!("select * from jobs where customer_id = {customer} and status in ('error')
                     order by created_at desc, id desc limit 51"),
            format!("select * from jobs where provider_id = {provider} and status in ('error') and finished_at is not null
                     order by finished_at desc, id desc limit 51"),
            format!("select * from jobs where customer_id = {customer} and status in ('error') and finished_at is not null
                     order by finished_at desc, id desc limit 51"),
            format!("select * from jobs where provider_id = {provider} and silent_since is not null
                     order by created_at desc, id desc limit 51"),
            format!("select * from jobs where customer_id = {customer} and silent_since is not null
                     order by created_at desc, id desc limit 51"),
            "select * from silences where position > 5 and position <= 9 order by position limit 250".to_owned(),
            format!("select * from silences where provider_id = {provider} and position > 5 and position <= 9
                     order by position limit 200"),
            format!("select * from silences s join jobs j on j.id = s.job_id where j.customer_id = {customer}
                     and s.position > 5 and s.position <= 9 order by s.position limit 200"),
            format!("delete from silences where created_at < {time}"),
            format!("select duration from durations where job_configuration_id = {id} and step_configuration_id = {id}
                     order by finished_at desc limit 1000"),
            match two.database.kind {
                DatabaseKind::Sqlite => "select job_id from job_texts where number in
                    (select rowid from job_trigrams where job_trigrams match '\"brain\"')".to_owned(),
                DatabaseKind::Postgres => "select id from jobs where search_text like '%brain%'".to_owned(),
            },
            format!("select count(*) from jobs where provider_id = {provider} and finished_at is not null
                     and finished_at >= {time} and finished_at < {time}"),
            format!("select sum(finished) from job_quarters where provider_id = {provider} and quarter >= {time}"),
            format!("select finished_at, remaining from durations
                     where job_configuration_id = {id} and step_configuration_id = {id}
                     order by finished_at desc limit 4000"),
            format!("select job_id, step_configuration_id, finished_at, remaining from durations
                     where remaining > 0 and job_id in (
                         select job_id from durations where job_configuration_id = {id} and step_configuration_id = {id}
                         order by finished_at desc limit 1200)"),
            "select position, job_id from events where position > 5 and position <= 9 order by position limit 5000".to_owned(),
            format!("select * from durations where job_id in ({id}, {job})"),
            format!("delete from durations where (job_id, step_configuration_id) in
                     (select jobs.id, jobs.id from jobs where jobs.id = {job} and jobs.last_sequence = 5)"),
            format!("select id from jobs where silence_due <= {time} order by silence_due limit 500"),
            format!("select * from jobs where provider_id = {provider} and provider_job_id = 'J-1'"),
            format!("select * from jobs where customer_id = {customer} and provider_job_id = 'J-1'"),
            format!("select * from jobs where customer_link_id = {id} order by id"),
            format!("select * from jobs where id > {id} order by id limit 500"),
            format!("select * from events where job_id = {job} and (occurred_at, sequence) > ({time}, 5)
                     order by occurred_at, sequence limit 51"),
            format!("select * from events where job_id = {job} and sequence > 5 order by sequence limit 200"),
            format!("select * from events where job_id = {job} and idempotency_key in ('k', 'l')"),
            "select * from events where position > 5 order by position limit 250".to_owned(),
            format!("select * from events where provider_id = {provider} and position > 5 and position <= 9
                     order by position limit 200"),
            format!("select * from events e join jobs j on j.id = e.job_id where j.customer_id = {customer}
                     and e.position > 5 and e.position <= 9 order by e.position limit 200"),
            format!("select * from job_steps where job_id = {job}"),
            format!("select * from step_configurations where job_configuration_id in ({id}) order by position"),
            format!("select * from metadata_configurations where step_configuration_id in ({id})"),
            format!("select * from job_configurations where provider_id = {provider} and tag = 'scan'
                     order by precedence desc, created_at desc, id desc limit 1"),
            "select * from customers where invitation_hash is not null and invitation_hash = null".to_owned(),
            "select * from users where email = 'x'".to_owned(),
            format!("select * from api_keys where user_id = {id} order by created_at desc, id desc limit 51"),
            format!("delete from sessions where expires_at < {time}"),
            "select subject_id from access_changes where position > 5 and position <= 9".to_owned(),
        ] {
            let plan = plan(&two.database, &query).await;
            let reads_all = |line: &String| match two.database.kind {
                // An index of texts that is asked for a match is not scanned, whatever it is called.
                DatabaseKind::Sqlite => line.starts_with("SCAN") && !line.contains("VIRTUAL TABLE INDEX 0:M"),
                DatabaseKind::Postgres => line.contains("Seq Scan"),
            };
            assert!(!plan.iter().any(reads_all), "{query}\n{}", plan.join("\n"));
        }
    }
}

on_both! {
    async fn figures_are_read_by_the_whole_of_an_index(server: TestServer) {
        let two = two_providers(&server).await;
        let id = two.id(&two.alice.id);
        let (from, to) = ("'2026-01-01 00:00:00+00:00'", "'2026-01-02 00:00:00+00:00'");
        let columns = "part, provider_id, customer, series, begins, ends";
        let spans = match two.database.kind {
            DatabaseKind::Sqlite => format!("select * from (values (1, {id}, {id}, 'job_days', {from}, {to}))"),
            DatabaseKind::Postgres => format!("select * from unnest(array[1], array[{id}], array[{id}], array['job_days'],
                array[cast({from} as timestamptz)], array[cast({to} as timestamptz)])"),
        };
        let newest = |customer: &str, order: &str| {
            format!("select duration from durations where {customer} job_configuration_id = {id} and step_configuration_id = {id}
                 and finished_at >= {from} and finished_at < {to} order by {order} limit 1000")
        };
        for (query, by) in [
            (format!("with v ({columns}) as ({spans}) select v.part, c.tag, sum(r.points)
                 from v cross join rollups r cross join job_configurations c
                 where r.provider_id = v.provider_id and r.customer = v.customer and r.series = v.series
                     and r.start >= v.begins and r.start < v.ends and c.id = r.configuration
                 group by v.part, c.tag"), ["customer", "series", "start"]),
            (newest("", "finished_at desc"), ["job_configuration_id", "step_configuration_id", "finished_at"]),
            (newest(&format!("customer_link_id in ({id}) and"), "finished_at desc"),
                ["customer_link_id", "step_configuration_id", "finished_at"]),
            (newest("customer_link_id is null and",
                "customer_link_id desc, job_configuration_id desc, step_configuration_id desc, finished_at desc"),
                ["customer_link_id", "step_configuration_id", "finished_at"]),
        ] {
            let plan = plan(&two.database, &query).await;
            let found = plan.iter().find(|line| match two.database.kind {
                DatabaseKind::Sqlite => line.starts_with("SEARCH") && by.iter().all(|column| line.contains(column)),
                DatabaseKind::Postgres => line.contains("Index Cond") && by.iter().all(|column| line.contains(column)),
            });
            let sorts = plan.iter().any(|line| line.contains("ORDER BY") || line.trim_start_matches(['-', '>', ' ']).starts_with("Sort"));
            assert!(found.is_some() && (!sorts || query.contains("group by")), "{query}\n{}", plan.join("\n"));
        }
    }
}

/// What is explained above are copies; these are the queries themselves, as PostgreSQL counts how they are carried out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_scans_jobs_events_or_steps() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    let mut two = two_providers(&server).await;
    let name = two.raw.texts("select cast(current_database() as text)").await.remove(0);
    // With so few rows a scan is cheap: it is left to where nothing else is possible. Connections begin anew with that.
    two.raw.execute(&format!("alter database {name} set enable_seqscan = off")).await.unwrap();
    two.raw.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .await
        .unwrap();
    eventually("it is there again", || async { status_of(&server.url, "/readyz").await == 200 }).await;
    let scans = "select cast(sum(seq_scan) as bigint) from pg_stat_user_tables where relname in ('jobs', 'events', 'job_steps', 'rollups', 'durations')";
    // A connection tells what it has counted when it is idle, once a second.
    let settled = std::time::Duration::from_millis(2500);
    tokio::time::sleep(settled).await;
    let before = two.raw.number(scans).await;
    let job = &two.of_alice;
    for path in [
        "/jobs",
        "/jobs?limit=1",
        "/jobs?status=running,error",
        "/jobs?status=completed&sort=-finished_at",
        "/jobs?sort=-started_at",
        "/jobs?tag=scan&version=1.0.0",
        "/jobs?text=J-1",
        "/jobs?text=nowhere",
        "/jobs?provider_job_id=J-1",
        "/jobs?from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z",
        "/jobs?finished_from=2020-01-01T00:00:00Z",
        "/jobs?last_event_to=2030-01-01T00:00:00Z",
        "/jobs?silent=true",
        "/jobs?silent=true&status=running&sort=-started_at",
        "/jobs?silent=false",
        "/jobs?steps=true",
        "/jobs/summary",
        &format!("/jobs?id={job}"),
        &format!("/jobs/{job}"),
        &format!("/jobs/{job}/events"),
        &format!("/jobs/{job}/events?order=desc&kind=step,error&limit=1"),
        &format!("/jobs/{job}/distributions"),
        "/analytics/calibration?tag=scan",
        "/analytics/jobs?zone=Europe/Berlin&by=month&from=2020-01-01&to=2029-12-31",
        "/analytics/jobs?tag=scan&version=1.0.0&customer=none",
        "/analytics/steps",
        "/analytics/steps?zone=Asia/Kathmandu&customer=none",
        "/analytics/metadata?tag=scan&step=load",
        "/analytics/metadata?tag=scan&step=load&customer=none",
        "/analytics/customers",
    ] {
        for person in [&two.alice, &two.carol] {
            let status = person.get(path).await.status;
            assert!(matches!(status, 200 | 403), "{path}: {status}");
        }
    }
    for kind in ["info", "step", "error", "complete"] {
        two.alice.report("J-1", kind, Some("send")).await;
    }
    let keyed = json!({"provider_job_id": "J-1", "kind": "info", "idempotency_key": "k"});
    two.alice.post("/events", keyed.clone()).await.expect(201);
    two.alice.post("/events", keyed).await.expect(200);
    tokio::time::sleep(settled).await;
    assert_eq!(two.raw.number(scans).await - before, 0);
}
