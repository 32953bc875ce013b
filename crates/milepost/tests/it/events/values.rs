//! Metadata and fractions: what is kept as it was sent, and what is refused.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::provider_with_job;
use crate::support::{Answer, Person, on_both};

/// Reports `scan` with this metadata, in JSON as it is written.
async fn measure(person: &Person, metadata: &str) -> Answer {
    let body = format!(r#"{{"provider_job_id": "j1", "kind": "info", "tag": "scan", "event_metadata": {metadata}}}"#);
    person.post_text("/events", "application/json", body).await
}

/// The value of a name that `scan` defines, as the job shows it.
async fn shown(person: &Person, job_id: &str, name: &str) -> Value {
    let job = person.get(&format!("/jobs/{job_id}")).await.expect(200);
    let fields = job["steps"][1]["metadata"].as_array().unwrap().clone();
    fields.into_iter().find(|field| field["name"] == name).unwrap()["value"].clone()
}

/// The number behind a key in JSON text, read as exactly as can be.
fn number_in(text: &str, name: &str) -> f64 {
    let behind = text.split(&format!("\"{name}\":")).nth(1).unwrap();
    behind.split([',', '}']).next().unwrap().parse().unwrap()
}

on_both! {
    async fn a_large_double_stays_a_double(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let body = |value: &Value| json!({
            "provider_job_id": "j1", "kind": "info", "tag": "scan", "event_metadata": {"Density": value},
            "idempotency_key": value.to_string(),
        });
        for number in [1e17, -1.613_048_458_946_231_4e17, 1e300, 1.8e19] {
            let sent = json!(number);
            let first = alice.post("/events", body(&sent)).await.expect(201);
            assert_eq!(first["event_metadata"]["Density"], sent);
            assert_eq!(alice.post("/events", body(&sent)).await.expect(200), first);
            assert_eq!(shown(&alice, &job_id, "Density").await, sent);
        }
        server.expect_state_as_rebuilt().await;
    }

    async fn a_number_is_kept_exactly_as_the_double_it_is(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        for number in ["0", "-0", "-0.0", "0.1", "12.50", "1e2", "1E+2", "9007199254740992", "-9007199254740992",
            "9007199254740993.0", "1e15", "1e16", "1e21", "123456789012345680000.0", "1e308", "1.7976931348623157e308",
            "-1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "1e-400", "0.30000000000000004",
            "8.988465674311582e307", "1.1125369292536007e-308", "3.141592653589793", "1.0000000000000002"]
        {
            let answer = measure(&alice, &format!("{{\"Density\":{number}}}")).await;
            assert_eq!(answer.status, 201, "{number}: {}", answer.text);
            let sent: f64 = number.parse().unwrap();
            assert_eq!(number_in(&answer.text, "Density").to_bits() << 1, sent.to_bits() << 1, "{number}: {}", answer.text);
            let kept = alice.get(&format!("/jobs/{job_id}")).await.text;
            let kept = kept.split("\"Step scan\"").nth(1).unwrap();
            let kept = number_in(kept.split("\"Density\"").nth(1).unwrap(), "value");
            assert_eq!(kept.to_bits() << 1, sent.to_bits() << 1, "{number}: kept {kept}");
        }
        server.expect_state_as_rebuilt().await;
    }

    async fn any_double_comes_back_as_it_was_sent(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let mut runner = TestRunner::deterministic();
        let numbers = prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL, 100);
        for _ in 0..4 {
            let numbers = numbers.new_tree(&mut runner).unwrap().current();
            let fields: Vec<String> = numbers.iter().zip(0..).map(|(number, index)| format!("\"n{index}\":{number:e}")).collect();
            measure(&alice, &format!("{{{}}}", fields.join(","))).await.expect(201);
            let listed = alice.get(&format!("/jobs/{job_id}/events?limit=200")).await.text;
            let last = listed.rsplit("\"event_metadata\":").next().unwrap();
            for (number, index) in numbers.iter().zip(0..) {
                let kept = number_in(last, &format!("n{index}"));
                assert_eq!(kept.to_bits(), number.to_bits(), "{number:e} came back as {kept:e}");
            }
        }
    }

    async fn a_number_that_a_double_does_not_hold_is_refused_with_the_advice_to_send_text(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let before = server.contents().await;
        for number in ["9007199254740993", "-9007199254740993", "9223372036854775807", "9223372036854775808",
            "-9223372036854775809", "18446744073709551616", "1e309", "-1e309", "1e400", "1e999999999999",
            "123456789012345678901234567890"]
        {
            for name in ["Density", "Unknown"] {
                let answer = measure(&alice, &format!("{{\"{name}\": {number}}}")).await;
                let problem = answer.expect_problem(422, &[&format!("/event_metadata/{name}")]);
                assert!(problem["detail"].as_str().unwrap().contains("text"), "{number}: {problem}");
            }
        }
        assert_eq!(server.contents().await, before);
    }

    async fn a_misfit_names_the_field_the_kind_expected_and_the_value_got(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let before = server.contents().await;
        for (name, value, expected, got) in [
            ("Density", json!("40"), "number", "\"40\""),
            ("Density", json!(true), "number", "true"),
            ("Comment", json!(40), "text", "40"),
            ("Comment", json!(false), "text", "false"),
            ("Report", json!(7), "URL", "7"),
            ("Report", json!("report.html"), "URL", "report.html"),
        ] {
            let problem = measure(&alice, &json!({name: value}).to_string()).await;
            let problem = problem.expect_problem(422, &[&format!("/event_metadata/{name}")]);
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains(expected) && detail.contains(got), "{detail}");
        }
        let both = measure(&alice, r#"{"Density": "x", "Comment": 1, "Report": "https://example.com"}"#).await;
        both.expect_problem(422, &["/event_metadata/Density", "/event_metadata/Comment"]);
        assert_eq!(server.contents().await, before);
    }

    async fn null_is_not_measured_and_leaves_the_value_before(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        measure(&alice, r#"{"Density": 1, "Comment": "", "Report": null}"#).await.expect(201);
        let event = measure(&alice, r#"{"Density": null, "Comment": null}"#).await.expect(201);
        assert_eq!(event["event_metadata"], json!({"Density": null, "Comment": null}));
        assert_eq!(shown(&alice, &job_id, "Density").await, 1);
        assert_eq!(shown(&alice, &job_id, "Comment").await, "");
        assert_eq!(shown(&alice, &job_id, "Report").await, Value::Null);
    }

    async fn unknown_names_stay_in_the_event_and_out_of_the_step(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let metadata = json!({"Ghost": "a", "density": 1, "ok": true, "é/~": 2, "\u{1F9E0}": null, "Density": 3});
        let event = measure(&alice, &metadata.to_string()).await.expect(201);
        assert_eq!(event["event_metadata"], metadata);
        assert_eq!(alice.get(&format!("/jobs/{job_id}/events")).await["items"][0], event);
        let job = alice.get(&format!("/jobs/{job_id}")).await;
        let names: Vec<&Value> = job["steps"][1]["metadata"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
        assert_eq!(names, ["Density", "Comment", "Report"]);
        let body = json!({"provider_job_id": "j1", "kind": "info", "event_metadata": {"Density": "no step, no kind"}});
        alice.post("/events", body).await.expect(201);
    }

    async fn a_link_is_an_absolute_http_or_https_url(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        for link in ["http://example.com", "https://example.com/a?b=c#d", "HTTPS://EXAMPLE.COM/", "http://127.0.0.1:8080/x",
            "http://[::1]/x", "https://bücher.example/ü", "https://user@example.com/%20"]
        {
            measure(&alice, &json!({"Report": link}).to_string()).await.expect(201);
            assert_eq!(shown(&alice, &job_id, "Report").await, link);
        }
        let before = server.contents().await;
        for link in ["", "/report", "report.html", "//example.com", "example.com", "javascript:alert(1)", "JavaScript:alert(1)",
            "data:text/html,x", "ftp://example.com", "file:///etc/passwd", "mailto:a@b.example", "http:example.com",
            "http:/example.com", "http://", "https://?q", "http:///example.com", "https:\\\\example.com", "http://a b.example",
            "https://example.com/a b", " https://example.com", "https://example.com\n", "java\nscript:alert(1)",
            "https://exa\tmple.com", "http://example.com:99999/", "http://[::1/"]
        {
            let answer = measure(&alice, &json!({"Report": link}).to_string()).await;
            assert_eq!(answer.status, 422, "{link:?}: {}", answer.text);
            answer.expect_problem(422, &["/event_metadata/Report"]);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn text_has_at_most_4096_bytes(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let (largest, too_large) = ("é".repeat(2048), "é".repeat(2048) + "x");
        for name in ["Comment", "Unknown"] {
            measure(&alice, &json!({name: largest}).to_string()).await.expect(201);
        }
        assert_eq!(shown(&alice, &job_id, "Comment").await, largest);
        let event = json!({"provider_job_id": "j1", "kind": "error", "name": largest});
        assert_eq!(alice.post("/events", event).await.expect(201)["name"], largest);
        let before = server.contents().await;
        for name in ["Comment", "Unknown"] {
            let pointer = format!("/event_metadata/{name}");
            measure(&alice, &json!({name: too_large}).to_string()).await.expect_problem(422, &[&pointer]);
        }
        let event = json!({"provider_job_id": "j1", "kind": "error", "name": too_large});
        alice.post("/events", event).await.expect_problem(422, &["/name"]);
        assert_eq!(server.contents().await, before);
    }

    async fn metadata_has_at_most_100_fields_with_names_of_1_to_200_characters(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let fields = |count| Value::Object((0..count).map(|n| (format!("n{n}"), json!(n))).collect::<Map<_, _>>());
        measure(&alice, &fields(100).to_string()).await.expect(201);
        measure(&alice, &json!({"é".repeat(200): 1}).to_string()).await.expect(201);
        let before = server.contents().await;
        measure(&alice, &fields(101).to_string()).await.expect_problem(422, &["/event_metadata"]);
        measure(&alice, r#"{"": 1}"#).await.expect_problem(422, &["/event_metadata/"]);
        let long = "é".repeat(201);
        measure(&alice, &json!({&long: 1}).to_string()).await.expect_problem(422, &[&format!("/event_metadata/{long}")]);
        assert_eq!(server.contents().await, before);
    }

    async fn a_fraction_is_kept_in_millionths_and_only_news_of_a_step_carry_one(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let news = |fraction: &str| {
            let body = format!(r#"{{"provider_job_id":"j1","kind":"info","tag":"scan","fraction":{fraction}}}"#);
            alice.post_text("/events", "application/json", body)
        };
        for (sent, kept) in [("0", 0.0), ("-0.0", 0.0), ("0.0000004", 0.0), ("0.333333333", 0.333_333), ("1e-3", 0.001),
            ("0.9999996", 1.0), ("1", 1.0), ("1.0", 1.0)]
        {
            assert_eq!(news(sent).await.expect(201)["fraction"].as_f64(), Some(kept), "{sent}");
        }
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["progress"], 0.75, "not finished, however far it is");
        let before = server.contents().await;
        for sent in ["-0.000001", "1.0000001", "2", "1e400", "-1e400", "\"0.5\"", "true", "[]", "{}"] {
            news(sent).await.expect_problem(422, &["/fraction"]);
        }
        for (kind, tag) in [("step", json!("scan")), ("error", json!("scan")), ("complete", json!("scan")), ("info", Value::Null)] {
            let body = json!({"provider_job_id": "j1", "kind": kind, "tag": tag, "fraction": 0.5});
            alice.post("/events", body).await.expect_problem(422, &["/fraction"]);
        }
        assert_eq!(server.contents().await, before);
    }
}
