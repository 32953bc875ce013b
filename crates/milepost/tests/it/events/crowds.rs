//! Crowds: the same events again and again over connections that break, and two servers that write as fast as they can.
//! `MILEPOST_TEST_CROWD` says how many events of the first kind there are, and ten times as many of the second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::support::{DatabaseKind, Person, TestServer, on_both};

/// Those who send at once.
const SENDERS: usize = 24;
const JOBS: usize = 8;

fn crowd() -> usize {
    std::env::var("MILEPOST_TEST_CROWD").map_or(200, |size| size.parse().unwrap())
}

/// A provider whose key may report as much as it likes, at two servers.
async fn at_two_servers(server: TestServer) -> (TestServer, TestServer, Person) {
    let server = server.without_event_rates().await;
    let beside = TestServer::start_over(server.database.clone(), |settings| {
        let plenty = 1_000_000.try_into().unwrap();
        (settings.limits.event_rate, settings.limits.event_burst) = (plenty, plenty);
    })
    .await;
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1), ("scan", 3)]).await;
    for number in 0..JOBS {
        alice.open_job("scan", &format!("C-{number}")).await;
    }
    (server, beside, alice)
}

/// Sends a request; the connection is cut so much later, or its answer is awaited: the status.
async fn send(address: &str, request: &str, cut_after: Option<Duration>) -> Option<u16> {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    if let Some(pause) = cut_after {
        sleep(pause).await;
        SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
        return None;
    }
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    Some(answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}")))
}

/// Which of two servers takes what: on SQLite the first one all, since whoever waits for a file that another process
/// writes to has no place in a line.
fn server_of(server: &TestServer, number: usize) -> usize {
    match server.database.kind {
        DatabaseKind::Sqlite => 0,
        DatabaseKind::Postgres => number % 2,
    }
}

/// Whether each job has its events without a gap, and the log of all of them too, in the same order; how many there are.
async fn count_without_gaps(server: &TestServer) -> usize {
    let mut raw = server.database.raw().await;
    let gaps = "select count(*) from jobs where last_sequence <> (select count(*) from events where job_id = jobs.id)
        or last_sequence <> (select max(sequence) from events where job_id = jobs.id)";
    assert_eq!(raw.number(gaps).await, 0);
    let count = raw.number("select count(*) from events").await;
    for last in ["select max(position) from events", "select position from log_positions where log = 'events'"] {
        assert_eq!(raw.number(last).await, count, "{last}");
    }
    let turned =
        "select count(*) from (select position, lag(position) over (partition by job_id order by sequence) as before
        from events) as pairs where position < before";
    assert_eq!(raw.number(turned).await, 0);
    usize::try_from(count).unwrap()
}

on_both! {
    async fn an_event_sent_again_and_again_over_connections_that_break_is_recorded_once(server: TestServer) {
        let (server, beside, alice) = at_two_servers(server).await;
        let key = alice.make_key(None).await.key;
        let addresses: Vec<String> = (0..2)
            .map(|n| [&server, &beside][server_of(&server, n)].url.trim_start_matches("http://").to_owned())
            .collect();
        let next = Arc::new(AtomicUsize::new(0));
        let senders = (0..SENDERS).map(|_| {
            let (addresses, key, next) = (addresses.clone(), key.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= crowd() {
                        return;
                    }
                    let body = json!({"provider_job_id": format!("C-{}", number % JOBS), "kind": "info", "tag": "load",
                        "idempotency_key": format!("event {number}")}).to_string();
                    let request = format!("POST /api/v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\
                        Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    // From twice to ten times; of three connections two are cut, before or after the commit.
                    let sends = (0..2 + number % 9).map(|n| {
                        let pause = Duration::from_micros((number * 7919 + n * 104_729) as u64 % 8_000);
                        send(&addresses[(number + n) % addresses.len()], &request, (n % 3 != 0).then_some(pause))
                    });
                    let statuses: Vec<u16> = join_all(sends).await.into_iter().flatten().collect();
                    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
                }
            })
        });
        for sender in join_all(senders).await {
            sender.unwrap();
        }
        assert_eq!(count_without_gaps(&server).await, crowd());
        server.expect_state_as_rebuilt().await;
        beside.stop().await;
    }

    async fn two_servers_that_write_as_fast_as_they_can_leave_no_gap_and_no_deadlock(server: TestServer) {
        const BATCH: usize = 40;
        let (server, beside, alice) = at_two_servers(server).await;
        let alice = alice.with_new_key("write").await;
        let batches = crowd() * 10 / BATCH;
        let next = Arc::new(AtomicUsize::new(0));
        let writers = (0..SENDERS).map(|writer| {
            let (person, next) = (alice.at([&server, &beside][server_of(&server, writer)]), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= batches {
                        return;
                    }
                    // Every batch begins with another job and goes on by another stride.
                    let job = |n: usize| (number + n * (1 + 2 * (number % 4))) % JOBS;
                    let event = |n| json!({"provider_job_id": format!("C-{}", job(n)), "kind": "info",
                        "tag": (["load", "scan"][(number + n) % 2])});
                    let items = person.post("/events/batch", (0..BATCH).map(event).collect()).await.expect(200);
                    let items = items["items"].as_array().unwrap().clone();
                    assert!(items.iter().all(|item| item["status"] == 201), "{items:?}");
                }
            })
        });
        for writer in join_all(writers).await {
            writer.unwrap();
        }
        assert_eq!(count_without_gaps(&server).await, batches * BATCH);
        server.expect_state_as_rebuilt().await;
        beside.stop().await;
        let kind = server.database.kind;
        let database = server.stop().await;
        // PostgreSQL counts with the end of the connections.
        if kind == DatabaseKind::Postgres {
            let sql = "select deadlocks from pg_stat_database where datname = current_database()";
            assert_eq!(database.raw().await.number(sql).await, 0);
        }
    }
}
