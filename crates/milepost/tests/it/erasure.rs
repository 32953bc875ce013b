//! `milepost erase`: a person is nowhere any more, in no table and no file, and everybody else is as before.

use std::path::Path;
use std::time::Duration;

use milepost::erasure::{clean_files, erase_customer, erase_user};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::time::timeout;

use crate::support::{Cluster, Database, DatabaseKind, Milepost, PASSWORD, Person, TestServer, on_both};

/// The person to be erased: what they are called is part of everything that names them.
const CANARY: &str = "zaphodbeeblebrox";

/// Opens a job that is called after somebody, and reports something of everything about it.
async fn job_for(provider: &Person, customer: &str, name: &str, own_id: &str) -> String {
    let job = json!({"tag": "scan", "provider_job_id": format!("{name}-{own_id}"), "customer_email": customer,
        "provider_job_name": format!("CT of {name}")});
    let job = provider.post("/jobs", job).await.expect(201)["id"].as_str().unwrap().to_owned();
    for (kind, tag) in [("info", None), ("error", Some("load")), ("step", Some("load"))] {
        let event = json!({"provider_job_id": format!("{name}-{own_id}"), "kind": kind, "tag": tag,
            "name": format!("{name} said so"), "idempotency_key": format!("{name}-{kind}"),
            "event_metadata": {"Comment": format!("{name} again"), "Density": 31.5, (format!("of {name}")): 1}});
        provider.post("/events", event).await.expect(201);
    }
    job
}

/// Providers alice and bob, whose customers are carol and the person to be erased; bob has only invited the latter. Each
/// has a job of each customer.
struct World {
    alice: Person,
    bob: Person,
    carol: Person,
    person: Person,
    /// Alice's and bob's jobs for the person.
    of_person: [String; 2],
    /// Theirs for carol.
    of_carol: [String; 2],
}

impl World {
    async fn new(server: &TestServer) -> Self {
        let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
        let carol = server.customer_of(&alice, "carol").await;
        let token = bob.invite(&carol.email).await;
        carol.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        let person = server.customer_of(&alice, CANARY).await;
        person.post("/api-keys", json!({"note": format!("the laptop of {CANARY}")})).await.expect(201);
        person.patch("/users/me", json!({"organization": format!("{CANARY} & sons")})).await.expect(200);
        bob.invite(&person.email).await;
        let (mut of_person, mut of_carol) = (Vec::new(), Vec::new());
        for provider in [&alice, &bob] {
            provider.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
            of_person.push(job_for(provider, &person.email, CANARY, "1").await);
            of_carol.push(job_for(provider, &carol.email, "carol", "1").await);
        }
        let (of_person, of_carol) = (of_person.try_into().unwrap(), of_carol.try_into().unwrap());
        Self { alice, bob, carol, person, of_person, of_carol }
    }

