//! The report of usage: every figure is worked out once more from the events, by a slow and obviously right fold, and the
//! report must say the same, whatever the zone, on both databases.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, TimeDelta, Utc};
use chrono_tz::Tz;
use milepost::audit::Actor;
use milepost::config::{Retention, RetentionAction};
use milepost::retention::retire_due;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{lines, table};
use crate::support::{Person, TestServer, on_both};

/// Zones that change their clocks within the weeks of the tests, and one that is a quarter of an hour off.
const ZONES: [&str; 3] = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"];

/// Jobs, finished, failed, steps, points earned, and ten-thousandths of hours.
type Figures = [i64; 6];

/// A month, the address of a customer or nothing, a configuration and its version.
type Key = (String, Option<String>, String, String);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// An hour of a job, as exact as we tell it.
fn ten_thousandths(text: &Value) -> i64 {
    let text = text.to_string();
    let (whole, part) = text.trim_matches('"').split_once('.').unwrap();
    whole.parse::<i64>().unwrap() * 10_000 + format!("{part:0<4}").parse::<i64>().unwrap()
}

/// The figures of a row, or the totals, in JSON.
fn figures(row: &Value) -> Figures {
    // Of a job that is proof of a row it is whether it was opened.
    let name_of = |name: &'static str| if name == "jobs" && row["opened"].is_i64() { "opened" } else { name };
    let number = |name: &'static str| row[name_of(name)].as_i64().unwrap_or_else(|| panic!("{name} of {row}"));
    let [jobs, finished, failed] = ["jobs", "finished", "failed"].map(number);
    [jobs, finished, failed, number("steps"), number("points_earned"), ten_thousandths(&row["hours"])]
}

fn add(sum: &mut Figures, other: Figures) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}

fn sum(rows: &[Value]) -> Figures {
    rows.iter().fold(Figures::default(), |mut sum, row| {
        add(&mut sum, figures(row));
        sum
    })
}

fn key(row: &Value) -> Key {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    (text("month"), row["customer_email"].as_str().map(str::to_owned), text("tag"), text("version"))
}

/// What happened in a job, from its events.
#[derive(Debug)]
struct Told {
    id: String,
    customer: Option<String>,
    tag: String,
    version: String,
    status: String,
    /// When something counted, and what for.
    counts: Vec<(DateTime<Utc>, Figures)>,
}

/// Reads a job and its events and works out what it counts for, by the words of the specification.
async fn tell(person: &Person, job: &Value) -> Told {
    let id = job["id"].as_str().unwrap().to_owned();
    let job = person.get(&format!("/jobs/{id}")).await.expect(200);
    let page = person.get(&format!("/jobs/{id}/events?limit=200")).await.expect(200);
    assert_eq!(page["next"], Value::Null);
    // By (occurred_at, sequence), as the list has them.
    let events = page["items"].as_array().unwrap();
    let time = |event: &Value| at(event["occurred_at"].as_str().unwrap());
    let is = |event: &Value, kinds: &[&str]| kinds.contains(&event["kind"].as_str().unwrap());
    let outcomes: Vec<&Value> = events.iter().filter(|event| is(event, &["step", "error", "complete"])).collect();
    let has_failed = outcomes.last().is_some_and(|event| is(event, &["error"]));
    let steps = job["steps"].as_array().unwrap();
    let of_step = |step: &Value, kinds: &[&str]| {
        events.iter().filter(|event| event["tag"] == step["tag"] && is(event, kinds)).collect::<Vec<_>>()
    };
    let all_finished = !steps.is_empty()
        && steps.iter().all(|step| {
            let ends = of_step(step, &["step", "complete"]);
            let last = of_step(step, &["step", "error", "complete"]);
            !ends.is_empty() && !is(last.last().unwrap(), &["error"])
        });
    let completes: Vec<&Value> = events.iter().filter(|event| is(event, &["complete"])).collect();
    let is_completed = !has_failed && (!completes.is_empty() || all_finished);
    let status = match (has_failed, is_completed, events.is_empty()) {
        (true, ..) => "error",
        (_, true, _) => "completed",
        (.., true) => "pending",
        _ => "running",
    };
    assert_eq!(job["status"], status);
    let mut counts = vec![(at(job["created_at"].as_str().unwrap()), [1, 0, 0, 0, 0, 0])];
    if is_completed {
        let last_step = || events.iter().rfind(|event| is(event, &["step"]));
        let end = time(completes.last().copied().or_else(last_step).unwrap());
        let micros = (end - time(&events[0])).num_microseconds().unwrap();
        counts.push((end, [0, 1, 0, 0, 0, (micros + 180_000) / 360_000]));
    }
    if has_failed {
        counts.push((time(outcomes.last().unwrap()), [0, 0, 1, 0, 0, 0]));
    }
    for step in steps {
        if let Some(end) = of_step(step, &["step", "complete"]).first() {
            counts.push((time(end), [0, 0, 0, 1, step["points"].as_i64().unwrap(), 0]));
        }
    }
    let text = |name: &str| job[name].as_str().unwrap().to_owned();
    let customer = job["customer_email"].as_str().map(str::to_owned);
    Told { id, customer, tag: text("tag"), version: text("version"), status: status.to_owned(), counts }
}

