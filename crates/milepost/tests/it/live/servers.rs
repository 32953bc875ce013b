//! Streams of several servers over one database, and of servers that start or lose it.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{next_ids, open_both, provider_with_scans};
use crate::support::{Database, DatabaseKind, Line, Milepost, TestServer, eventually, on_both, status_of};

on_both! {
    async fn an_event_arrives_at_once(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        stream.expect().await;
        let begun = Instant::now();
        for sequence in 1..=10 {
            alice.report("CT-1", "info", None).await;
            assert_eq!(next_ids(&mut stream, 1).await, [sequence]);
        }
        // A hub that is not woken looks twice a second.
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }

    async fn what_is_committed_while_a_server_starts_is_not_lost(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let alice = alice.with_new_key("write").await;
        let job = alice.open_job("scan", "CT-1").await;
        let posting = tokio::spawn({
            let alice = alice.clone();
            async move {
                for _ in 0..150 {
                    alice.report("CT-1", "info", None).await;
                }
            }
        });
        while !posting.is_finished() {
            let other = server.start_beside().await;
            let mut stream = alice.at(&other).stream(&format!("/jobs/{job}/stream"), None).await;
            let first: i64 = stream.expect().await.id.parse().unwrap();
            let count = usize::try_from((150 - first).min(8)).unwrap();
            let seen = next_ids(&mut stream, count).await;
            assert_eq!(seen, (first + 1..).take(count).collect::<Vec<_>>());
            drop(stream);
            other.stop().await;
        }
        posting.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listening_connection_that_breaks_off_only_delays() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    let alice = provider_with_scans(&server).await;
    let job = alice.open_job("scan", "CT-1").await;
    let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
    stream.expect().await;
    let mut raw = server.database.raw().await;
    let listening = "from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    for round in 1..=3 {
        eventually("it listens", || async {
            server.database.raw().await.number(&format!("select count(*) {listening}")).await == 1
        })
        .await;
        raw.execute(&format!("select pg_terminate_backend(pid) {listening}")).await.unwrap();
        alice.report("CT-1", "info", None).await;
        assert_eq!(next_ids(&mut stream, 1).await, [round]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_a_while_delays_a_stream_and_loses_nothing() {
    let near = TestServer::start(DatabaseKind::Postgres).await;
    let alice = provider_with_scans(&near).await;
    let alice = alice.with_new_key("write").await;
    let job = alice.open_job("scan", "CT-1").await;
    let line = Line::to(&near.database).await;
    let far = TestServer::start_over(line.database.clone(), |_| {}).await;
    let at_far = alice.at(&far);
    let [mut stream, mut feed] = open_both(&at_far, &job).await;

    line.cut();
    for _ in 0..3 {
        let event = json!({"provider_job_id": "CT-1", "kind": "info", "idempotency_key": "k"});
        at_far.post("/events", event).await.expect_problem(503, &[]);
    }
    let batch = json!([{"provider_job_id": "CT-1", "kind": "info"}]);
    let refused = at_far.post("/events/batch", batch).await;
    assert!(refused.status == 503 || refused["items"][0]["status"] == 503, "{}", refused.text);
    assert_eq!(status_of(&far.url, "/readyz").await, 503);
    assert_eq!(status_of(&far.url, "/livez").await, 200);
    for _ in 0..5 {
        alice.report("CT-1", "info", None).await;
    }
    stream.expect_silence(Duration::from_secs(1)).await;

    line.mend();
    assert_eq!(next_ids(&mut stream, 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(next_ids(&mut feed, 5).await.len(), 5);
    let event = json!({"provider_job_id": "CT-1", "kind": "info", "idempotency_key": "k"});
    assert_eq!(at_far.post("/events", event).await.expect(201)["sequence"], 6);
    assert_eq!(next_ids(&mut stream, 1).await, [6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_sqlite_file_see_each_others_events() {
    let server = TestServer::start_over(Database::fresh(DatabaseKind::Sqlite).await, |_| {}).await;
    let alice = provider_with_scans(&server).await;
    let alice = alice.with_new_key("write").await;
    let job = alice.open_job("scan", "CT-1").await;
    let other = Milepost::on(&server.database, &["serve"]).serve().await.unwrap();
    let at_other = alice.at_address(&other.url);
    let mut stream = at_other.stream(&format!("/jobs/{job}/stream"), None).await;
    stream.expect().await;
    alice.report("CT-1", "info", None).await;
    at_other.report("CT-1", "info", None).await;
    assert_eq!(next_ids(&mut stream, 2).await, [1, 2]);
}
