//! The drill: a backup is made while events are written, restored elsewhere, compared row by row, and gone on with. On
//! SQLite by `milepost backup` and `restore`, on PostgreSQL by `pg_dump`, `pg_restore` and what docs/OPERATIONS.md says to
//! do after it.

use std::collections::HashSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use milepost::durations;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{Database, DatabaseKind, Milepost, Person, Stream, TestServer, eventually, on_both};

/// After a restore: nobody's session counts any more, and new events come behind whatever positions were seen.
const AFTER_PG_RESTORE: &str = "delete from sessions;
    update log_positions set position = greatest(position + 1000000000, (extract(epoch from now()) * 1000000)::bigint)
    where log = 'events'";
const JOBS: [&str; 3] = ["J-0", "J-1", "J-2"];

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Backs a database up, whoever writes to it, and restores it as another.
async fn restored_copy_of(database: &Database) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup").to_str().unwrap().to_owned();
    let target = Database::fresh(database.kind).await;
    match database.kind {
        DatabaseKind::Sqlite => {
            Milepost::on(database, &["backup", &file]).run().await.expect_success();
            Milepost::on(&target, &["restore", &file]).run().await.expect_success();
        }
        DatabaseKind::Postgres => {
            run("pg_dump", &["--format=custom", "--file", &file, &database.url]);
            run("pg_restore", &["--exit-on-error", "--single-transaction", "--dbname", &target.url, &file]);
            target.raw().await.execute(AFTER_PG_RESTORE).await.unwrap();
        }
    }
    target
}

/// Providers' programs that report as fast as they can.
struct Reporting {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<HashSet<String>>>,
    programs: Vec<JoinHandle<()>>,
}

impl Reporting {
    fn start(alice: &Person) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<HashSet<String>>>::default());
        let program = |number: usize| {
            let (alice, stop, acknowledged) = (alice.clone(), stop.clone(), acknowledged.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let event = alice.report(JOBS[number % JOBS.len()], "info", Some("load")).await;
                    acknowledged.lock().unwrap().insert(event["id"].as_str().unwrap().to_owned());
                }
            })
        };
        let programs = (0..6).map(program).collect();
        Self { stop, acknowledged, programs }
    }

    fn acknowledged(&self) -> HashSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn until_more_than(&self, count: usize) {
        eventually("events are acknowledged", || async { self.acknowledged().len() > count }).await;
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for program in self.programs {
            program.await.unwrap();
        }
    }
}

async fn expect_sound(database: &Database) {
    let said = Milepost::on(database, &["rebuild", "--check"]).run().await.expect_success();
    assert!(said.starts_with("3 jobs recomputed, 0 differences"), "{said}");
}

/// A provider with a key and jobs.
async fn provider_with_jobs(server: &TestServer) -> (Person, Vec<String>) {
    let alice = server.provider("alice").await;
    let carol = server.customer_of(&alice, "carol").await;
    alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
    let mut jobs = Vec::new();
    for id in JOBS {
        jobs.push(alice.open_job_for(&carol, "scan", id).await);
    }
    (alice.with_new_key("write").await, jobs)
}

/// An event under an idempotency key: its status and its sequence.
async fn report_once(alice: &Person, key: &str) -> (u16, i64) {
    let body = json!({"provider_job_id": "J-0", "kind": "step", "tag": "load", "idempotency_key": key,
        "event_metadata": {"Density": 31.5, "Comment": "fine: äöü \u{1f600} '\"\\", "Report": "https://x.example/r"}});
    let answer = alice.post("/events", body).await;
    (answer.status, answer["sequence"].as_i64().unwrap())
}

/// The id of the latest event on a stream, which has to come.
async fn id_of_event(stream: &mut Stream) -> i64 {
    let message = stream.expect().await;
    assert_eq!(message.event, "event");
    message.id.parse().unwrap()
}

