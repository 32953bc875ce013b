//! Many events in one request: an answer for each, in order, and one that is bad does not spoil the rest.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use super::provider_with_job;
use crate::support::{TestServer, on_both};

const NDJSON: &str = "application/x-ndjson";

fn statuses(answer: &Value) -> Vec<i64> {
    answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_i64().unwrap()).collect()
}

on_both! {
    async fn answers_come_in_the_order_of_the_events_and_bad_ones_spoil_nothing(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        alice.open_job("brain", "j2").await;
        let batch = json!([
            {"provider_job_id": "j2", "kind": "step", "tag": "load"},
            {"provider_job_id": "j1", "kind": "step", "tag": "load"},
            {"provider_job_id": "j1", "kind": "step", "tag": "scan", "event_metadata": {"Density": "40"}},
            {"provider_job_id": "j3", "kind": "step", "tag": "load"},
            {"provider_job_id": "j2", "kind": "launch"},
            ["j1", "step", "load"],
            null,
            {"provider_job_id": "j2", "kind": "step", "tag": "scan"},
            {"provider_job_id": "j1", "kind": "complete"},
        ]);
        let answer = alice.post("/events/batch", batch).await.expect(200);
        assert_eq!(statuses(&answer), [201, 201, 422, 404, 422, 422, 422, 201, 201]);
        let item = |index: usize| &answer["items"][index];
        for (index, job, sequence) in [(0, "j2", 1), (1, "j1", 1), (7, "j2", 2), (8, "j1", 2)] {
            assert_eq!(item(index)["event"]["provider_job_id"], job);
            assert_eq!(item(index)["event"]["sequence"], sequence);
            assert_eq!(item(index)["problem"], Value::Null);
        }
        for (index, pointer) in [(2, "/event_metadata/Density"), (3, "/provider_job_id"), (4, "/kind")] {
            assert_eq!(item(index)["event"], Value::Null);
            assert_eq!(item(index)["problem"]["errors"][0]["pointer"], pointer);
        }
        let jobs = alice.get("/jobs").await.expect(200);
        assert!(jobs["items"].as_array().unwrap().iter().all(|job| job["status"] == "completed"), "{jobs}");
        server.expect_state_as_rebuilt().await;
    }

    async fn events_of_one_job_are_recorded_in_the_order_they_are_sent(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let kinds = ["info", "error", "step", "error", "info", "step"];
        let batch: Vec<Value> =
            kinds.iter().map(|kind| json!({"provider_job_id": "j1", "kind": kind, "tag": "scan"})).collect();
        alice.post("/events/batch", json!(batch)).await.expect(200);
        let listed = alice.get(&format!("/jobs/{job_id}/events")).await.expect(200);
        let listed: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
        assert_eq!(listed, kinds);
        let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
        assert_eq!((&job["steps"][1]["status"], &job["steps"][1]["attempts"]), (&json!("finished"), &json!(3)));
    }

    async fn ndjson_is_an_event_a_line(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let lines = concat!(
            "{\"provider_job_id\": \"j1\", \"kind\": \"step\", \"tag\": \"load\"}\r\n",
            "\n  \t\r\n",
            "{\"provider_job_id\": \"j1\",\r\n",
            "{\"provider_job_id\": \"j1\", \"kind\": \"info\"} {\"provider_job_id\": \"j1\", \"kind\": \"info\"}\n",
            "  {\"provider_job_id\": \"j1\", \"kind\": \"info\", \"name\": \"\\u2028 é\"}  \n",
            "\"a line\"\n",
            "{\"provider_job_id\": \"j1\", \"kind\": \"complete\"}",
        );
        for media_type in [NDJSON, "application/x-ndjson; charset=utf-8", "application/jsonl"] {
            let answer = alice.post_text("/events/batch", media_type, lines).await.expect(200);
            assert_eq!(statuses(&answer), [201, 400, 400, 201, 422, 201]);
            assert_eq!(answer["items"][3]["event"]["name"], "\u{2028} é");
        }
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_sequence"], 9);
    }

    async fn a_line_that_is_no_utf_8_spoils_only_itself(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let mut lines = b"{\"provider_job_id\": \"j1\", \"kind\": \"info\", \"name\": \"\xff\"}\n".to_vec();
        lines.extend(b"{\"provider_job_id\": \"j1\", \"kind\": \"info\"}");
        let answer = alice.post_text("/events/batch", NDJSON, lines).await.expect(200);
        assert_eq!(statuses(&answer), [400, 201]);
    }

    async fn a_batch_may_be_empty(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        assert_eq!(alice.post("/events/batch", json!([])).await.expect(200), json!({"items": []}));
        assert_eq!(alice.post_text("/events/batch", NDJSON, "\n").await.expect(200), json!({"items": []}));
    }

    async fn what_is_no_batch_is_refused_whole(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let before = server.contents().await;
        let event = r#"{"provider_job_id": "j1", "kind": "info"}"#;
        for (body, status, pointers) in [
            (event.to_owned(), 422, &[""][..]),
            (format!("[{event}"), 400, &[]),
            (format!("[{event}] 1"), 400, &[]),
            (format!("[{event} {event}]"), 400, &[]),
            (String::new(), 400, &[]),
        ] {
            alice.post_text("/events/batch", "application/json", body).await.expect_problem(status, pointers);
        }
        alice.post_text("/events/batch", "text/csv", "a,b").await.expect_problem(415, &[]);
        assert_eq!(server.contents().await, before);
    }

    async fn a_batch_holds_as_many_events_as_a_body_can(server: TestServer) {
        let server = TestServer::start_over(server.stop().await, |settings| {
            settings.limits.event_burst = NonZeroU32::new(50_000).unwrap();
        })
        .await;
        let (alice, job_id) = provider_with_job(&server).await;
        let before = server.contents().await;
        alice.post_text("/events/batch", NDJSON, "{}\n".repeat(30_001)).await.expect_problem(422, &[""]);
        assert_eq!(server.contents().await, before);
        let line = "{\"provider_job_id\":\"j1\",\"kind\":\"info\",\"tag\":\"scan\"}\n";
        let answer = alice.post_text("/events/batch", NDJSON, line.repeat(10_000)).await.expect(200);
        let items = answer["items"].as_array().unwrap();
        assert!(items.iter().zip(1..).all(|(item, sequence)| item["event"]["sequence"] == sequence));
        assert_eq!(items.len(), 10_000);
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_sequence"], 10_000);
    }

    async fn a_batch_has_at_most_1_mib(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let line = "{\"provider_job_id\":\"j1\",\"kind\":\"info\"}";
        let filled = |bytes: usize| format!("{line}{}", " ".repeat(bytes - line.len()));
        let before = server.contents().await;
        alice.post_text("/events/batch", NDJSON, filled(1024 * 1024 + 1)).await.expect_problem(413, &[]);
        assert_eq!(server.contents().await, before);
        let answer = alice.post_text("/events/batch", NDJSON, filled(1024 * 1024)).await.expect(200);
        assert_eq!(statuses(&answer), [201]);
    }

    async fn an_event_has_at_most_64_kib(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let filled = |bytes: usize| {
            let event = "{\"provider_job_id\":\"j1\",\"kind\":\"info\"";
            format!("{event}{}}}", " ".repeat(bytes - event.len() - 1))
        };
        alice.post_text("/events", "application/json", filled(64 * 1024)).await.expect(201);
        let before = server.contents().await;
        alice.post_text("/events", "application/json", filled(64 * 1024 + 1)).await.expect_problem(413, &[]);
        assert_eq!(server.contents().await, before);
    }

    async fn in_a_batch_an_event_holds_as_many_texts_as_long_as_they_may_be(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let texts: serde_json::Map<_, _> = (0..100).map(|n| (format!("text {n}"), json!("x".repeat(4096)))).collect();
        let event = json!({"provider_job_id": "j1", "kind": "info", "event_metadata": texts});
        alice.post("/events", event.clone()).await.expect_problem(413, &[]);
        let answer = alice.post("/events/batch", json!([event])).await.expect(200);
        assert_eq!(statuses(&answer), [201]);
        assert_eq!(answer["items"][0]["event"]["event_metadata"], event["event_metadata"]);
    }

    async fn an_idempotency_key_for_a_whole_batch_is_refused(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let before = server.contents().await;
        let body = json!([{"provider_job_id": "j1", "kind": "info"}]);
        let request = alice.request(reqwest::Method::POST, "/events/batch").header("idempotency-key", "k").json(&body);
        alice.send(request).await.expect_problem(422, &["/Idempotency-Key"]);
        let event = json!({"provider_job_id": "j1", "kind": "info"});
        let request = alice.request(reqwest::Method::POST, "/events").json(&event);
        let twice = request.header("idempotency-key", "one").header("idempotency-key", "two");
        alice.send(twice).await.expect_problem(422, &["/idempotency_key"]);
        assert_eq!(server.contents().await, before);
    }

    async fn a_body_far_over_the_limit_is_answered_too(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        for path in ["/events", "/events/batch", "/jobs", "/job-configurations"] {
            alice.post_text(path, "application/json", " ".repeat(8 * 1024 * 1024)).await.expect_problem(413, &[]);
        }
    }
}