    /// All that others see: what both providers and carol have, but for the person's jobs.
    async fn of_others(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for (provider, job) in [(&self.alice, &self.of_carol[0]), (&self.bob, &self.of_carol[1])] {
            for viewer in [provider, &self.carol] {
                seen.push(viewer.get(&format!("/jobs/{job}")).await.text);
                seen.push(viewer.get(&format!("/jobs/{job}/events")).await.text);
            }
            seen.push(provider.get("/job-configurations").await.text);
            seen.push(
                provider.get("/customers?limit=200").await.body["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|row| row["email"] == self.carol.email.as_str())
                    .unwrap()
                    .to_string(),
            );
        }
        seen
    }
}

/// What is billed: jobs, their points, steps and events by link and provider, and the events of each hour.
async fn counts(server: &TestServer) -> Vec<i64> {
    let mut counts = Vec::new();
    for sql in [
        "select count(*) from jobs",
        "select count(*) from events",
        "select count(*) from customers",
        "select count(*) from users",
        "select points_done * 1000 + points_total from jobs order by id",
        "select steps_finished * 1000 + last_sequence from jobs order by id",
        "select count(*) from jobs group by customer_link_id order by customer_link_id",
        "select count(*) from jobs group by provider_id order by provider_id",
        "select events * 1000 + errors from event_hours order by provider_id, hour",
    ] {
        counts.extend(server.column::<i64>(sql).await);
    }
    counts
}

async fn erase(server: &TestServer, arguments: &[&str]) -> String {
    let all: Vec<&str> = [&["erase"], arguments].concat();
    Milepost::on(&server.database, &all).run().await.expect_success()
}

/// Notes an act of somebody, with an address, in a log.
async fn note_late(server: &TestServer, log: &str, actor: &str) {
    let (id, now) = (server.database.id("00000000-0000-7000-8000-000000000001"), server.clock.now().to_rfc3339());
    let late = format!(
        "insert into audit_log (id, tenant_id, created_at, action, actor, actor_id, address)
         values ({id}, {log}, '{now}', 'job_read', 'user', {actor}, '192.0.2.7')"
    );
    server.database.raw().await.execute(&late).await.unwrap();
}

async fn expect_nothing_to_rebuild(server: &TestServer) {
    let said = Milepost::on(&server.database, &["rebuild", "--check"]).run().await.expect_success();
    assert!(said.contains(" 0 differences found."), "{said}");
}

on_both! {
    async fn an_erased_customer_is_nowhere_any_more(server: TestServer) {
        let world = World::new(&server).await;
        let before = (counts(&server).await, world.of_others().await);
        assert!(server.keeps(CANARY).await);
        let beside = server.start_beside().await;
        let with_key = world.person.with_new_key("read").await.at(&beside);
        let mut streams = [
            world.person.stream("/jobs/stream", None).await,
            with_key.stream(&format!("/jobs/{}/stream", world.of_person[0]), None).await,
        ];
        for stream in &mut streams {
            stream.next().await;
        }

        let said = erase(&server, &["user", "--email", &world.person.email, "--yes"]).await;
        assert_eq!(said, "Erased the account, 1 session and 2 keys.\nErased 2 customer links.\n\
            Anonymised 2 jobs; what they count for stays.\nOf these 2 had not finished: events for them are refused from now on.\n\
            The database's files are rewritten. Backups made before still hold what was erased.\n");
        for stream in &mut streams {
            stream.expect_end().await;
        }
        assert!(!server.keeps(CANARY).await, "in a table or in a file");
        assert_eq!((counts(&server).await, world.of_others().await), before);
        expect_nothing_to_rebuild(&server).await;

        let password = format!("select password from users where id = {}", server.database.id(&world.person.id));
        assert_eq!(server.column::<String>(password).await, ["erased"]);
        world.person.get("/users/me").await.expect_problem(401, &[]);
        with_key.get("/users/me").await.expect_problem(401, &[]);
        let login = json!({"email": world.person.email, "password": PASSWORD});
        server.nobody().post("/login", login).await.expect_problem(401, &[]);
        let job = world.alice.get(&format!("/jobs/{}", world.of_person[0])).await.expect(200);
        assert_eq!(job["customer_email"], Value::Null);
        let late = json!({"provider_job_id": format!("{CANARY}-1"), "kind": "complete"});
        world.alice.post("/events", late).await.expect_problem(404, &["/provider_job_id"]);

        let of_person = server.database.id(&world.person.id);
        let acts = format!("from audit_log where actor_id = {of_person} or tenant_id = {of_person}");
        assert!(server.column::<i64>(format!("select count(*) {acts}")).await[0] > 3, "the log stays");
        assert_eq!(server.column::<i64>(format!("select count(address) {acts}")).await, [0], "but not from where");
        let erased = server.column::<String>("select action from audit_log where action like '%_erased' order by id").await;
        assert_eq!(erased, ["customer_erased", "customer_erased", "customer_erased", "account_erased"]);
        let ended = format!("select action from audit_log where tenant_id = {of_person} and action in ('account_disabled', 'account_erased') order by id");
        assert_eq!(server.column::<String>(ended).await, ["account_disabled", "account_erased"]);

        let again = Milepost::on(&server.database, &["erase", "user", "--email", &world.person.email, "--yes"]).run().await;
        again.expect_complaint("there is no account and no invitation");
        // The address is free: whoever has it may be invited as anybody else.
        let anew = server.customer_of(&world.alice, CANARY).await;
        assert_eq!(anew.get("/jobs").await.expect(200)["items"], json!([]));
    }

    async fn a_customer_is_erased_for_one_provider_alone(server: TestServer) {
        let world = World::new(&server).await;
        let token = world.bob.invite(&world.person.email).await;
        world.person.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        let of_bob = format!("/jobs/{}", world.of_person[1]);
        let of_alice = format!("/jobs/{}", world.of_person[0]);
        let before = (counts(&server).await, world.of_others().await, world.person.get(&of_bob).await.text);
        erase(&server, &["customer", "--provider", &world.alice.email, "--email", &world.person.email, "--yes"]).await;
        let after = (counts(&server).await, world.of_others().await, world.person.get(&of_bob).await.text);
        assert_eq!(after, before);
        world.person.get(&of_alice).await.expect_problem(404, &[]);
        let job = world.alice.get(&of_alice).await.expect(200);
        let events = world.alice.get(&format!("{of_alice}/events")).await.expect(200);
        let customers = world.alice.get("/customers").await.expect(200);
        for seen in [job, events, customers] {
            assert!(!seen.to_string().contains(CANARY), "{seen}");
        }
        let of_alice = server.database.id(&world.alice.id);
        let emails = server.column::<String>(format!("select email from customers where provider_id = {of_alice}")).await;
        assert!(emails.iter().all(|email| !email.contains(CANARY)), "{emails:?}");
        expect_nothing_to_rebuild(&server).await;
        let again = ["erase", "customer", "--provider", &world.alice.email, "--email", &world.person.email, "--yes"];
        Milepost::on(&server.database, &again).run().await.expect_complaint("has no customer");
    }

    async fn erasing_a_customer_is_in_both_logs_and_takes_their_addresses_from_the_providers(server: TestServer) {
        let world = World::new(&server).await;
        let id = |person: &Person| server.database.id(&person.id);
        let (of_alice, of_person) = (id(&world.alice), id(&world.person));
        let addresses = async |whose: String| server.column::<i64>(format!("select count(address) from audit_log where {whose}")).await[0];
        let theirs = format!("tenant_id = {of_alice} and actor_id = {of_person}");
        // More than a page of them.
        let (new_id, at) = match server.database.kind {
            DatabaseKind::Sqlite => ("randomblob(16)", "'2026-01-01T00:00:0' || (n % 3) || '+00:00'"),
            DatabaseKind::Postgres => ("gen_random_uuid()", "timestamptz '2026-01-01T00:00:00Z' + make_interval(secs => n % 3)"),
        };
        for tenant in [&of_alice, &of_person] {
            let many = format!(
                "insert into audit_log (id, tenant_id, created_at, action, actor, actor_id, address)
                 with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < 1199)
                 select {new_id}, {tenant}, {at}, 'job_read', 'user', {of_person}, '192.0.2.7' from numbers"
            );
            server.database.raw().await.execute(&many).await.unwrap();
        }
        let others = [
            format!("tenant_id = {of_person} and actor_id = {of_person}"),
            format!("tenant_id = {of_alice} and actor_id = {of_alice}"),
            format!("tenant_id = {of_alice} and actor_id = {}", id(&world.carol)),
        ];
        let of_others = async || {
            let mut counted = Vec::new();
            for whose in &others {
                counted.push(addresses(whose.clone()).await);
            }
            counted
        };
        let before = of_others().await;
        assert!(addresses(theirs.clone()).await > 1200 && before.iter().all(|count| *count > 0), "{before:?}");
        erase(&server, &["customer", "--provider", &world.alice.email, "--email", &world.person.email, "--yes"]).await;
        assert_eq!(addresses(theirs).await, 0);
        assert_eq!(of_others().await, before, "addresses of others, and in the person's own log, stay");

        let link = world.alice.get("/audit-log?action=customer_erased").await.expect(200)["items"][0].clone();
        let own = world.person.get("/audit-log?action=customer_erased").await.expect(200);
        let [entry] = own["items"].as_array().unwrap().as_slice() else { panic!("{own}") };
        assert_eq!((&entry["actor"], &entry["subject_id"]), (&json!("operator"), &link["subject_id"]));
        assert_eq!(entry["details"], json!({"provider_id": world.alice.id}));
        assert_eq!(link["details"], json!({"customer_id": world.person.id}));

        // By the account, about it, and in its own log.
        for (number, [tenant, actor, subject]) in [
            [of_alice.as_str(), &of_person, "null"],
            [&of_alice, &of_alice, &of_person],
            [&of_person, "null", "null"],
        ]
        .into_iter()
        .enumerate()
        {
            let id = server.database.id(&format!("00000000-0000-7000-8000-00000000000{number}"));
            let insert = format!(
                "insert into audit_log (id, tenant_id, created_at, action, actor, actor_id, subject, subject_id, address)
                 values ({id}, {tenant}, '2026-01-01T00:00:00+00:00', 'sign_in', 'user', {actor}, 'account', {subject}, '192.0.2.8')"
            );
            server.database.raw().await.execute(&insert).await.unwrap();
        }
        erase(&server, &["user", "--email", &world.person.email, "--yes", "--files-later"]).await;
        assert_eq!(addresses(format!("actor_id = {of_person} or tenant_id = {of_person} or subject_id = {of_person}")).await, 0);
    }