on_both! {
    async fn a_backup_made_while_events_are_written_has_all_that_were_acknowledged_before(server: TestServer) {
        let (alice, _) = provider_with_jobs(&server).await;
        let reporting = Reporting::start(&alice);
        for _ in 0..3 {
            reporting.until_more_than(reporting.acknowledged().len() + 30).await;
            let before = reporting.acknowledged();
            let copy = restored_copy_of(&server.database).await;
            reporting.until_more_than(before.len()).await;

            expect_sound(&copy).await;
            let restored = TestServer::start_over(copy, |_| {}).await;
            let alice = alice.at(&restored);
            for id in JOBS {
                let job = alice.get(&format!("/jobs?provider_job_id={id}")).await.expect(200)["items"][0].clone();
                let next = alice.report(id, "info", Some("load")).await;
                assert_eq!(next["sequence"], job["last_sequence"].as_i64().unwrap() + 1);
            }
            let kept: HashSet<String> = restored.column::<uuid::Uuid>("select id from events").await
                .into_iter().map(|id| id.to_string()).collect();
            assert!(before.is_subset(&kept), "an acknowledged event is not in the backup");
            restored.stop().await;
        }
        reporting.stop().await;
    }

    async fn a_restored_database_is_the_same_row_by_row_and_goes_on(server: TestServer) {
        let (alice, jobs) = provider_with_jobs(&server).await;
        let reporting = Reporting::start(&alice);
        reporting.until_more_than(50).await;
        reporting.stop().await;
        assert_eq!(report_once(&alice, "kept").await.0, 201);
        durations::catch_up(&server.app).await.unwrap();
        let mut expected = server.database.rows().await;
        let copy = restored_copy_of(&server.database).await;

        // The loss: what is acknowledged from here on is not in the backup.
        let mut feed = alice.stream("/jobs/stream", None).await;
        feed.expect().await;
        let (_, lost_sequence) = report_once(&alice, "lost").await;
        let lost_position = id_of_event(&mut feed).await.to_string();
        server.stop().await;

        expect_sound(&copy).await;
        let mut rows = copy.rows().await;
        let changed = ["sessions", "log_positions"];
        assert!(changed.iter().all(|table| expected.remove(*table) != rows.remove(*table)));
        for (table, expected) in &expected {
            assert_eq!(&rows[table], expected, "{table}");
        }
        assert_eq!(rows.len(), expected.len());

        let restored = TestServer::start_over(copy, |_| {}).await;
        assert_eq!(restored.column::<i64>("select count(*) from sessions").await, [0]);
        Person::sign_in(&restored.url, "alice@provider.example").await.get("/users/me").await.expect(200);
        let alice = alice.at(&restored);

        // Whoever saw what was lost begins anew on a job's stream, and misses nothing new on that of all jobs.
        let job_stream = format!("/jobs/{}/stream", jobs[0]);
        let mut stream = alice.stream(&job_stream, Some(&lost_sequence.to_string())).await;
        let snapshot = stream.expect().await;
        assert_eq!((snapshot.event.as_str(), snapshot.id), ("snapshot", (lost_sequence - 1).to_string()));
        // A provider that sends everything again gets the same place for what is there, and a place for what was lost.
        assert_eq!(report_once(&alice, "kept").await, (200, lost_sequence - 1));
        assert_eq!(report_once(&alice, "lost").await, (201, lost_sequence));
        assert_eq!(report_once(&alice, "lost").await, (200, lost_sequence));
        assert_eq!(id_of_event(&mut stream).await, lost_sequence);
        let mut feed = alice.stream("/jobs/stream", Some(&lost_position)).await;
        let first = id_of_event(&mut feed).await;
        alice.report("J-1", "complete", None).await;
        assert_eq!(id_of_event(&mut feed).await, first + 1);
        feed.expect_silence(Duration::from_millis(100)).await;
        restored.expect_state_as_rebuilt().await;
    }
}