/// What the report must say of these jobs, between two instants.
fn expected<'a>(
    jobs: impl IntoIterator<Item = &'a Told>,
    zone: Tz,
    by_version: bool,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> BTreeMap<Key, Figures> {
    let mut rows: BTreeMap<Key, Figures> = BTreeMap::new();
    for job in jobs {
        for (time, figures) in job.counts.iter().filter(|(time, _)| (from..to).contains(time)) {
            let month = time.with_timezone(&zone).format("%Y-%m").to_string();
            let version = if by_version { job.version.clone() } else { String::new() };
            add(rows.entry((month, job.customer.clone(), job.tag.clone(), version)).or_default(), *figures);
        }
    }
    rows
}

/// A provider with jobs for three customers and nobody, of three configurations, in the weeks in which clocks change,
/// many of them around the ends of months; events come late, out of order and in error.
async fn generate(server: &TestServer, jobs: usize) -> Person {
    let start = at("2026-10-20T00:00:00Z");
    server.clock.travel_to(start - Duration::days(30));
    let alice = server.provider("alice").await;
    let carol = server.customer_of(&alice, "carol").await;
    let erin = server.customer_of(&alice, "erin").await;
    alice.invite("dave@customer.example").await;
    // Sessions do not last as long as the tests travel.
    let alice = alice.with_new_key("write").await;
    alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
    alice.register("scan", "1.1.0", &[("load", 31), ("measure", 70), ("report", 0)]).await;
    alice.register("render", "1.0.0", &[]).await;
    let mut runner = TestRunner::deterministic();
    let event = (0..4_usize, 0..3_usize, -6 * 3_600_000_000_i64..40 * 3_600_000_000);
    // Around the ends of months in any zone, around changes of clocks, or anywhere.
    let opened = prop_oneof![
        (11 * 24 * 60_i64..13 * 24 * 60).boxed(),
        (4 * 24 * 60_i64..6 * 24 * 60).boxed(),
        (-20 * 24 * 60_i64..30 * 24 * 60).boxed()
    ];
    let job = (opened, 0..4_usize, 0..3_usize, prop::collection::vec(event, 0..7));
    for number in 0..jobs {
        let (minute, customer, kind, events) = job.new_tree(&mut runner).unwrap().current();
        let opened = start + Duration::minutes(minute);
        server.clock.travel_to(opened);
        let (tag, version) = [("scan", "1.0.0"), ("scan", "1.1.0"), ("render", "1.0.0")][kind];
        let own_id = format!("J-{number}");
        let mut body = json!({"tag": tag, "version": version, "provider_job_id": own_id});
        match customer {
            0 => body["customer_id"] = json!(carol.id),
            1 => body["customer_id"] = json!(erin.id),
            2 => body["customer_email"] = json!("dave@customer.example"),
            _ => {}
        }
        alice.post("/jobs", body).await.expect(201);
        server.clock.travel_to(opened + Duration::days(2));
        let events: Vec<Value> = events
            .into_iter()
            .map(|(kind, step, micros)| {
                let kind = ["info", "step", "error", "complete"][kind];
                let kind = if tag == "render" && kind == "step" { "info" } else { kind };
                let step = (tag == "scan" && (kind == "step" || step < 2)).then(|| ["load", "measure"][step % 2]);
                let occurred_at = (opened + Duration::microseconds(micros)).to_rfc3339();
                json!({"provider_job_id": own_id, "kind": kind, "tag": step, "occurred_at": occurred_at})
            })
            .collect();
        if !events.is_empty() {
            let answer = alice.post("/events/batch", json!(events)).await.expect(200);
            assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
        }
    }
    server.clock.set_offset(TimeDelta::zero());
    alice
}