    async fn an_address_that_is_noted_while_the_account_goes_goes_as_well(server: TestServer) {
        let world = World::new(&server).await;
        let of_person = server.database.id(&world.person.id);
        // A request that was under way when the account was closed writes its entry last.
        let late = format!(
            "insert into audit_log (id, tenant_id, created_at, action, actor, actor_id, address)
             values ({}, {of_person}, new.created_at, 'key_created', 'user', {of_person}, '192.0.2.7')",
            server.database.id("00000000-0000-7000-8000-000000000001")
        );
        let trigger = match server.database.kind {
            DatabaseKind::Sqlite => format!(
                "create trigger late after insert on audit_log when new.action = 'account_erased' begin {late}; end"
            ),
            DatabaseKind::Postgres => format!(
                "create function late() returns trigger language plpgsql as $$ begin {late}; return null; end $$;
                 create trigger late after insert on audit_log for each row when (new.action = 'account_erased')
                     execute function late()"
            ),
        };
        server.database.raw().await.execute(&trigger).await.unwrap();
        erase(&server, &["user", "--email", &world.person.email, "--yes", "--files-later"]).await;
        let late = format!("select count(*) * 10 + count(address) from audit_log where actor_id = {of_person} and action = 'key_created'");
        assert_eq!(server.column::<i64>(late).await, [20], "it is there, and its address is not");
    }

