//! PostgreSQL, or the way to it, that is gone without a word: nothing is refused, nothing is answered.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Database, DatabaseKind, Line, Person, TestServer, eventually};

/// A server whose requests have five seconds, over a line.
async fn server_over(line: &Line) -> TestServer {
    TestServer::start_over(line.database.clone(), |settings| settings.limits.request_timeout = Duration::from_secs(5))
        .await
}

async fn reporting(server: &TestServer) -> (Person, Person, String) {
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    let job_id = alice.open_job("scan", "j1").await;
    let program = alice.with_new_key("write").await;
    (alice, program, job_id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_lost_without_a_word_is_found_again() {
    let line = Line::to(&Database::fresh(DatabaseKind::Postgres).await).await;
    let server = server_over(&line).await;
    let (alice, program, job_id) = reporting(&server).await;
    let mut stream = alice.stream(&format!("/jobs/{job_id}/stream"), None).await;
    stream.expect().await;
    // All connections have just been used.
    join_all((0..32).map(|_| async { alice.get("/jobs").await.expect(200) })).await;
    program.report("j1", "info", None).await;
    stream.expect().await;
    line.silence();
    let event = json!({"provider_job_id": "j1", "kind": "info"});
    let (lists, answer) =
        tokio::join!(join_all((0..32).map(|_| alice.get("/jobs"))), program.post("/events", event.clone()));
    for list in lists {
        list.expect_problem(503, &[]);
    }
    answer.expect_problem(503, &[]);
    let lost = Instant::now();
    while program.post("/events", event.clone()).await.status != 201 {
        assert!(lost.elapsed() < Duration::from_secs(30), "no event is taken any more");
    }
    stream.expect().await;
    join_all((0..32).map(|_| async { alice.get("/jobs").await.expect(200) })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_holds_its_place_as_long_as_it_waits() {
    let line = Line::to(&Database::fresh(DatabaseKind::Postgres).await).await;
    let server = server_over(&line).await;
    let (_, program, _) = reporting(&server).await;
    program.report("j1", "info", None).await;
    line.silence();
    let places = || server.app.gates().writes.load().used.places;
    let event = json!({"provider_job_id": "j1", "kind": "info"});
    // The first is being written, the others wait behind it; their clients give up.
    for _ in 0..5 {
        assert!(timeout(Duration::from_millis(200), program.post("/events", event.clone())).await.is_err());
    }
    sleep(Duration::from_millis(200)).await;
    assert_eq!(places(), 5);
    timeout(Duration::from_secs(30), async {
        while places() > 0 {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the places are given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_somebody_holds_keeps_nobody_else_waiting() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    let (_, program, job_id) = reporting(&server).await;
    let bob = server.provider("bob").await;
    bob.register("scan", "1.0.0", &[("load", 1)]).await;
    bob.open_job("scan", "j1").await;
    let other = bob.with_new_key("write").await;
    for one in [&program, &other] {
        one.report("j1", "info", None).await;
    }
    let mut raw = server.database.raw().await;
    raw.execute("begin").await.unwrap();
    raw.execute(&format!("select from jobs where id = {} for update", server.database.id(&job_id))).await.unwrap();
    let event = json!({"provider_job_id": "j1", "kind": "info"});
    let begun = Instant::now();
    let held: Vec<_> = (0..20)
        .map(|_| {
            let (program, event) = (program.clone(), event.clone());
            tokio::spawn(async move { program.post("/events", event).await })
        })
        .collect();
    for _ in 0..20 {
        // Some come into one group with those of the job that is held.
        let answers = join_all((0..4).map(|_| other.post("/events", event.clone()))).await;
        for answer in answers {
            answer.expect(201);
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    raw.execute("rollback").await.unwrap();
    for answer in held {
        answer.await.unwrap().expect(201);
    }
    eventually("all places are free", async || server.app.gates().writes.load().used.places == 0).await;
}
