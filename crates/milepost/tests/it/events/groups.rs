//! Group commit: what waits together is written together. A test holds the log, for which every writer waits.

use std::num::NonZeroU32;

use futures::future::join_all;
use milepost::db::{Log, Tx};
use serde_json::{Value, json};

use crate::support::{Answer, DatabaseKind, Milepost, Person, TestServer, eventually, on_both};

/// Keeps all writers waiting until it is dropped.
async fn hold_the_log(server: &TestServer) -> Tx {
    let mut tx = server.app.db().begin().await.unwrap();
    tx.take_positions(Log::Events, 1).await.unwrap();
    tx
}

async fn provider_with_jobs(server: &TestServer, name: &str, jobs: &[&str]) -> Person {
    let provider = server.provider(name).await.with_new_key("write").await;
    provider.register("scan", "1.0.0", &[("load", 1)]).await;
    for job in jobs {
        provider.open_job("scan", job).await;
    }
    provider
}

/// Sends events, each by itself and all at once.
fn send(person: &Person, events: Vec<Value>) -> tokio::task::JoinHandle<Vec<Answer>> {
    let person = person.clone();
    tokio::spawn(async move { join_all(events.into_iter().map(|event| person.post("/events", event))).await })
}

fn news(job: &str, name: &str) -> Value {
    json!({"provider_job_id": job, "kind": "info", "tag": "load", "name": name})
}

/// Until so many events of single requests are waiting or being written.
async fn wait_for(server: &TestServer, places: u32) {
    eventually("all have arrived", async || server.app.gates().writes.load().used.places >= places).await;
    // From the gate to the queue it is a look-up.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
}

async fn commits(server: &TestServer) -> u64 {
    let text = reqwest::get(format!("{}/metrics", server.url)).await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("milepost_commit_events_count")).unwrap_or("0 0");
    line.split_whitespace().last().unwrap().parse().unwrap()
}

