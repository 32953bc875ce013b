//! The log of a server: a line for each request that is worth one, as text or as JSON.

use serde_json::{Value, json};

use crate::support::{Answer, Database, DatabaseKind, Milepost, Person, on_both};

/// Starts a server with this log, signs somebody up and asks for what is there and what is not; gives the log and the
/// ids of the three answers.
async fn log_of(database: &Database, arguments: &[&str], level: Option<&str>) -> (String, [String; 3], String) {
    let mut command = Milepost::on(database, &["serve", "--signup", "open"]);
    for argument in arguments {
        command = command.argument(argument);
    }
    if let Some(level) = level {
        command = command.env("MILEPOST_LOG", level);
    }
    let process = command.serve().await.unwrap();
    let alice = Person::nobody(&process.url);
    let new = json!({"email": "alice@x.example", "password": "a long password", "first_name": "A", "last_name": "L",
        "role": "provider"});
    let account = alice.post("/users", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    alice.post("/login", json!({"email": "alice@x.example", "password": "a long password"})).await.expect(200);
    let trace = alice
        .request(reqwest::Method::GET, "/jobs/no-such-job")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let answers = [alice.get("/jobs?text=secret").await, alice.send(trace).await, alice.get("/jobs?limit=0").await];
    let ids = answers.map(|answer| answer.headers["x-request-id"].to_str().unwrap().to_owned());
    (process.stop().await, ids, account)
}

fn line_of<'a>(log: &'a str, id: &str) -> Option<&'a str> {
    log.lines().find(|line| line.contains(id) && line.contains("answered"))
}

on_both! {
    async fn in_json_each_line_is_an_object_that_names_request_route_and_account(server: TestServer) {
        let database = server.stop().await;
        let (log, [read, missing, refused], account) =
            log_of(&database, &["--log-format", "json"], Some("info,milepost=debug")).await;
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect();
        let line_of = |id: &str| {
            let found = lines.iter().find(|line| line["span"]["id"] == id && line["message"] == "answered");
            found.unwrap_or_else(|| panic!("no line of {id} in {log}"))
        };
        let line = line_of(&read);
        assert_eq!((&line["level"], &line["status"]), (&json!("DEBUG"), &json!(200)));
        assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0), "{line}");
        let expected = json!({"name": "request", "id": read, "method": "GET", "route": "/api/v1/jobs", "account": account});
        assert_eq!(line["span"], expected);
        let line = line_of(&missing);
        assert_eq!((&line["level"], &line["status"], &line["problem"]), (&json!("INFO"), &json!(404), &json!("not-found")));
        assert_eq!(line["span"]["route"], "/api/v1/jobs/{id}");
        assert_eq!(line["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(line_of(&refused)["problem"], "invalid");
        assert!(!log.contains("no-such-job") && !log.contains("secret") && !log.contains("limit"), "{log}");
    }

    async fn a_defect_is_a_warning_with_its_cause_and_what_comes_in_floods_is_no_line(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = alice.make_key(None).await;
        let database = server.stop().await;
        let process = Milepost::on(&database, &["serve"]).serve().await.unwrap();
        let alice = alice.with_key(&key).at_address(&process.url);
        let id = |answer: &Answer| answer.headers["x-request-id"].to_str().unwrap().to_owned();
        let wrong = json!({"email": alice.email, "password": "a wrong one"});
        let mut answers = Vec::new();
        for _ in 0..11 {
            answers.push(alice.post("/login", wrong.clone()).await);
        }
        assert_eq!([answers[9].status, answers[10].status], [401, 429]);
        database.raw().await.execute("alter table jobs rename to jobs_in_a_drawer").await.unwrap();
        let defect = alice.get("/jobs").await;
        assert_eq!(defect.status, 500);
        let log = process.stop().await;
        let line = line_of(&log, &id(&defect)).unwrap();
        assert!(line.contains(" WARN ") && line.contains("status=500"), "{line}");
        let cause = log.lines().find(|line| line.contains(&id(&defect)) && line.contains("internal error")).unwrap();
        assert!(cause.contains(" ERROR ") && cause.contains("jobs"), "{cause}");
        assert!(line_of(&log, &id(&answers[9])).is_some_and(|line| line.contains(" INFO ")), "{log}");
        assert_eq!(line_of(&log, &id(&answers[10])), None, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unless_told_otherwise_refusals_are_logged_and_what_went_well_is_not() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let (log, [read, missing, refused], _) = log_of(&database, &[], None).await;
    assert_eq!(line_of(&log, &read), None, "{log}");
    let line = line_of(&log, &missing).unwrap();
    assert!(line.contains(" INFO ") && line.contains("status=404") && line.contains("not-found"), "{line}");
    assert!(line_of(&log, &refused).is_some_and(|line| line.contains("status=422")), "{log}");
    assert!(serde_json::from_str::<Value>(line).is_err());
}

#[tokio::test]
async fn a_filter_or_format_that_is_none_stops_the_start() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let start = || Milepost::on(&database, &["serve"]);
    start().env("MILEPOST_LOG", "milepost=loud").run().await.expect_complaint("bad setting: MILEPOST_LOG");
    for wrong in ["inof", "milepost", "info milepost=debug", "milepost=", "7up"] {
        let migrate = Milepost::on(&database, &["migrate"]).env("MILEPOST_LOG", wrong);
        migrate.run().await.expect_complaint("is no level; write error, warn, info, debug");
    }
    start().argument("--log-format=xml").run().await.expect_complaint("bad setting: log_format");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_level_of_its_own_is_logged_as_usual() {
    for level in ["", "milepots=debug", "info"] {
        let database = Database::fresh(DatabaseKind::Sqlite).await;
        let server = Milepost::on(&database, &["serve"]).env("MILEPOST_LOG", level).serve().await.unwrap();
        let log = server.stop().await;
        let said: Vec<&str> = log.lines().filter(|line| line.contains(" INFO ")).collect();
        assert!(said.first().is_some_and(|line| line.contains("milepost is ready")), "{level:?}: {log}");
        assert!(said.last().is_some_and(|line| line.ends_with("milepost has stopped")), "{level:?}: {log}");
    }
}
