//! How long finished jobs are kept: what is left of them, what they count for, and that nobody is kept waiting.

use std::time::Duration;

use chrono::TimeDelta;
use milepost::audit::Actor;
use milepost::config::{Retention, RetentionAction};
use milepost::jobs::retire::{self, Because};
use milepost::retention::{preview, retire_due};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{DatabaseKind, Milepost, Person, TestServer, eventually, on_both};

const DELETE: Retention = Retention { after: TimeDelta::days(30), action: RetentionAction::Delete };
const ANONYMISE: Retention = Retention { after: TimeDelta::days(30), action: RetentionAction::Anonymise };

/// A word that stands wherever a person can be named.
const CANARY: &str = "Zaphod";

/// A provider with a customer, and jobs for them that are all called after somebody.
struct Clinic {
    alice: Person,
    carol: Person,
}

impl Clinic {
    async fn open(server: &TestServer) -> Self {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        // Sessions do not last as long as the tests travel.
        let alice = alice.with_new_key("write").await;
        alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
        Self { alice, carol }
    }

    /// Opens a job for the customer and reports something of everything, up to its end if it is to have one.
    async fn job(&self, own_id: &str, finishes: bool) -> String {
        let own_id = format!("{CANARY}-{own_id}");
        let job = json!({"tag": "scan", "provider_job_id": own_id, "provider_job_name": format!("CT of {CANARY}"),
            "customer_id": self.carol.id});
        let job = self.alice.post("/jobs", job).await.expect(201)["id"].as_str().unwrap().to_owned();
        let event = |kind: &str, tag: Option<&str>| {
            json!({"provider_job_id": own_id, "kind": kind, "tag": tag, "name": format!("{CANARY} said so"),
                "idempotency_key": format!("{CANARY}-{}", milepost::sources::Clock::default().new_id()),
                "event_metadata": {"Comment": format!("{CANARY} again"), "Density": 31.5}})
        };
        let mut events = vec![event("info", Some("load")), event("error", Some("load")), event("step", Some("load"))];
        events.push(event("info", None));
        events.extend(finishes.then(|| event("complete", Some("measure"))));
        let answer = self.alice.post("/events/batch", json!(events)).await.expect(200);
        assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
        job
    }
}

/// A job as its provider sees it, without what retention takes from it.
fn without_names(mut job: Value) -> Value {
    for name in
        ["provider_job_id", "provider_job_name", "customer_id", "customer_email", "anonymised_at", "updated_at"]
    {
        job.as_object_mut().unwrap().remove(name);
    }
    for step in job["steps"].as_array_mut().into_iter().flatten() {
        step.as_object_mut().unwrap().remove("metadata");
    }
    job
}

/// What a provider is billed for, whatever became of the jobs: points, steps, events and errors of all jobs, and events
/// and errors of all hours.
async fn counts(server: &TestServer) -> Vec<i64> {
    let of_jobs = "select cast(coalesce(sum(n), 0) as bigint) from
        (select COLUMN as n from jobs where retiring is distinct from 'delete' union all select TOMB from deleted_jobs) as j";
    let mut counts = Vec::new();
    for (column, tomb) in [
        ("1", "1"),
        ("points_done", "points_done"),
        ("points_total", "points_total"),
        ("steps_finished", "steps_finished"),
        ("last_sequence", "events"),
        ("(select count(*) from events e where e.job_id = jobs.id and e.kind = 'error')", "errors"),
        (
            "case when customer_link_id is null then 0 else 1 end",
            "case when customer_link_id is null then 0 else 1 end",
        ),
    ] {
        counts.extend(server.column::<i64>(of_jobs.replace("COLUMN", column).replace("TOMB", tomb)).await);
    }
    counts.extend(server.column::<i64>("select events from event_hours order by provider_id, hour").await);
    counts.extend(server.column::<i64>("select errors from event_hours order by provider_id, hour").await);
    counts
}

/// How many rows a table has.
async fn rows(server: &TestServer, table: &str) -> i64 {
    server.column::<i64>(format!("select count(*) from {table}")).await[0]
}