    async fn an_erased_provider_leaves_their_customers_accounts(server: TestServer) {
        let world = World::new(&server).await;
        let zaphod = server.provider(CANARY).await;
        zaphod.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
        let token = zaphod.invite(&world.carol.email).await;
        world.carol.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        let job = job_for(&zaphod, &world.carol.email, "carol", "1").await;
        // And one for nobody.
        zaphod.open_job("scan", &format!("{CANARY}-alone")).await;
        let key = zaphod.with_new_key("write").await;
        erase(&server, &["user", "--email", &world.person.email, "--yes", "--files-later"]).await;
        let before = (counts(&server).await, world.of_others().await);
        let mut stream = world.carol.stream(&format!("/jobs/{job}/stream"), None).await;
        stream.next().await;

        erase(&server, &["user", "--email", &zaphod.email, "--yes"]).await;
        stream.expect_end().await;
        assert!(!server.keeps(CANARY).await);
        assert_eq!((counts(&server).await, world.of_others().await), before);
        world.carol.get(&format!("/jobs/{job}")).await.expect_problem(404, &[]);
        key.post("/events", json!({"provider_job_id": "carol-1", "kind": "info"})).await.expect_problem(401, &[]);
        let of_zaphod = server.database.id(&zaphod.id);
        let emails = server.column::<String>(format!("select email from customers where provider_id = {of_zaphod}")).await;
        assert!(emails[0].ends_with("@erased.invalid"), "{emails:?}");
        expect_nothing_to_rebuild(&server).await;
    }

