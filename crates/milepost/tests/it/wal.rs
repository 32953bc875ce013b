//! SQLite's write-ahead log: it stays small while streams are open, and becomes small again after somebody has read for
//! long.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{DatabaseKind, Person, TestServer};

/// What the log may reach while nobody reads for long, in bytes: SQLite folds it into the file from 63 MiB on.
const SMALL: u64 = 80 << 20;

/// Reports as much as makes SQLite write some megabytes.
async fn report_much(alice: &Person) {
    let event = |_| json!({"provider_job_id": "J-1", "kind": "info", "name": "x".repeat(4_000)});
    let batch: Vec<Value> = (0..200).map(event).collect();
    for _ in 0..4 {
        alice.post("/events/batch", json!(batch)).await.expect(200);
    }
}

fn log_size(server: &TestServer) -> u64 {
    let file: PathBuf = server.database.folder().unwrap().join("milepost.db-wal");
    file.metadata().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_do_not_make_the_log_grow_and_a_long_reader_does_so_for_its_time_only() {
    let server = TestServer::start(DatabaseKind::Sqlite).await.without_event_rates().await;
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    let job = alice.open_job("scan", "J-1").await;
    let mut streams = Vec::new();
    for path in [format!("/jobs/{job}/stream"), "/jobs/stream".to_owned()] {
        let mut stream = alice.stream(&path, None).await;
        stream.expect().await;
        streams.push(stream);
    }
    for _ in 0..30 {
        report_much(&alice).await;
        assert!(log_size(&server) < SMALL, "{} bytes", log_size(&server));
    }

    let mut reading = server.app.db().begin_reading().await.unwrap();
    milepost::db::log_position(&mut reading, milepost::db::Log::Events).await.unwrap();
    while log_size(&server) < SMALL + (4 << 20) {
        report_much(&alice).await;
    }
    drop(reading);
    report_much(&alice).await;
    report_much(&alice).await;
    assert!(log_size(&server) <= SMALL, "{} bytes", log_size(&server));
}