async fn tell_all(alice: &Person) -> Vec<Told> {
    let mut told = Vec::new();
    for id in alice.list_ids("/jobs", 200).await {
        told.push(tell(alice, &json!({"id": id})).await);
    }
    told
}

/// The report as JSON, whose rows are each there once.
async fn report(alice: &Person, query: &str) -> (BTreeMap<Key, Figures>, Value) {
    let report = alice.get(&format!("/reports/usage?format=json&{query}")).await.expect(200);
    let items = report["items"].as_array().unwrap();
    let rows: BTreeMap<Key, Figures> = items.iter().map(|row| (key(row), figures(row))).collect();
    assert_eq!(rows.len(), items.len(), "a row is there twice: {report}");
    assert_eq!(figures(&report["totals"]), sum(items), "{report}");
    (rows, report)
}

/// The jobs that prove a row, from all pages.
async fn proof(alice: &Person, query: &str) -> Vec<Value> {
    let (mut jobs, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = alice.get(&format!("/reports/usage/jobs?limit=3&{query}{cursor}")).await.expect(200);
        jobs.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return jobs };
        cursor = format!("&cursor={next}");
    }
}

/// What asks for the jobs that prove a row.
fn of_row(row: &Value) -> String {
    let text = |name: &str| encoded(row[name].as_str().unwrap());
    let whose = row["customer_link_id"].as_str().unwrap_or("none");
    let version = row["version"].as_str().map(|version| format!("&version={version}")).unwrap_or_default();
    format!("customer={whose}&tag={}{version}&from={}&to={}", text("tag"), text("from"), text("before"))
}

fn encoded(text: &str) -> String {
    text.replace('+', "%2B").replace('@', "%40")
}

