//! A disk that is full: nothing acknowledged is lost, the rest is refused, and all is well once there is room again.

use milepost::db::Db;

use crate::support::{DatabaseKind, TestServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_events_until_there_is_room_again() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let alice = server.provider("alice").await.with_new_key("write").await;
    alice.register("scan", "1.0.0", &[("left", 1)]).await;
    let job_id = alice.open_job("scan", "j1").await;
    let Db::Sqlite { write, .. } = server.app.db() else { unreachable!("it was started so") };
    // No file may grow, as on a full disk.
    sqlx::raw_sql("pragma max_page_count = 1").execute(write).await.unwrap();
    let long_text = "x".repeat(4000);
    let body = serde_json::json!({"provider_job_id": "j1", "kind": "info", "name": long_text});
    let mut acknowledged = 0;
    let refusal = loop {
        let answer = alice.post("/events", body.clone()).await;
        if answer.status != 201 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 1000, "the disk is never full");
    };
    assert_eq!(refusal.headers["retry-after"], "1");
    refusal.expect_problem(503, &[]);
    alice.post("/events", body.clone()).await.expect_problem(503, &[]);
    sqlx::raw_sql("pragma max_page_count = 1000000").execute(write).await.unwrap();
    alice.post("/events", body).await.expect(201);
    let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
    assert_eq!(job["last_sequence"], acknowledged + 1);
    server.expect_state_as_rebuilt().await;
}
