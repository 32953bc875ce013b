//! The same idempotency key with the same content is one event, however often it is sent.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::provider_with_job;
use crate::support::{Answer, Person, on_both};

fn info(key: Option<&str>, name: &str) -> Value {
    json!({"provider_job_id": "j1", "kind": "info", "name": name, "idempotency_key": key})
}

async fn post_with_header(person: &Person, key: &str, body: &Value) -> Answer {
    person.send(person.request(Method::POST, "/events").header("Idempotency-Key", key).json(body)).await
}

on_both! {
    async fn a_repeated_event_is_answered_with_the_first(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let first = alice.post("/events", info(Some("k"), "once")).await.expect(201);
        assert_eq!(first["idempotency_key"], "k");
        let before = server.contents().await;
        assert_eq!(alice.post("/events", info(Some("k"), "once")).await.expect(200), first);
        assert_eq!(post_with_header(&alice, "k", &info(None, "once")).await.expect(200), first, "header for body");
        assert_eq!(post_with_header(&alice, "k", &info(Some("k"), "once")).await.expect(200), first, "both");
        assert_eq!(server.contents().await, before);
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_sequence"], 1);
    }

    async fn other_content_under_the_same_key_is_refused(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let base = json!({"provider_job_id": "j1", "kind": "info", "tag": "scan", "name": "a", "fraction": 0.5,
            "event_metadata": {"Density": 1}, "occurred_at": "2026-01-01T00:00:00Z", "idempotency_key": "k"});
        let first = alice.post("/events", base.clone()).await.expect(201);
        let before = server.contents().await;
        let others = [
            ("kind", json!("error")), ("tag", json!("load")), ("name", json!("b")), ("name", Value::Null),
            ("fraction", json!(0.6)), ("event_metadata", json!({"Density": 2})), ("event_metadata", Value::Null),
            ("occurred_at", json!("2026-01-01T00:00:01Z")), ("occurred_at", Value::Null),
        ];
        for (field, value) in others {
            let mut other = base.clone();
            other[field] = value;
            if field == "kind" {
                other["fraction"] = Value::Null;
            }
            alice.post("/events", other).await.expect_problem(422, &["/idempotency_key"]);
        }
        assert_eq!(alice.post("/events", base).await.expect(200), first);
        assert_eq!(server.contents().await, before);
    }

    async fn the_order_of_the_fields_and_the_way_of_writing_them_are_not_content(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let first = r#"{"provider_job_id":"j1","kind":"step","tag":"load","event_metadata":{"Density":1.5,"Comment":"é"},
            "occurred_at":"2026-01-01T12:00:00Z","idempotency_key":"k"}"#;
        let again = r#"{ "idempotency_key" : "k", "occurred_at": "2026-01-01T13:00:00+01:00", "name": null,
            "event_metadata":{"Comment":"\u00e9", "Density":1.5}, "tag":"load", "kind":"step", "provider_job_id":"j1" }"#;
        let first = alice.post_text("/events", "application/json", first).await.expect(201);
        assert_eq!(alice.post_text("/events", "application/json", again).await.expect(200), first);
    }

    async fn header_and_body_must_not_differ(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let before = server.contents().await;
        post_with_header(&alice, "a", &info(Some("b"), "x")).await.expect_problem(422, &["/idempotency_key"]);
        assert_eq!(server.contents().await, before);
    }

    async fn a_key_has_1_to_200_characters(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        alice.post("/events", info(Some(&"é".repeat(200)), "x")).await.expect(201);
        post_with_header(&alice, &"k".repeat(200), &info(None, "x")).await.expect(201);
        let before = server.contents().await;
        for key in [String::new(), "é".repeat(201)] {
            alice.post("/events", info(Some(&key), "x")).await.expect_problem(422, &["/idempotency_key"]);
        }
        for key in [String::new(), "k".repeat(201), "a\tb".to_owned()] {
            post_with_header(&alice, &key, &info(None, "x")).await.expect_problem(422, &["/idempotency_key"]);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn the_same_key_on_another_job_is_another_event(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        alice.open_job("brain", "j2").await;
        let first = alice.post("/events", info(Some("k"), "x")).await.expect(201);
        let mut other = info(Some("k"), "y");
        other["provider_job_id"] = json!("j2");
        let second = alice.post("/events", other).await.expect(201);
        assert_ne!(first["id"], second["id"]);
        assert_eq!(second["sequence"], 1);
    }

    async fn sent_many_times_at_once_it_is_one_event(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let beside = server.start_beside().await;
        let alice = alice.with_new_key("write").await;
        let posts = (0..16).map(|index| {
            let person = alice.at(if index % 2 == 0 { &server } else { &beside });
            async move { person.post("/events", info(Some("k"), "x")).await }
        });
        let answers = join_all(posts).await;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(200)), (1, 15));
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!(alice.get(&format!("/jobs/{job_id}/events")).await.expect(200)["items"].as_array().unwrap().len(), 1);
        beside.stop().await;
    }

    async fn twice_in_one_batch_it_is_one_event(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        alice.open_job("brain", "j2").await;
        let mut of_another_job = info(Some("k"), "x");
        of_another_job["provider_job_id"] = json!("j2");
        let (event, other) = (info(Some("k"), "x"), info(Some("k"), "y"));
        let batch = json!([info(None, "before"), of_another_job, event, event, other]);
        let post = async || alice.post("/events/batch", batch.clone()).await.expect(200)["items"].as_array().unwrap().clone();
        let statuses = |items: &[Value]| items.iter().map(|item| item["status"].as_i64().unwrap()).collect::<Vec<_>>();
        let items = post().await;
        assert_eq!(statuses(&items), [201, 201, 201, 200, 422]);
        assert_eq!(items[2]["event"], items[3]["event"]);
        assert_eq!(items[2]["event"]["sequence"], 2);
        assert_eq!(items[4]["problem"]["errors"][0]["pointer"], "/idempotency_key");
        assert_eq!(statuses(&post().await), [201, 200, 200, 200, 422]);
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_sequence"], 3);
    }
}