    async fn somebody_who_was_only_invited_is_erased(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
        let email = format!("{CANARY}@customer.example");
        let token = alice.invite(&email).await;
        job_for(&alice, &email, CANARY, "1").await;
        erase(&server, &["user", "--email", &email, "--yes"]).await;
        assert!(!server.keeps(CANARY).await);
        server.nobody().get(&format!("/invitations/{token}")).await.expect_problem(404, &[]);
    }

    async fn an_erasure_that_is_killed_anywhere_is_ended_by_the_same_command(server: TestServer) {
        let world = World::new(&server).await;
        for number in 2..20 {
            job_for(&world.alice, &world.person.email, CANARY, &number.to_string()).await;
        }
        let before = (counts(&server).await, world.of_others().await);
        let email = world.person.email.clone().try_into().unwrap();
        // Each time it gets a little further before it is dropped.
        for milliseconds in (0..).step_by(5) {
            if let Ok(ended) = timeout(Duration::from_millis(milliseconds), erase_user(&server.app, &email)).await {
                ended.unwrap();
                break;
            }
            expect_nothing_to_rebuild(&server).await;
        }
        assert!(clean_files(&server.app, Duration::from_secs(20)).await.unwrap());
        assert!(!server.keeps(CANARY).await);
        assert_eq!((counts(&server).await, world.of_others().await), before);
        assert_eq!(server.column::<i64>("select count(*) from erasures where cleaned_at is null").await, [0]);
    }

    async fn the_erasure_of_a_customer_that_is_killed_anywhere_is_ended_by_the_same_command(server: TestServer) {
        let world = World::new(&server).await;
        for number in 2..20 {
            job_for(&world.alice, &world.person.email, CANARY, &number.to_string()).await;
        }
        let (of_alice, of_person) = (server.database.id(&world.alice.id), server.database.id(&world.person.id));
        let addresses =
            format!("select count(address) from audit_log where tenant_id = {of_alice} and actor_id = {of_person}");
        assert!(server.column::<i64>(addresses.clone()).await[0] > 0);
        let before = (counts(&server).await, world.of_others().await);
        let provider = world.alice.email.clone().try_into().unwrap();
        let email = world.person.email.clone().try_into().unwrap();
        // Each time it gets a little further before it is dropped.
        for milliseconds in (0..).step_by(5) {
            let erasing = erase_customer(&server.app, &provider, &email);
            if let Ok(ended) = timeout(Duration::from_millis(milliseconds), erasing).await {
                ended.unwrap();
                break;
            }
            expect_nothing_to_rebuild(&server).await;
        }
        // The last time it was killed when the link was gone, and what a request that was under way noted was not.
        note_late(&server, &of_alice, &of_person).await;
        assert_eq!(server.column::<i64>(addresses.clone()).await, [1]);
        let again = ["erase", "customer", "--provider", &world.alice.email, "--email", &world.person.email, "--yes"];
        server.milepost(&again, "").await.expect_complaint("run `milepost erase files`");
        assert_eq!(server.column::<i64>(addresses).await, [0]);
        erase(&server, &["files"]).await;
        assert_eq!((counts(&server).await, world.of_others().await), before);
        for list in ["/customers", "/jobs"] {
            assert!(!world.alice.get(list).await.text.contains(CANARY));
        }
        assert_eq!(server.column::<i64>("select count(*) from erasures where cleaned_at is null").await, [0]);
    }

