//! What the server keeps in mind of keys and jobs is never believed when it matters.

use std::time::Duration;

use axum::body::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::Body;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::support::{Person, TestServer, on_both};

/// Within this time the server has read the head of a request.
const HEAD: Duration = Duration::from_millis(300);

/// A body that is sent later than the head.
fn slow_body() -> (oneshot::Sender<String>, Body) {
    let (sender, body) = oneshot::channel::<String>();
    let frames = stream::once(async move { body.await.map(|text| Frame::data(Bytes::from(text))) });
    (sender, Body::wrap(StreamBody::new(frames)))
}

async fn reporting(server: &TestServer) -> (Person, Person, String, String) {
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    let job_id = alice.open_job("scan", "j1").await;
    let key = alice.make_key(None).await;
    let program = alice.with_key(&key);
    // The second is let in by what is known since the first.
    for _ in 0..2 {
        program.report("j1", "info", Some("load")).await;
    }
    (alice, program, job_id, key.id)
}

on_both! {
    async fn a_key_that_has_just_expired_records_nothing_and_learns_nothing(server: TestServer) {
        let (alice, program, job_id, key_id) = reporting(&server).await;
        program.post("/events", json!({"provider_job_id": "j1", "kind": "step", "tag": "unknown"})).await.expect(422);
        alice.post(&format!("/api-keys/{key_id}/expire"), json!({})).await.expect(200);
        for event in [
            json!({"provider_job_id": "j1", "kind": "info"}),
            json!({"provider_job_id": "j1", "kind": "step", "tag": "unknown"}),
            json!({"provider_job_id": "j2", "kind": "info"}),
            json!({"provider_job_id": "j1", "kind": "no such kind"}),
        ] {
            program.post("/events", event).await.expect_problem(401, &[]);
        }
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_sequence"], 2);
    }

    async fn who_ends_while_a_request_is_being_sent_records_nothing(server: TestServer) {
        let (alice, program, job_id, key_id) = reporting(&server).await;
        let batch = "{\"provider_job_id\": \"j1\", \"kind\": \"info\"}\n".repeat(3);
        let (sent, body) = slow_body();
        let answer = tokio::spawn(async move { program.post_text("/events/batch", "application/x-ndjson", body).await });
        sleep(HEAD).await;
        alice.post(&format!("/api-keys/{key_id}/expire"), json!({})).await.expect(200);
        sent.send(batch).unwrap();
        let answers = answer.await.unwrap().expect(200);
        assert_eq!(answers["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect::<Vec<_>>(), [401; 3]);
        let beside = Person::sign_in(&server.url, "alice@provider.example").await;
        let (sent, body) = slow_body();
        let answer = tokio::spawn({
            let beside = beside.clone();
            async move { beside.post_text("/events", "application/json", body).await }
        });
        sleep(HEAD).await;
        beside.post("/logout", json!({})).await;
        sent.send(json!({"provider_job_id": "j1", "kind": "info"}).to_string()).unwrap();
        answer.await.unwrap().expect_problem(401, &[]);
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_sequence"], 2);
    }

    async fn a_key_of_an_account_that_was_just_disabled_records_nothing(server: TestServer) {
        let (alice, program, job_id, _) = reporting(&server).await;
        let id = server.database.id(&alice.id);
        let time = "'2026-01-01T00:00:00+00:00'";
        server.database.raw().await.execute(&format!("update users set disabled_at = {time} where id = {id}")).await.unwrap();
        program.post("/events", json!({"provider_job_id": "j1", "kind": "info"})).await.expect_problem(401, &[]);
        let count = format!("select last_sequence from jobs where id = {}", server.database.id(&job_id));
        assert_eq!(server.database.raw().await.number(&count).await, 2);
    }

    async fn a_job_that_took_the_place_of_another_gets_its_events(server: TestServer) {
        let (alice, program, job_id, _) = reporting(&server).await;
        let id = server.database.id(&job_id);
        let mut raw = server.database.raw().await;
        for statement in [
            format!("delete from events where job_id = {id}"),
            format!("delete from job_steps where job_id = {id}"),
            format!("delete from jobs where id = {id}"),
        ] {
            raw.execute(&statement).await.unwrap();
        }
        // A step that the job before did not have.
        let event = json!({"provider_job_id": "j1", "kind": "step", "tag": "scan"});
        alice.register("other", "1.0.0", &[("scan", 1)]).await;
        let new = alice.open_job("other", "j1").await;
        assert_eq!(program.post("/events", event).await.expect(201)["job_id"], new);
    }
}
