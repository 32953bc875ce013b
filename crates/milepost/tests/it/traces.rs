//! Traces by OTLP: where the variables of OpenTelemetry say so, and without harm where nobody takes them.

use axum::http::StatusCode;
use reqwest::Method;
use serde_json::json;

use crate::support::{Collector, Database, DatabaseKind, Milepost, Person, ServerProcess, Traced, on_both};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A server that is told by these variables what to trace.
async fn start(database: &Database, variables: &[(&str, &str)]) -> ServerProcess {
    let mut command = Milepost::on(database, &["serve", "--signup", "open"]);
    for (name, value) in variables {
        command = command.env(name, value);
    }
    command.serve().await.unwrap_or_else(|said| panic!("the server did not start: {said}"))
}

/// A provider with a job, at a server.
async fn provider_with_job(process: &ServerProcess) -> Person {
    let alice = Person::nobody(&process.url);
    let password = "a long password";
    let new = json!({"email": "alice@x.example", "password": password, "first_name": "A", "last_name": "L",
        "role": "provider"});
    alice.post("/users", new).await.expect(201);
    alice.post("/login", json!({"email": "alice@x.example", "password": password})).await.expect(200);
    alice.register("scan", "1.0.0", &[("left", 1)]).await;
    alice.open_job("scan", "case-17").await;
    alice
}

fn find<'a>(spans: &'a [Traced], name: &str) -> &'a Traced {
    let names: Vec<_> = spans.iter().map(|traced| &traced.span.name).collect();
    spans.iter().find(|traced| traced.span.name == name).unwrap_or_else(|| panic!("no {name} among {names:?}"))
}

on_both! {
    async fn a_request_and_its_commit_are_spans_of_the_callers_trace(server: TestServer) {
        let database = server.stop().await;
        let collector = Collector::start().await;
        // Sent only when the server stops, for all that it waits: nothing may be lost then.
        let process = start(&database, &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
            ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
            ("OTEL_SERVICE_NAME", "results of the lab"),
        ])
        .await;
        let alice = provider_with_job(&process).await;
        let event = json!({"provider_job_id": "case-17", "kind": "step", "tag": "left"});
        let request = alice
            .request(Method::POST, "/events")
            .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
            .json(&event);
        let answer = alice.send(request).await;
        let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        answer.expect(201);
        alice.get("/jobs/no-such-job").await.expect(404);
        process.stop().await;

        let spans = collector.spans();
        let request = find(&spans, "POST /api/v1/events");
        assert_eq!(request.service, "results of the lab");
        assert_eq!((request.trace_id().as_str(), crate::support::hex(&request.span.parent_span_id)), (TRACE, CALLER.to_owned()));
        assert_eq!(request.attribute("milepost.request_id"), Some(id));
        assert_eq!(request.attribute("http.response.status_code").as_deref(), Some("201"));
        let commit = find(&spans, "commit events");
        assert_eq!((commit.trace_id().as_str(), &commit.span.parent_span_id), (TRACE, &request.span.span_id));
        assert_eq!(commit.attribute("milepost.events").as_deref(), Some("1"));
        let missing = find(&spans, "GET /api/v1/jobs/{id}");
        assert_eq!(missing.attribute("error.type").as_deref(), Some("not-found"));
        assert_ne!(missing.trace_id(), TRACE);
    }

    async fn a_commit_that_fails_is_told_from_one_that_does_not(server: TestServer) {
        let database = server.stop().await;
        let collector = Collector::start().await;
        let process = start(&database, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]).await;
        let alice = provider_with_job(&process).await;
        alice.report("case-17", "info", None).await;
        database.raw().await.execute("alter table events rename to events_in_a_drawer").await.unwrap();
        alice.post("/events", json!({"provider_job_id": "case-17", "kind": "info"})).await.expect(500);
        process.stop().await;
        let spans = collector.spans();
        for name in ["commit events", "POST /api/v1/events"] {
            let mut named: Vec<&Traced> = spans.iter().filter(|traced| traced.span.name == name).collect();
            named.sort_by_key(|traced| traced.span.start_time_unix_nano);
            let failed: Vec<bool> = named.iter().map(|traced| traced.has_failed()).collect();
            assert_eq!(failed, [false, true], "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_endpoint_or_where_told_so_nothing_leaves() {
    let collector = Collector::start().await;
    let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/v1/traces", collector.url));
    let endpoint = (endpoint.0, endpoint.1.as_str());
    for off in
        [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_TRACES_EXPORTER", "none")]
    {
        let database = Database::fresh(DatabaseKind::Sqlite).await;
        let process = start(&database, &[endpoint, off]).await;
        provider_with_job(&process).await;
        process.stop().await;
        assert!(collector.spans().is_empty(), "{off:?}");
    }
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let process = start(&database, &[endpoint]).await;
    provider_with_job(&process).await;
    process.stop().await;
    assert!(!collector.spans().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_or_refuses_costs_one_line_of_the_log() {
    let refusing = Collector::start_that_answers(StatusCode::INTERNAL_SERVER_ERROR).await;
    for endpoint in ["http://127.0.0.1:9", &refusing.url] {
        let database = Database::fresh(DatabaseKind::Sqlite).await;
        let process =
            start(&database, &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50")]).await;
        let alice = provider_with_job(&process).await;
        let metrics = format!("{}/metrics", process.url);
        let failures = async || {
            let text = milepost::client::builder().build().unwrap().get(&metrics).send().await.unwrap();
            let text = text.text().await.unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("milepost_trace_export_failures_total "));
            line.unwrap().parse::<u32>().unwrap()
        };
        crate::support::eventually("spans failed to leave twice", async || {
            alice.report("case-17", "info", None).await;
            failures().await >= 2
        })
        .await;
        let log = process.stop().await;
        let told = log.lines().filter(|line| line.contains("spans cannot be sent")).count();
        assert_eq!(told, 1, "{log}");
    }
}

#[tokio::test]
async fn a_variable_that_cannot_be_followed_stops_the_start() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let start = |name: &str, value: &str| {
        Milepost::on(&database, &["serve"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
            .env(name, value)
            .run()
    };
    let complaint = "bad setting: OTEL_EXPORTER_OTLP_PROTOCOL";
    start("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").await.expect_complaint(complaint);
    let output = start("OTEL_EXPORTER_OTLP_ENDPOINT", "no address: s3cret").await;
    assert!(!output.stderr.contains("s3cret"));
    output.expect_complaint("bad setting: OTEL_EXPORTER_OTLP_ENDPOINT");
}