    async fn what_was_noted_last_of_an_erased_account_goes_with_the_files(server: TestServer) {
        let world = World::new(&server).await;
        let (of_alice, of_person) = (server.database.id(&world.alice.id), server.database.id(&world.person.id));
        let email = world.person.email.clone().try_into().unwrap();
        erase_user(&server.app, &email).await.unwrap().unwrap();
        // As if it had been killed when the account was gone.
        note_late(&server, &of_person, &of_person).await;
        let addresses = |of: &str| format!("select count(address) from audit_log where actor_id = {of}");
        let of_others = server.column::<i64>(addresses(&of_alice)).await;
        let again = server.milepost(&["erase", "user", "--email", &world.person.email, "--yes"], "").await;
        again.expect_complaint("run `milepost erase files`");
        erase(&server, &["files"]).await;
        assert_eq!(server.column::<i64>(addresses(&of_person)).await, [0]);
        assert_eq!(server.column::<i64>(addresses(&of_alice)).await, of_others);
    }

    async fn nobody_is_erased_by_mistake(server: TestServer) {
        let world = World::new(&server).await;
        let asked = server.milepost(&["erase", "user", "--email", &world.person.email], "yes\n").await;
        asked.expect_complaint("use --yes");
        let unknown = server.milepost(&["erase", "user", "--email", "nobody@x.example", "--yes"], "").await;
        unknown.expect_complaint("there is no account and no invitation nobody@x.example");
        world.person.get("/users/me").await.expect(200);
    }
}

#[tokio::test]
async fn files_that_somebody_reads_are_said_to_be_unclean() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let world = World::new(&server).await;
    let options: SqliteConnectOptions = server.database.url.parse().unwrap();
    let mut reader = SqliteConnection::connect_with(&options.read_only(true)).await.unwrap();
    reader.execute("begin; select count(*) from users").await.unwrap();
    let email = world.person.email.clone().try_into().unwrap();
    erase_user(&server.app, &email).await.unwrap().unwrap();
    assert!(!clean_files(&server.app, Duration::ZERO).await.unwrap());
    assert!(server.keeps(CANARY).await, "what somebody still reads is still there");
    reader.execute("commit").await.unwrap();
    let hint = server.milepost(&["erase", "user", "--email", &world.person.email, "--yes"], "").await;
    hint.expect_complaint("run `milepost erase files`");
    erase(&server, &["files"]).await;
    assert!(!server.keeps(CANARY).await);
}

/// Whether any file below a folder has a text in it.
fn is_in_files(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        let is_in = |bytes: Vec<u8>| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        // A file may go while we look.
        if path.is_dir() { is_in_files(&path, text) } else { std::fs::read(&path).is_ok_and(is_in) }
    })
}