on_both! {
    async fn what_waits_together_becomes_durable_with_one_commit(server: TestServer) {
        let alice = provider_with_jobs(&server, "alice", &["a1", "a2", "a3"]).await;
        let bob = provider_with_jobs(&server, "bob", &["b1", "b2"]).await;
        let held = hold_the_log(&server).await;
        let of_alice = send(&alice, (0..60).map(|n| news(["a1", "a2", "a3"][n % 3], "news")).collect());
        let of_bob = send(&bob, (0..40).map(|n| news(["b1", "b2"][n % 2], "news")).collect());
        wait_for(&server, 100).await;
        drop(held);
        let answers = [of_alice.await.unwrap(), of_bob.await.unwrap()].concat();
        for job in ["a1", "a2", "a3", "b1", "b2"] {
            let events = answers.iter().filter(|answer| answer["provider_job_id"] == job);
            let mut sequences: Vec<i64> = events.map(|answer| answer["sequence"].as_i64().unwrap()).collect();
            sequences.sort_unstable();
            assert_eq!(sequences, (1..=20).collect::<Vec<_>>(), "{job}");
        }
        // What writers had taken before they were held, and then all the rest.
        assert!(commits(&server).await <= 4, "{}", commits(&server).await);
        server.expect_state_as_rebuilt().await;
    }

    async fn an_event_that_cannot_be_written_fails_alone_whoevers_group_it_is_in(server: TestServer) {
        let alice = provider_with_jobs(&server, "alice", &["a1"]).await;
        let bob = provider_with_jobs(&server, "bob", &["b1"]).await;
        let refuse = match server.database.kind {
            DatabaseKind::Sqlite => "create trigger refuse before insert on events when new.name = 'poison'
                 begin select raise(abort, 'refused'); end",
            DatabaseKind::Postgres => "alter table events add constraint wholesome check (name <> 'poison')",
        };
        server.database.raw().await.execute(refuse).await.unwrap();
        let held = hold_the_log(&server).await;
        let of_alice = send(&alice, (0..20).map(|n| news("a1", if n == 7 { "poison" } else { "news" })).collect());
        let of_bob = send(&bob, (0..10).map(|_| news("b1", "news")).collect());
        wait_for(&server, 30).await;
        drop(held);
        let of_alice = of_alice.await.unwrap();
        let statuses = |answers: &[Answer]| answers.iter().map(|answer| answer.status).collect::<Vec<_>>();
        assert_eq!(statuses(&of_alice), (0..20).map(|n| if n == 7 { 500 } else { 201 }).collect::<Vec<_>>());
        assert_eq!(statuses(&of_bob.await.unwrap()), [201; 10]);
        server.expect_state_as_rebuilt().await;
    }

    async fn an_event_sent_several_times_at_once_is_recorded_once(server: TestServer) {
        let alice = provider_with_jobs(&server, "alice", &["a1", "a2"]).await;
        let held = hold_the_log(&server).await;
        let keyed = |n: usize| {
            let mut event = news(["a1", "a2"][n % 2], &format!("number {}", n / 4));
            event["idempotency_key"] = json!(format!("key {}", n / 4));
            event
        };
        let sent = send(&alice, (0..200).map(keyed).collect());
        wait_for(&server, 200).await;
        drop(held);
        let answers = sent.await.unwrap();
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        // Each key was sent twice for each of the two jobs.
        assert_eq!((count(201), count(200)), (100, 100));
        for (n, answer) in answers.iter().enumerate() {
            let same = answers.iter().enumerate().find(|(m, other)| *m != n && other["idempotency_key"] == answer["idempotency_key"]
                && other["provider_job_id"] == answer["provider_job_id"]);
            assert_eq!(same.unwrap().1["id"], answer["id"]);
        }
        server.expect_state_as_rebuilt().await;
    }

    async fn what_another_server_has_written_meanwhile_is_not_written_over(server: TestServer) {
        let alice = provider_with_jobs(&server, "alice", &["a1"]).await;
        let beside = server.start_beside().await;
        let there = alice.at(&beside);
        for (n, (person, kind)) in
            [(&alice, "info"), (&there, "error"), (&alice, "info"), (&there, "step"), (&alice, "info")].into_iter().enumerate()
        {
            let event = json!({"provider_job_id": "a1", "kind": kind, "tag": "load"});
            let event = person.post("/events", event).await.expect(201);
            assert_eq!(event["sequence"], n + 1);
        }
        // As its job is now, and not as the first server had it in mind.
        let mut raw = server.database.raw().await;
        assert_eq!(raw.number("select errors from job_steps").await, 1);
        server.expect_state_as_rebuilt().await;
    }

    async fn what_was_mended_by_hand_is_not_written_over(server: TestServer) {
        let alice = provider_with_jobs(&server, "alice", &["a1"]).await;
        alice.report("a1", "error", Some("load")).await;
        let mut raw = server.database.raw().await;
        raw.execute("update job_steps set errors = 7").await.unwrap();
        // A server that knows nothing of it yet takes what is stored for the truth.
        let beside = server.start_beside().await;
        let there = alice.at(&beside);
        there.report("a1", "info", Some("load")).await;
        let mended = Milepost::on(&server.database, &["rebuild"]).run().await.expect_success();
        assert!(mended.contains("errors is 7, events say 1"), "{mended}");
        there.report("a1", "error", Some("load")).await;
        assert_eq!(raw.number("select errors from job_steps").await, 2);
        server.expect_state_as_rebuilt().await;
    }

    async fn a_provider_that_floods_fills_no_more_than_its_share_of_a_group(server: TestServer) {
        let small = |settings: &mut milepost::config::Settings| settings.limits.event_group = NonZeroU32::new(16).unwrap();
        let server = TestServer::start_over(server.stop().await, small).await;
        let alice = provider_with_jobs(&server, "alice", &["a1"]).await;
        let bob = provider_with_jobs(&server, "bob", &["b1"]).await;
        let held = hold_the_log(&server).await;
        let flood = send(&alice, (0..200).map(|_| news("a1", "flood")).collect());
        wait_for(&server, 200).await;
        let modest = send(&bob, vec![news("b1", "news")]);
        wait_for(&server, 201).await;
        drop(held);
        assert_eq!(modest.await.unwrap()[0].status, 201);
        assert!(flood.await.unwrap().iter().all(|answer| answer.status == 201));
        let position = server.database.raw().await.number("select position from events where name = 'news'").await;
        assert!(position < 100, "it came after {position} of 201");
    }
}