on_both! {
    async fn every_figure_is_what_the_events_say(server: TestServer) {
        let alice = generate(&server, 40).await;
        let told = tell_all(&alice).await;
        let (always, ever) = (at("1970-01-01T00:00:00Z"), at("9990-01-01T00:00:00Z"));
        for name in ZONES.into_iter().chain(["UTC"]) {
            let zone: Tz = name.parse().unwrap();
            let (rows, _) = report(&alice, &format!("zone={name}")).await;
            assert_eq!(rows, expected(&told, zone, false, always, ever), "{name}");
            let (rows, _) = report(&alice, &format!("zone={name}&by_version=true")).await;
            assert_eq!(rows, expected(&told, zone, true, always, ever), "{name} by version");
            // A month, and two days in the middle of it, in that zone.
            for (query, from, to) in [
                ("from=2026-10-01&to=2026-10-31", "2026-10-01", "2026-11-01"),
                ("from=2026-10-24&to=2026-10-25", "2026-10-24", "2026-10-26"),
                ("from=2026-11-01&to=2026-11-01", "2026-11-01", "2026-11-02"),
            ] {
                let midnight = |date: &str| {
                    let midnight = format!("{date}T00:00:00").parse::<chrono::NaiveDateTime>().unwrap();
                    midnight.and_local_timezone(zone).unwrap().to_utc()
                };
                let (rows, _) = report(&alice, &format!("zone={name}&{query}")).await;
                assert_eq!(rows, expected(&told, zone, false, midnight(from), midnight(to)), "{name} {query}");
            }
            for status in ["completed", "error", "running", "pending", "completed,error"] {
                let jobs = told.iter().filter(|job| status.split(',').any(|one| one == job.status));
                let (rows, _) = report(&alice, &format!("zone={name}&status={status}")).await;
                assert_eq!(rows, expected(jobs, zone, false, always, ever), "{name} {status}");
            }
        }
        for (query, chosen) in [
            ("tag=scan", (|job: &Told| job.tag == "scan") as fn(&Told) -> bool),
            ("tag=scan&version=1.0.0", |job| job.version == "1.0.0" && job.tag == "scan"),
            ("customer=none", |job| job.customer.is_none()),
            ("customer=dave%40customer.example", |job| job.customer.as_deref() == Some("dave@customer.example")),
            ("customer=x%40customer.example", |_| false),
            ("customer=none&status=completed&tag=render", |job| job.customer.is_none() && job.status == "completed" && job.tag == "render"),
        ] {
            let jobs: Vec<&Told> = told.iter().filter(|job| chosen(job)).collect();
            let expected = |from, to| expected(jobs.iter().copied(), Tz::UTC, false, from, to);
            assert_eq!(report(&alice, query).await.0, expected(always, ever), "{query}");
            let period = "from=2026-10-31T22:15:00Z&to=2026-11-01T05:45:00Z";
            let (rows, _) = report(&alice, &format!("{query}&{period}")).await;
            assert_eq!(rows, expected(at("2026-10-31T22:15:00Z"), at("2026-11-01T05:45:00Z")), "{query} {period}");
        }
    }

    async fn all_forms_say_the_same_to_the_last_digit(server: TestServer) {
        let alice = generate(&server, 12).await;
        let newer = json!({"tag": "scan", "name": "A scan", "version": "1.2.0", "step_configurations": []});
        alice.post("/job-configurations", newer).await.expect(201);
        for query in ["zone=Europe/Berlin", "zone=Asia/Kathmandu&by_version=true", "zone=America/New_York&status=completed,error"] {
            let (rows, report) = report(&alice, query).await;
            assert!(rows.len() > 3, "{report}");
            let items = report["items"].as_array().unwrap();
            let names: BTreeSet<&str> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
            let of_scan = if query.contains("by_version") { "Job scan" } else { "A scan" };
            assert_eq!(names, BTreeSet::from([of_scan, "Job render"]), "the newest version names all of them");
            let told = lines(&alice, &format!("usage?{query}")).await;
            assert_eq!(told.len(), items.len());
            for (told, item) in told.iter().zip(items) {
                assert_eq!(told["version"], if query.contains("by_version") { item["version"].clone() } else { Value::Null });
                for (name, value) in told.as_object().unwrap() {
                    assert_eq!(value, &item[name], "{name} of {item}");
                }
            }
            for (form, delimiter) in [("csv", b','), ("excel", b';')] {
                let (csv, said) = table(&alice.get(&format!("/reports/usage?{query}&format={form}")).await, delimiter);
                assert_eq!(said[0], "# report: usage");
                assert_eq!(csv.len(), items.len(), "there is no row of totals");
                for (row, item) in csv.iter().zip(items) {
                    for name in ["jobs", "finished", "failed", "steps", "points_earned", "month", "tag"] {
                        assert_eq!(row[name].as_str().unwrap(), item[name].to_string().trim_matches('"'), "{name}");
                    }
                    let hours = json!(row["hours"].as_str().unwrap().replace(',', "."));
                    assert_eq!(ten_thousandths(&hours), ten_thousandths(&item["hours"]));
                }
            }
        }
    }

    async fn each_row_is_proved_by_its_jobs(server: TestServer) {
        let alice = generate(&server, 20).await;
        let told = tell_all(&alice).await;
        for query in ["zone=Europe/Berlin", "zone=Asia/Kathmandu&status=completed,running"] {
            let (_, report) = report(&alice, &format!("{query}&by_version=true")).await;
            for row in report["items"].as_array().unwrap() {
                let jobs = proof(&alice, &format!("{query}&{}", of_row(row))).await;
                let ids: BTreeSet<&str> = jobs.iter().map(|job| job["job_id"].as_str().unwrap()).collect();
                assert_eq!(ids.len(), jobs.len(), "each once");
                for id in ids {
                    let job = told.iter().find(|job| job.id == id).unwrap();
                    assert_eq!((job.customer.as_deref(), job.tag.as_str()), (row["customer_email"].as_str(), row["tag"].as_str().unwrap()));
                }
                assert_eq!(sum(&jobs), figures(row), "{row} of {jobs:?}");
                if let Some(email) = row["customer_email"].as_str() {
                    let by_link = of_row(row);
                    let (_, rest) = by_link.split_once('&').unwrap();
                    let by_email = proof(&alice, &format!("{query}&customer={}&{rest}", encoded(email))).await;
                    assert_eq!(by_email, jobs, "the address names the customer as well");
                }
            }
        }
        let all = proof(&alice, "").await;
        assert_eq!(all.len(), 20, "without a period all jobs");
        for (query, pointers) in [("cursor=x", &["/cursor"][..]), ("from=2026-10-01T10:07:00Z", &["/from"]), ("limit=0", &["/limit"])] {
            alice.get(&format!("/reports/usage/jobs?{query}")).await.expect_problem(422, pointers);
        }
    }

    async fn what_was_deleted_goes_on_being_billed(server: TestServer) {
        let alice = generate(&server, 24).await;
        let queries = ["zone=Europe/Berlin&by_version=true", "zone=America/New_York&status=completed&by_version=true"];
        let mut before = Vec::new();
        for query in queries {
            before.push(report(&alice, query).await.0);
        }
        let retention = Retention { after: TimeDelta::days(7), action: RetentionAction::Delete };
        let deleted = retire_due(&server.app, Some(retention), &Actor::SERVER).await.unwrap();
        assert!(deleted > 3, "{deleted}");
        let mut proved_by_deleted = 0;
        for (query, before) in queries.into_iter().zip(before) {
            let (after, answer) = report(&alice, query).await;
            assert_eq!(after, before, "{query}");
            for row in answer["items"].as_array().unwrap() {
                let jobs = proof(&alice, &format!("{query}&{}", of_row(row)).replace("by_version=true&", "")).await;
                assert_eq!(sum(&jobs), figures(row), "{row} of {jobs:?}");
                for job in &jobs {
                    assert_eq!(job["deleted"] == true, job["provider_job_id"].is_null(), "{job}");
                    proved_by_deleted += usize::from(job["deleted"] == true);
                }
            }
        }
        assert!(proved_by_deleted > 3, "{proved_by_deleted}");

        // An erased customer is billed without a name.
        let erased = "carol@customer.example";
        server.milepost(&["erase", "customer", "--provider", "alice@provider.example", "--email", erased, "--yes", "--files-later"], "").await.expect_success();
        let answer = alice.get("/reports/usage?format=json&zone=Europe/Berlin").await.expect(200);
        assert!(!answer.to_string().contains(erased), "{answer}");
        let items = answer["items"].as_array().unwrap();
        let nameless = items.iter().find(|row| row["customer_email"].is_null() && !row["customer_link_id"].is_null());
        let nameless = nameless.unwrap();
        let jobs = proof(&alice, &format!("zone=Europe/Berlin&{}", of_row(nameless))).await;
        assert_eq!(sum(&jobs), figures(nameless));
    }

    async fn usage_is_a_providers_own(server: TestServer) {
        let alice = generate(&server, 4).await;
        let bob = server.provider("bob").await;
        let (rows, answer) = report(&bob, "").await;
        assert_eq!(rows.len(), 0, "{answer}");
        assert_eq!((&answer["period"]["from"], &answer["period"]["zone"]), (&Value::Null, &json!("UTC")));
        assert_eq!(lines(&bob, "usage").await, [Value::Null; 0]);
        assert_eq!(proof(&bob, "").await, [Value::Null; 0]);
        assert!(!report(&alice, "").await.0.is_empty());
        alice.get("/reports/usage?from=2026-10-01T10:07:00Z").await.expect_problem(422, &["/from"]);
        alice.get("/reports/usage?version=1.0.0").await.expect_problem(422, &["/version"]);
        let accept = |accept: &str| alice.send(alice.request(reqwest::Method::GET, "/reports/usage").header("accept", accept));
        assert_eq!(accept("application/json").await.headers["content-type"], "application/json");
        accept("image/png").await.expect_problem(406, &[]);
        for path in ["/reports/usage", "/reports/usage/jobs"] {
            server.nobody().get(path).await.expect_problem(401, &[]);
        }
    }
}
