//! Bad input: the right status, the pointer of the field, and nothing changed.

use std::time::Duration;

use serde_json::{Value, json};

use super::provider_with_job;
use crate::support::on_both;

/// Posts each body as an event and as the only one of a batch: refused with that status and those pointers, both times.
macro_rules! expect_refusals {
    ($server:expr, $person:expr, $cases:expr) => {
        let before = $server.contents().await;
        for (body, status, pointers) in $cases {
            let (body, pointers): (String, &[&str]) = (body, pointers);
            let shown: String = body.chars().take(200).collect();
            let answer = $person.post_text("/events", "application/json", body.clone()).await;
            assert_eq!(answer.status, status, "{shown}: {}", answer.text);
            answer.expect_problem(status, pointers);
            let line = body.replace('\n', " ");
            let batch = $person.post_text("/events/batch", "application/x-ndjson", line).await.expect(200);
            assert_eq!(batch["items"][0]["status"], status, "in a batch: {shown}: {batch}");
        }
        assert_eq!($server.contents().await, before);
    };
}

fn with(field: &str, value: &str) -> String {
    let mut fields = vec![("provider_job_id", r#""j1""#), ("kind", r#""info""#), ("tag", r#""scan""#)];
    fields.retain(|(name, _)| *name != field);
    fields.push((field, value));
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

on_both! {
    async fn every_field_of_a_wrong_type_is_refused_by_name(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let wrong: &[(&str, &[&str])] = &[
            ("/provider_job_id", &["null", "1", "1e400", "true", "[]", "{}", "[\"j1\"]", "\"\""]),
            ("/kind", &["null", "1", "true", "[]", "{}", "\"\"", "\"launch\"", "\"Step\"", "{\"step\": null}", "[\"step\"]"]),
            ("/tag", &["1", "true", "[]", "{}", "\"\"", "\"a b\"", "\"brain\"", "\"scan \""]),
            ("/name", &["1", "true", "[]", "{}", "-1e400"]),
            ("/event_metadata", &["1", "true", "\"x\"", "[]", "[[\"Density\", 1]]"]),
            ("/event_metadata/Density", &["{\"Density\": []}", "{\"Density\": {}}", "{\"Density\": [1]}"]),
            ("/event_metadata/a~1b~0", &["{\"a/b~\": []}"]),
            ("/idempotency_key", &["1", "true", "[]", "{}"]),
        ];
        let cases = wrong.iter().flat_map(|(pointer, values)| {
            let field = pointer.split('/').nth(1).unwrap();
            values.iter().map(move |value| (with(field, value), 422, std::slice::from_ref(pointer)))
        });
        expect_refusals!(server, alice, cases);
    }

    async fn a_field_that_is_missing_unknown_or_there_twice_is_refused_by_name(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        expect_refusals!(server, alice, [
            (r#"{"kind": "info"}"#.to_owned(), 422, &["/provider_job_id"][..]),
            (r#"{"provider_job_id": "j1"}"#.to_owned(), 422, &["/kind"]),
            (r#"{"provider_job_id": "j1", "kind": "step"}"#.to_owned(), 422, &["/tag"]),
            (r#"{"provider_job_id": "j1", "kind": "step", "tag": null}"#.to_owned(), 422, &["/tag"]),
            (with("step", "1"), 422, &["/step"]),
            (with("job_id", "\"j1\""), 422, &["/job_id"]),
            (r#"{"provider_job_id": "j1", "kind": "info", "kind": "step"}"#.to_owned(), 422, &["/kind"]),
            (with("event_metadata", r#"{"a": 1, "a": 1}"#), 422, &["/event_metadata/a"]),
            (with("event_metadata", r#"{"a": 1, "\u0061": 2}"#), 422, &["/event_metadata/a"]),
        ]);
    }

    async fn what_is_no_object_is_refused(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        expect_refusals!(server, alice, [
            ("null".to_owned(), 422, &[""][..]),
            ("1".to_owned(), 422, &[""]),
            ("\"event\"".to_owned(), 422, &[""]),
            ("[]".to_owned(), 422, &[""]),
            (r#"["j1", "info", "scan", null, null, null, null, null]"#.to_owned(), 422, &[""]),
        ]);
    }

    async fn what_is_no_json_is_refused(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let good = with("name", "\"x\"");
        expect_refusals!(server, alice, [
            ("{".to_owned(), 400, &[][..]),
            ("nothing".to_owned(), 400, &[]),
            (format!("{good}}}"), 400, &[]),
            (format!("{good} {good}"), 400, &[]),
            (good.replace(", ", ",, "), 400, &[]),
            (with("name", "'x'"), 400, &[]),
            (with("name", "NaN"), 400, &[]),
            (with("event_metadata", r#"{"Density": NaN}"#), 400, &[]),
            (with("event_metadata", r#"{"Density": 01}"#), 400, &[]),
            (with("event_metadata", r#"{"Density": Infinity}"#), 400, &[]),
            (with("name", r#""\ud800""#), 400, &[]),
            (with("name", r#""\udc00 \ud800""#), 400, &[]),
            (with("event_metadata", r#"{"Comment": "\ud800"}"#), 400, &[]),
            (with("event_metadata", r#"{"\udfff": 1}"#), 400, &[]),
            (with("name", "\"a\tb\""), 400, &[]),
            (r#"{"kind": 1, "name": }"#.to_owned(), 400, &[]),
            (r#""kind": "info"}"#.to_owned(), 400, &[]),
        ]);
        alice.post_text("/events", "application/json", "").await.expect_problem(400, &[]);
        alice.post_text("/events", "application/json", &b"{\"kind\": \"\xff\"}"[..]).await.expect_problem(400, &[]);
    }

    async fn nul_is_refused_wherever_it_enters(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        expect_refusals!(server, alice, [
            (with("provider_job_id", r#""j\u0000""#), 422, &["/provider_job_id"][..]),
            (with("tag", r#""scan\u0000""#), 422, &["/tag"]),
            (with("name", r#""\u0000""#), 422, &["/name"]),
            (with("idempotency_key", r#""k\u0000""#), 422, &["/idempotency_key"]),
            (with("event_metadata", r#"{"Comment": "a\u0000b"}"#), 422, &["/event_metadata/Comment"]),
            (with("event_metadata", r#"{"a\u0000": 1}"#), 422, &["/event_metadata/a\0"]),
        ]);
    }

    async fn what_is_nested_too_deep_is_refused_without_harm(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        // 64 levels are read, the event's own among them; what is in them does not fit, of course.
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        expect_refusals!(server, alice, [
            (with("event_metadata", &format!("{{\"Density\": {}}}", nested(62))), 422, &["/event_metadata/Density"][..]),
            (with("event_metadata", &nested(63)), 422, &["/event_metadata"]),
            (with("name", &nested(63)), 422, &["/name"]),
            (with("unknown", &nested(63)), 422, &["/unknown"]),
            (nested(64), 422, &[""]),
        ]);
        for depth in [65, 200, 30_000] {
            expect_refusals!(server, alice, [
                (with("event_metadata", &format!("{{\"Density\": {}}}", nested(depth - 2))), 400, &[][..]),
                (with("event_metadata", &nested(depth - 1)), 400, &[]),
                (with("name", &nested(depth - 1)), 400, &[]),
                (nested(depth), 400, &[]),
            ]);
        }
        // Brackets in text are text.
        let text = with("name", &format!("\"\\\"{}\"", "[".repeat(200)));
        alice.post_text("/events", "application/json", text).await.expect(201);
        let before = server.contents().await;
        let depth = 50_000;
        let objects = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        for body in [nested(depth), objects, "[".repeat(depth), "{\"a\":".repeat(depth)] {
            for path in ["/events", "/jobs", "/job-configurations", "/login"] {
                let answer = alice.post_text(path, "application/json", body.clone()).await;
                assert!(matches!(answer.status, 400 | 413), "{path}: {} {}", answer.status, answer.text);
            }
            for media_type in ["application/json", "application/x-ndjson"] {
                let answer = alice.post_text("/events/batch", media_type, body.clone()).await;
                let status = if answer.status == 200 { &answer["items"][0]["status"] } else { &json!(answer.status) };
                assert!([400, 422].iter().any(|refused| status == refused), "{media_type}: {}", answer.text);
            }
        }
        assert_eq!(server.contents().await, before);
    }

    async fn in_a_batch_an_event_too_deep_is_refused_alone(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let deep = with("event_metadata", &format!("{}{}", "[".repeat(64), "]".repeat(64)));
        let good = with("name", "\"x\"");
        let array = format!("[{deep},{good}]");
        for (media_type, body) in [("application/json", array), ("application/x-ndjson", format!("{deep}\n{good}\n"))] {
            let answer = alice.post_text("/events/batch", media_type, body).await.expect(200);
            let statuses: Vec<&Value> = answer["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
            assert_eq!(statuses, [&json!(400), &json!(201)], "{media_type}: {answer}");
        }
    }

    async fn another_media_type_is_refused_and_none_is_json(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let body = with("name", "\"x\"");
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/x-ndjson", ""] {
            alice.post_text("/events", media_type, body.clone()).await.expect_problem(415, &[]);
        }
        for media_type in ["application/json", "Application/JSON; charset=utf-8"] {
            alice.post_text("/events", media_type, body.clone()).await.expect(201);
        }
        let without = alice.request(reqwest::Method::POST, "/events").body(body);
        alice.send(without).await.expect(201);
    }

    async fn a_job_that_is_not_the_providers_is_one_that_does_not_exist(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let mallory = server.provider("mallory").await;
        mallory.register("brain", "1.0.0", &[("load", 1)]).await;
        let before = server.contents().await;
        let event = |job: &str| json!({"provider_job_id": job, "kind": "step", "tag": "load"});
        let foreign = mallory.post("/events", event("j1")).await.expect_problem(404, &["/provider_job_id"]);
        let missing = alice.post("/events", event("j9")).await.expect_problem(404, &["/provider_job_id"]);
        assert_eq!(foreign.to_string().replace("j1", "j9"), missing.to_string());
        assert_eq!(server.contents().await, before);
    }

    async fn a_tag_of_another_configuration_is_refused_with_the_tags_there_are(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        alice.register("other", "1.0.0", &[("render", 1)]).await;
        let body = json!({"provider_job_id": "j1", "kind": "step", "tag": "render"});
        let problem = alice.post("/events", body).await.expect_problem(422, &["/tag"]);
        assert!(problem["detail"].as_str().unwrap().contains("load, scan"), "{problem}");
    }

    async fn a_body_that_breaks_off_changes_nothing(server: TestServer) {
        use tokio::io::AsyncWriteExt;
        let (alice, _) = provider_with_job(&server).await;
        let key = alice.make_key(None).await.key;
        let before = server.contents().await;
        let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let head = format!("POST /api/v1/events HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 500\r\n\r\n");
        socket.write_all(format!("{head}{}", with("name", "\"x\"")).as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), async {
            let mut answer = String::new();
            let _ = tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut answer).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        })
        .await
        .unwrap();
        assert_eq!(server.contents().await, before);
    }
}

#[test]
fn a_case_replaces_its_field() {
    let case: Value = serde_json::from_str(&with("kind", "\"step\"")).unwrap();
    assert_eq!(case, json!({"provider_job_id": "j1", "kind": "step", "tag": "scan"}));
}
