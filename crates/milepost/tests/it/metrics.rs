//! `/metrics`: what it counts, who may read it, and that the dashboard and the alerts ask for what is there.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use milepost::observe::page;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Answer, Database, DatabaseKind, Milepost, TestServer, eventually, on_both};

async fn read(url: &str) -> Answer {
    Answer::read(milepost::client::builder().build().unwrap().get(format!("{url}/metrics")).send().await.unwrap())
        .await
}

/// The numbers of a server.
struct Numbers(String);

impl Numbers {
    async fn of(server: &TestServer) -> Self {
        let answer = read(&server.url).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        Self(answer.text)
    }

    /// The value of a line, by all that stands before it.
    #[track_caller]
    fn value(&self, line: &str) -> f64 {
        let value = self.0.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {line} in {}", self.0)).parse().unwrap()
    }

    #[track_caller]
    fn expect(&self, line: &str, value: f64) {
        let found = self.value(line);
        assert!((found - value).abs() < f64::EPSILON, "{line} is {found}, not {value}");
    }

    /// The names of all samples.
    fn names(&self) -> BTreeSet<&str> {
        let samples = self.0.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.split(['{', ' ']).next().unwrap()).collect()
    }
}

on_both! {
    async fn requests_are_counted_by_their_route(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("left", 1)]).await;
        let id = alice.open_job("scan", "case-17").await;
        alice.get(&format!("/jobs/{id}")).await.expect(200);
        alice.get("/jobs/no-such-job").await.expect(404);
        server.nobody().get("/jobs").await.expect(401);
        alice.get("/no/such/path").await.expect(404);
        alice.send(alice.request(Method::from_bytes(b"CANARY").unwrap(), "/jobs")).await.expect(405);

        let numbers = Numbers::of(&server).await;
        let requests = |labels: &str| format!("milepost_http_requests_total{{{labels}}}");
        numbers.expect(&requests(r#"method="GET",route="/api/v1/jobs/{id}",status="200""#), 1.0);
        numbers.expect(&requests(r#"method="GET",route="/api/v1/jobs/{id}",status="404""#), 1.0);
        numbers.expect(&requests(r#"method="GET",route="/api/v1/jobs",status="401""#), 1.0);
        numbers.expect(&requests(r#"method="GET",route="other",status="404""#), 1.0);
        numbers.expect(&requests(r#"method="OTHER",route="/api/v1/jobs",status="405""#), 1.0);
        let timed = r#"milepost_http_request_duration_seconds_count{method="GET",route="/api/v1/jobs/{id}"}"#;
        numbers.expect(timed, 2.0);
        for word in [id.as_str(), "case-17", "alice", "scan", "no-such", "/no/such", "CANARY"] {
            assert!(!numbers.0.contains(word), "{word} is a label");
        }
    }

    async fn events_are_counted_by_kind_and_by_why_they_were_refused(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("left", 1)]).await;
        alice.open_job("scan", "case-17").await;
        let event = |kind: &str| json!({"provider_job_id": "case-17", "kind": kind, "tag": "left"});
        alice.post("/events", event("info")).await.expect(201);
        let mut keyed = event("step");
        keyed["idempotency_key"] = json!("once");
        alice.post("/events/batch", json!([event("error"), keyed, event("nonsense"), {"kind": "info"}])).await.expect(200);
        alice.post("/events", keyed).await.expect(200);
        alice.post("/events", json!({"provider_job_id": "case-18", "kind": "info"})).await.expect(404);
        alice.post_text("/events", "application/json", "{").await.expect(400);
        alice.post_text("/events/batch", "application/json", "[").await.expect(400);

        let numbers = Numbers::of(&server).await;
        for (kind, count) in [("info", 1.0), ("error", 1.0), ("step", 1.0), ("complete", 0.0)] {
            numbers.expect(&format!(r#"milepost_events_recorded_total{{kind="{kind}"}}"#), count);
        }
        numbers.expect("milepost_events_repeated_total", 1.0);
        for (reason, count) in [("invalid", 2.0), ("not-found", 1.0), ("bad-json", 2.0), ("internal", 0.0)] {
            numbers.expect(&format!(r#"milepost_events_refused_total{{reason="{reason}"}}"#), count);
        }
        numbers.expect("milepost_commit_events_sum", 3.0);
        numbers.expect("milepost_commit_events_count", 2.0);
        numbers.expect("milepost_commit_duration_seconds_count", 2.0);
        numbers.expect("milepost_events_waiting", 0.0);
    }

    async fn streams_sign_ins_and_the_database_are_counted(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("left", 1)]).await;
        let id = alice.open_job("scan", "case-17").await;
        server.nobody().post("/login", json!({"email": alice.email, "password": "wrong password"})).await.expect(401);
        let mut of_a_job = alice.stream(&format!("/jobs/{id}/stream"), None).await;
        of_a_job.expect().await;
        let mut of_all = alice.stream("/jobs/stream", None).await;
        of_all.expect().await;

        let numbers = Numbers::of(&server).await;
        numbers.expect(r#"milepost_streams{of="job"}"#, 1.0);
        numbers.expect(r#"milepost_streams{of="jobs"}"#, 1.0);
        numbers.expect("milepost_streams_cut_off_total", 0.0);
        assert!(!numbers.0.contains(r#"duration_seconds_count{method="GET",route="/api/v1/jobs/stream"}"#));
        numbers.expect(r#"milepost_sign_ins_total{result="accepted"}"#, 1.0);
        numbers.expect(r#"milepost_sign_ins_total{result="refused"}"#, 1.0);
        numbers.expect("milepost_ready", 1.0);
        numbers.expect("milepost_http_requests_in_flight", 1.0);
        numbers.expect(r#"milepost_work_used{of="turns",work="passwords"}"#, 0.0);
        assert!(numbers.value(r#"milepost_work_room{of="places",work="writes"}"#) > 1.0);
        assert!(numbers.value("process_resident_memory_bytes") > 1e6);
        assert!(numbers.value("process_start_time_seconds") > 1e9);
        let version = env!("CARGO_PKG_VERSION");
        match server.database.kind {
            DatabaseKind::Sqlite => {
                numbers.expect(&format!(r#"milepost_build_info{{database="sqlite",version="{version}"}}"#), 1.0);
                numbers.expect(r#"milepost_database_connections_max{pool="write"}"#, 1.0);
                assert!(numbers.value(r#"milepost_database_connections{pool="read",state="idle"}"#) >= 1.0);
                assert!(numbers.value(r#"milepost_database_size_bytes{file="main"}"#) > 1000.0);
                assert!(numbers.value(r#"milepost_disk_size_bytes{disk="database"}"#) > 1e6);
            }
            DatabaseKind::Postgres => {
                numbers.expect(&format!(r#"milepost_build_info{{database="postgres",version="{version}"}}"#), 1.0);
                numbers.expect(r#"milepost_database_connections_max{pool="shared"}"#, 16.0);
                numbers.expect(r#"milepost_database_connections_max{pool="events"}"#, 1.0);
            }
        }

        drop((of_a_job, of_all));
        eventually("the streams are closed", async || {
            let numbers = Numbers::of(&server).await;
            numbers.value(r#"milepost_streams{of="job"}"#) + numbers.value(r#"milepost_streams{of="jobs"}"#) == 0.0
        })
        .await;
    }

    async fn two_servers_in_one_process_count_apart(server: TestServer) {
        let beside = server.start_beside().await;
        server.nobody().get("/server").await.expect(200);
        let line = r#"milepost_http_requests_total{method="GET",route="/api/v1/server",status="200"}"#;
        Numbers::of(&server).await.expect(line, 1.0);
        assert!(!Numbers::of(&beside).await.0.contains("/api/v1/server"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_callers_on_this_machine_read_them_beside_the_rest() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    assert_eq!(read(&server.url).await.status, 200);
    let client = milepost::client::builder().build().unwrap();
    for (header, value) in [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")] {
        let request = client.get(format!("{}/metrics", server.url)).header(header, value);
        Answer::read(request.send().await.unwrap()).await.expect_problem(404, &[]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_of_their_own_has_them_alone() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let server = TestServer::start_over(database, |settings| settings.metrics_listen = Some(settings.listen)).await;
    read(&server.url).await.expect_problem(404, &[]);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(page::serve(listener, server.app.clone()));
    let answer = read(&own).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("milepost_build_info"));
    let client = milepost::client::builder().build().unwrap();
    let get = async |path: &str| Answer::read(client.get(format!("{own}{path}")).send().await.unwrap()).await;
    assert_eq!(get("/livez").await.text, "ok\n");
    get("/api/v1/server").await.expect_problem(404, &[]);
    get("/").await.expect_problem(404, &[]);
    server.stop().await;
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_listens_for_them_where_it_is_told() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let process = Milepost::on(&database, &["serve", "--metrics-listen", "127.0.0.1:0"]).serve().await.unwrap();
    let (_, rest) = process.greeting.split_once("metrics are ready address=").unwrap();
    let own = format!("http://{}", rest.split_whitespace().next().unwrap());
    assert_eq!(read(&own).await.status, 200);
    assert_eq!(read(&process.url).await.status, 404);
    process.stop().await;
}

/// What each file for operators asks for.
fn names_in(file: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let names = regex::Regex::new(r"\b(milepost|process)_[a-z_]+\b").unwrap();
    names.find_iter(&text).map(|found| found.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_and_the_alerts_ask_for_what_is_there() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    server.provider("alice").await;
    // The request that is answered is counted by the next one.
    Numbers::of(&server).await;
    let numbers = Numbers::of(&server).await;
    let there = numbers.names();
    for file in ["grafana-dashboard.json", "alerts.yml"] {
        let names = names_in(file);
        assert!(names.len() > 5, "{file} asks for little: {names:?}");
        let missing: Vec<_> = names.iter().filter(|name| !there.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "{file} asks for {missing:?}, which is not there");
    }
}

/// Prometheus's own tool, where `make lint` has put it or the system has it.
fn promtool() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/promtool");
    let runs = |tool: &PathBuf| {
        Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    [own, PathBuf::from("promtool")].into_iter().find(runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_finds_nothing_to_object_to() {
    let Some(promtool) = promtool() else {
        eprintln!("promtool is missing, so nothing was checked; `make lint` fetches it");
        return;
    };
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    server.provider("alice").await;
    let Numbers(text) = Numbers::of(&server).await;
    let check = move || {
        let mut command = Command::new(promtool);
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let said = tokio::task::spawn_blocking(check).await.unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
}