/// PostgreSQL's own log of changes (`pg_wal`) is left to the operator: it is reused by and by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresqls_tables_and_indexes_are_rewritten() {
    let cluster = Cluster::start();
    let folder = url::Url::parse(&cluster.url).unwrap();
    let folder = folder.query_pairs().find(|(name, _)| name == "host").unwrap().1.into_owned();
    let tables = Path::new(&folder).join("data/base");
    let server = TestServer::start_over(Database::of_cluster(&cluster.url), |_| {}).await;
    let world = World::new(&server).await;
    let mut raw = server.database.raw().await;
    // Samples of columns get into the planner's statistics.
    raw.execute("analyze").await.unwrap();
    raw.execute("checkpoint").await.unwrap();
    assert!(is_in_files(&tables, CANARY));
    erase(&server, &["user", "--email", &world.person.email, "--yes"]).await;
    raw.execute("checkpoint").await.unwrap();
    assert!(!is_in_files(&tables, CANARY));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_somebody_on_postgresql_may_still_read_are_said_to_be_there() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    let world = World::new(&server).await;
    let mut reader = server.database.raw().await;
    reader.execute("begin isolation level repeatable read; select count(*) from users").await.unwrap();
    let email = world.person.email.clone().try_into().unwrap();
    erase_user(&server.app, &email).await.unwrap().unwrap();
    assert!(!clean_files(&server.app, Duration::ZERO).await.unwrap());
    assert!(server.column::<i64>("select count(*) from erasures where cleaned_at is null").await[0] > 0);
    reader.execute("commit").await.unwrap();
    assert!(clean_files(&server.app, Duration::from_secs(20)).await.unwrap());

    // So does whoever writes: what they will read is not known yet.
    let alice = world.alice.email.clone().try_into().unwrap();
    erase_user(&server.app, &alice).await.unwrap().unwrap();
    reader.execute("begin; create table of_somebody (id int)").await.unwrap();
    erase_user(&server.app, &world.carol.email.clone().try_into().unwrap()).await.unwrap().unwrap();
    assert!(!clean_files(&server.app, Duration::ZERO).await.unwrap());
    reader.execute("rollback").await.unwrap();
    assert!(clean_files(&server.app, Duration::from_secs(20)).await.unwrap());
}

/// What keeps old rows without any session: a transaction that waits to be committed, and a replication slot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_postgresql_keeps_for_later_are_said_to_be_there() {
    let cluster = Cluster::start_with("-c max_prepared_transactions=1 -c wal_level=logical");
    let server = TestServer::start_over(Database::of_cluster(&cluster.url), |_| {}).await;
    let world = World::new(&server).await;
    let mut raw = server.database.raw().await;
    let kept = [
        ("begin; create table of_somebody (id int); prepare transaction 'later'", "rollback prepared 'later'"),
        (
            "select pg_create_logical_replication_slot('replica', 'pgoutput')",
            "select pg_drop_replication_slot('replica')",
        ),
    ];
    for ((keep, let_go), person) in kept.into_iter().zip([&world.person, &world.carol]) {
        raw.execute(keep).await.unwrap();
        erase_user(&server.app, &person.email.clone().try_into().unwrap()).await.unwrap().unwrap();
        assert!(!clean_files(&server.app, Duration::ZERO).await.unwrap(), "{keep}");
        assert!(server.column::<i64>("select count(*) from erasures where cleaned_at is null").await[0] > 0);
        raw.execute(let_go).await.unwrap();
        assert!(clean_files(&server.app, Duration::from_secs(20)).await.unwrap(), "{let_go}");
    }
    server.stop().await;
}

/// The planner's statistics hold values of columns; they can be rewritten by whoever owns the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_rewrite_the_statistics_is_told() {
    let cluster = Cluster::start();
    let mut admin = Database::of_cluster(&cluster.url).raw().await;
    admin.execute("create role app login; grant create on schema public to app").await.unwrap();
    let url = cluster.url.replace("user=milepost", "user=app");
    let server = TestServer::start_over(Database::of_cluster(&url), |_| {}).await;
    let world = World::new(&server).await;
    let said = server.milepost(&["erase", "user", "--email", &world.person.email, "--yes"], "").await;
    said.expect_complaint("the planner's statistics");
    assert!(server.column::<i64>("select count(*) from erasures where cleaned_at is null").await[0] > 0);
    admin.execute("alter database postgres owner to app").await.unwrap();
    erase(&server, &["files"]).await;
    server.stop().await;
}