/// Asserts that `milepost rebuild` finds nothing wrong.
async fn expect_nothing_to_rebuild(server: &TestServer) {
    let said = Milepost::on(&server.database, &["rebuild", "--check"]).run().await.expect_success();
    assert!(said.contains(" 0 differences found."), "{said}");
}

on_both! {
    async fn an_old_job_is_deleted_and_what_it_counts_for_stays(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        let old = clinic.job("old", true).await;
        let unfinished = clinic.job("unfinished", false).await;
        server.clock.set_offset(TimeDelta::days(29));
        let young = clinic.job("young", true).await;
        let before = counts(&server).await;
        assert_eq!(retire_due(&server.app, Some(DELETE), &Actor::SERVER).await.unwrap(), 0, "nothing is 30 days old");

        server.clock.set_offset(TimeDelta::days(31));
        assert_eq!(retire_due(&server.app, Some(DELETE), &Actor::SERVER).await.unwrap(), 1);
        clinic.alice.get(&format!("/jobs/{old}")).await.expect_problem(404, &[]);
        assert_eq!([rows(&server, "jobs").await, rows(&server, "deleted_jobs").await], [2, 1]);
        assert_eq!(counts(&server).await, before);
        if server.database.kind == DatabaseKind::Sqlite {
            let found = "select count(*) from job_trigrams where search_text like '%ct of%'";
            let kept = [rows(&server, "job_texts").await, server.column::<i64>(found).await[0]];
            assert_eq!(kept, [2, 2], "nothing is left of it in the index of texts");
        }
        for job in [&unfinished, &young] {
            let kept = clinic.alice.get(&format!("/jobs/{job}")).await.expect(200);
            assert_eq!(kept["provider_job_name"], format!("CT of {CANARY}"));
        }
        let late = json!({"provider_job_id": format!("{CANARY}-old"), "kind": "info"});
        clinic.alice.post("/events", late).await.expect_problem(404, &["/provider_job_id"]);
        expect_nothing_to_rebuild(&server).await;
        let noted = server.column::<String>("select cast(details as text) from audit_log where action = 'jobs_retired'").await;
        let noted: Vec<Value> = noted.iter().map(|details| serde_json::from_str(details).unwrap()).collect();
        assert_eq!(noted, [json!({"action": "delete", "jobs": 1})]);
        let tombstones = server.column::<i64>("select events * 10 + errors from deleted_jobs").await;
        assert_eq!(tombstones, [51]);
    }

    async fn an_old_job_is_anonymised_and_keeps_its_times_and_points(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        let job = clinic.job("old", true).await;
        let path = format!("/jobs/{job}");
        let before = (counts(&server).await, clinic.alice.get(&path).await.expect(200));
        server.clock.set_offset(TimeDelta::days(31));
        assert_eq!(retire_due(&server.app, Some(ANONYMISE), &Actor::SERVER).await.unwrap(), 1);
        assert_eq!(retire_due(&server.app, Some(ANONYMISE), &Actor::SERVER).await.unwrap(), 0, "it is done once");

        let alice = &clinic.alice;
        let after = alice.get(&path).await.expect(200);
        assert!(!after.to_string().contains(CANARY), "{after}");
        assert_eq!(after["provider_job_name"], "Job scan");
        assert_eq!([&after["customer_id"], &after["customer_email"]], [&Value::Null, &Value::Null]);
        assert!(after["anonymised_at"].is_string(), "{after}");
        assert_eq!(after["steps"][0]["metadata"][0]["value"], Value::Null);
        assert_eq!((counts(&server).await, without_names(after.clone())), (before.0, without_names(before.1)));

        let events = alice.get(&format!("{path}/events")).await.expect(200);
        assert!(!events.to_string().contains(CANARY), "{events}");
        assert_eq!(events["items"][0]["name"], "Step load", "an event is called like its step");
        assert_eq!(events["items"].as_array().unwrap().len(), 5);
        assert_eq!(events["items"][0]["idempotency_key"], Value::Null);
        let found = alice.get(&format!("/jobs?text={CANARY}")).await.expect(200);
        assert_eq!(found["items"], json!([]));
        expect_nothing_to_rebuild(&server).await;

        // Nothing can be added to it, under its old name or the new one.
        for own_id in [&format!("{CANARY}-old"), after["provider_job_id"].as_str().unwrap()] {
            let late = json!({"provider_job_id": own_id, "kind": "info", "name": CANARY});
            alice.post("/events", late).await.expect_problem(404, &["/provider_job_id"]);
        }
        alice.patch(&path, json!({"provider_job_name": CANARY})).await.expect_problem(409, &[]);
        let carol = Person::sign_in(&server.url, &clinic.carol.email).await;
        carol.get(&path).await.expect_problem(404, &[]);
        // The link goes on saying whom to bill, but accepting an invitation again does not bring the job back.
        let alice = Person::sign_in(&server.url, &clinic.alice.email).await;
        let links = alice.get("/customers").await.expect(200);
        alice.delete(&format!("/customers/{}", links["items"][0]["id"].as_str().unwrap())).await.expect(200);
        let token = alice.invite(&carol.email).await;
        carol.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        carol.get(&path).await.expect_problem(404, &[]);
    }

    async fn an_event_that_waits_while_its_job_is_anonymised_is_refused(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        let job = clinic.job("old", true).await;
        let mut raw = server.database.raw().await;
        let begin = match server.database.kind {
            DatabaseKind::Sqlite => "begin immediate",
            DatabaseKind::Postgres => "begin",
        };
        raw.execute(begin).await.unwrap();
        let id = server.database.id(&job);
        let mark = format!("update jobs set anonymised_at = created_at, retiring = 'anonymise' where id = {id}");
        raw.execute(&mark).await.unwrap();
        let alice = clinic.alice.clone();
        let event = json!({"provider_job_id": format!("{CANARY}-old"), "kind": "info", "name": CANARY});
        let reported = tokio::spawn(async move { alice.post("/events", event).await });
        // Which job it is for has been found out by the time it waits for it.
        sleep(Duration::from_millis(500)).await;
        raw.execute("commit").await.unwrap();
        reported.await.unwrap().expect_problem(404, &["/provider_job_id"]);
        retire::finish(&server.app).await.unwrap();
        assert_eq!(server.column::<i64>(format!("select count(*) from events where name = '{CANARY}'")).await, [0]);
        assert_eq!(clinic.alice.get(&format!("/jobs/{job}")).await.expect(200)["last_sequence"], 5);
    }

    async fn an_anonymised_job_is_deleted_once_that_is_the_setting(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        clinic.job("old", true).await;
        let before = counts(&server).await;
        server.clock.set_offset(TimeDelta::days(31));
        assert_eq!(retire_due(&server.app, Some(ANONYMISE), &Actor::SERVER).await.unwrap(), 1);
        assert_eq!(retire_due(&server.app, Some(DELETE), &Actor::SERVER).await.unwrap(), 1);
        assert_eq!([rows(&server, "jobs").await, rows(&server, "events").await], [0, 0]);
        assert_eq!(counts(&server).await, before);
        expect_nothing_to_rebuild(&server).await;
    }

    async fn a_job_that_is_said_to_have_finished_long_ago_is_kept_from_when_it_was_opened(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        clinic.alice.open_job("scan", "CT-1").await;
        let complete = json!({"provider_job_id": "CT-1", "kind": "complete", "occurred_at": "1970-01-01T00:00:00Z"});
        clinic.alice.post("/events", complete).await.expect(201);
        assert_eq!(retire_due(&server.app, Some(DELETE), &Actor::SERVER).await.unwrap(), 0);
        server.clock.set_offset(TimeDelta::days(31));
        assert_eq!(retire_due(&server.app, Some(DELETE), &Actor::SERVER).await.unwrap(), 1);
    }

    async fn a_job_whose_news_come_late_is_kept_from_when_they_came(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        clinic.alice.open_job("scan", "CT-1").await;
        let finished_at = server.clock.now();
        server.clock.set_offset(TimeDelta::days(31));
        let complete = json!({"provider_job_id": "CT-1", "kind": "complete", "occurred_at": finished_at});
        clinic.alice.post("/events", complete).await.expect(201);
        for retention in [ANONYMISE, DELETE] {
            assert_eq!(retire_due(&server.app, Some(retention), &Actor::SERVER).await.unwrap(), 0);
        }
        assert_eq!(preview(&server.app, DELETE).await.unwrap().len(), 0);
        server.clock.set_offset(TimeDelta::days(62));
        for retention in [ANONYMISE, DELETE] {
            assert_eq!(retire_due(&server.app, Some(retention), &Actor::SERVER).await.unwrap(), 1);
        }
    }

    async fn deleted_jobs_go_on_counting_as_finished(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        let before = server.clock.now();
        clinic.job("one", true).await;
        clinic.job("two", true).await;
        clinic.job("unfinished", false).await;
        let after = server.clock.now() + TimeDelta::seconds(1);
        let finished = async |since: chrono::DateTime<chrono::Utc>| {
            let path = format!("/jobs/summary?since={}", since.format("%Y-%m-%dT%H:%M:%SZ"));
            clinic.alice.get(&path).await.expect(200)["finished"].clone()
        };
        assert_eq!([finished(before).await, finished(after).await], [2, 0]);
        let ids = server.column::<uuid::Uuid>("select id from jobs where finished_at is not null").await;
        let marked = retire::mark(&server.app, ids, RetentionAction::Delete, Because::OfAnErasure, |_| true).await;
        assert_eq!(marked.unwrap().jobs, 2);
        assert_eq!([finished(before).await, finished(after).await], [2, 0], "while they are being deleted");
        retire::finish(&server.app).await.unwrap();
        assert_eq!([rows(&server, "jobs").await, rows(&server, "deleted_jobs").await], [1, 2]);
        assert_eq!([finished(before).await, finished(after).await], [2, 0]);
        let bob = server.provider("bob").await;
        assert_eq!(bob.get("/jobs/summary?since=1970-01-01T00:00:00Z").await.expect(200)["finished"], 0);
    }

    async fn streams_of_a_job_that_is_retired_end(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        let job = clinic.job("old", true).await;
        server.clock.set_offset(TimeDelta::days(31));
        let alice = &clinic.alice;
        let carol = Person::sign_in(&server.url, &clinic.carol.email).await;
        let mut of_customer = carol.stream(&format!("/jobs/{job}/stream"), None).await;
        let mut of_provider = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        let mut feed = alice.stream("/jobs/stream", None).await;
        of_customer.next().await;
        of_provider.next().await;
        feed.next().await;
        assert_eq!(retire_due(&server.app, Some(DELETE), &Actor::SERVER).await.unwrap(), 1);
        of_customer.expect_end().await;
        of_provider.expect_end().await;
        feed.expect_access().await;
    }

    async fn the_customers_stream_of_a_job_that_is_anonymised_ends(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        let job = clinic.job("old", true).await;
        server.clock.set_offset(TimeDelta::days(31));
        let carol = Person::sign_in(&server.url, &clinic.carol.email).await;
        let path = format!("/jobs/{job}/stream");
        let mut of_customer = carol.stream(&path, None).await;
        let mut of_provider = clinic.alice.stream(&path, None).await;
        let mut feed = carol.stream("/jobs/stream", None).await;
        for stream in [&mut of_customer, &mut of_provider, &mut feed] {
            stream.next().await;
        }
        assert_eq!(retire_due(&server.app, Some(ANONYMISE), &Actor::SERVER).await.unwrap(), 1);
        of_customer.expect_end().await;
        feed.expect_access().await;
        of_provider.expect_silence(Duration::from_millis(200)).await;
    }

    async fn a_large_job_goes_in_steps_and_whoever_comes_next_goes_on(server: TestServer) {
        let server = server.without_event_rates().await;
        let clinic = Clinic::open(&server).await;
        clinic.job("large", true).await;
        let many: Vec<Value> = (0..2_500)
            .map(|n| json!({"provider_job_id": format!("{CANARY}-large"), "kind": "info", "name": format!("{CANARY} {n}")}))
            .collect();
        clinic.alice.post("/events/batch", json!(many)).await.expect(200);
        let before = counts(&server).await;
        for retention in [ANONYMISE, DELETE] {
            server.clock.set_offset(TimeDelta::days(31));
            let ids = server.column::<uuid::Uuid>("select id from jobs").await;
            // A process that is killed as soon as it has begun.
            retire::mark(&server.app, ids, retention.action, Because::OfAnErasure, |_| true).await.unwrap();
            expect_nothing_to_rebuild(&server).await;
            assert_eq!(counts(&server).await[..5], before[..5]);
            // Another takes over; it does not even need the setting.
            retire_due(&server.app, None, &Actor::SERVER).await.unwrap();
            assert_eq!(server.column::<i64>("select count(*) from jobs where retiring is not null").await, [0]);
            assert_eq!(counts(&server).await, before);
            let left = format!("select count(*) from events where name like '{CANARY}%'");
            assert_eq!(server.column::<i64>(left).await, [0]);
            expect_nothing_to_rebuild(&server).await;
        }
        assert_eq!([rows(&server, "jobs").await, rows(&server, "deleted_jobs").await], [0, 1]);
    }

    async fn two_servers_retire_side_by_side_while_events_come_in(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        for number in 0..40 {
            clinic.job(&format!("old-{number}"), true).await;
        }
        let before = counts(&server).await;
        let (one, two) = (server.start_beside().await, server.start_beside().await);
        for server in [&server, &one, &two] {
            server.clock.set_offset(TimeDelta::days(31));
        }
        let writer = clinic.alice.clone();
        let posting = tokio::spawn(async move {
            writer.open_job("scan", "CT-new").await;
            for _ in 0..50 {
                writer.report("CT-new", "info", Some("load")).await;
            }
        });
        let (left, right) =
            tokio::join!(retire_due(&one.app, Some(DELETE), &Actor::SERVER), retire_due(&two.app, Some(DELETE), &Actor::SERVER));
        assert_eq!(left.unwrap() + right.unwrap(), 40, "each job is counted once");
        posting.await.unwrap();
        assert_eq!([rows(&server, "jobs").await, rows(&server, "deleted_jobs").await], [1, 40]);
        let after = counts(&server).await;
        assert_eq!((after[0], after[1], after[4]), (before[0] + 1, before[1], before[4] + 50));
        expect_nothing_to_rebuild(&server).await;
    }

    async fn a_server_retires_by_itself_what_the_setting_says(server: TestServer) {
        let clinic = Clinic::open(&server).await;
        clinic.job("old", true).await;
        let at_once = Retention { after: TimeDelta::zero(), action: RetentionAction::Delete };
        let beside = TestServer::start_over(server.database.clone(), |settings| settings.retention = Some(at_once)).await;
        eventually("the job is deleted", || async { rows(&beside, "jobs").await == 0 }).await;
    }

    async fn a_dry_run_tells_what_is_due_and_changes_nothing(server: TestServer) {
        server.clock.set_offset(-TimeDelta::days(31));
        let clinic = Clinic::open(&server).await;
        clinic.job("old", true).await;
        clinic.job("unfinished", false).await;
        let retire = |arguments: &[&str]| {
            let all: Vec<&str> = [&["retire", "--retention", "30d"], arguments].concat();
            Milepost::on(&server.database, &all).run()
        };
        let said = retire(&["--retention-action", "delete", "--dry-run"]).await.expect_success();
        assert!(said.starts_with("alice@provider.example  1 job with 5 events, the oldest finished "), "{said}");
        assert!(said.ends_with("\n1 job with 5 events would be deleted.\n"), "{said}");
        assert_eq!(rows(&server, "jobs").await, 2);
        for action in ["anonymise", "delete"] {
            retire(&["--retention-action", action]).await.expect_complaint("use --yes");
        }
        assert_eq!(rows(&server, "jobs").await, 2);
        assert_eq!(retire(&["--yes"]).await.expect_success(), "1 job anonymised.\n");
        assert_eq!(retire(&["--retention-action", "delete", "--yes"]).await.expect_success(), "1 job deleted.\n");
        assert_eq!(retire(&["--retention-action", "delete"]).await.expect_success(), "0 jobs deleted.\n");
        assert_eq!(rows(&server, "jobs").await, 1);
        let forever = Milepost::on(&server.database, &["retire"]).run().await;
        forever.expect_complaint("jobs are kept for ever");
        let minute = Milepost::on(&server.database, &["retire", "--retention", "1m", "--yes"]).run().await;
        minute.expect_complaint("retention: \"1m\" is less than a day; m is for minutes");
    }
}
