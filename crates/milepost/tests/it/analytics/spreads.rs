//! How long steps took and what they measured, beside the same worked out from every job's page.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use milepost::configurations::version::Version;
use milepost::durations::catch_up;
use serde_json::{Value, json};

use super::history::History;
use super::oracle::{expect_close, part_of, quantile};
use crate::support::{Person, on_both};

/// A finished step as a job's page shows it.
struct Finished {
    tag: String,
    version: String,
    customer: Option<String>,
    step: String,
    at: DateTime<Utc>,
    seconds: f64,
    /// Name, units and value of each number.
    numbers: Vec<(String, Option<String>, f64)>,
}

fn time(value: &Value) -> DateTime<Utc> {
    serde_json::from_value(value.clone()).unwrap()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// The finished steps of all jobs.
async fn finished_steps(alice: &Person) -> Vec<Finished> {
    let mut finished = Vec::new();
    for id in alice.list_ids("/jobs", 200).await {
        let job = alice.get(&format!("/jobs/{id}")).await.expect(200);
        for step in list(&job["steps"]).iter().filter(|step| !step["finished_at"].is_null()) {
            let at = time(&step["finished_at"]);
            let numbers = list(&step["metadata"]).iter().filter(|field| field["kind"] == "number");
            let number =
                |field: &Value| Some((text(&field["name"])?, text(&field["units"]), field["value"].as_f64()?));
            #[expect(clippy::cast_precision_loss, reason = "a few days")]
            let seconds = (at - time(&step["started_at"])).num_microseconds().unwrap() as f64 / 1e6;
            finished.push(Finished {
                tag: text(&job["tag"]).unwrap(),
                version: text(&job["version"]).unwrap(),
                customer: text(&job["customer_email"]),
                step: text(&step["tag"]).unwrap(),
                at,
                seconds,
                numbers: numbers.filter_map(number).collect(),
            });
        }
    }
    finished
}

/// Zones, periods, and who: none of it has more finished steps than are looked at.
const PERIODS: [(&str, &str, &str, &str); 4] = [
    ("Europe/Berlin", "day", "2026-03-02", "2026-04-05"),
    ("America/New_York", "month", "2026-02-01", "2026-04-30"),
    ("Australia/Lord_Howe", "day", "2026-04-05", "2026-04-06"),
    ("Asia/Kathmandu", "day", "2026-02-20", "2026-04-20"),
];

fn is_within((zone, _, from, to): (&str, &str, &str, &str), at: DateTime<Utc>) -> bool {
    let date = at.with_timezone(&zone.parse::<Tz>().unwrap()).date_naive();
    (from.parse::<NaiveDate>().unwrap()..=to.parse().unwrap()).contains(&date)
}

#[track_caller]
fn expect_durations(told: &Value, seconds: &[f64], what: &str) {
    assert_eq!(told["samples"], seconds.len(), "{what}");
    if seconds.is_empty() {
        assert_eq!((&told["median"], &told["p90"]), (&Value::Null, &Value::Null), "{what}");
    } else {
        expect_close(&told["median"], quantile(seconds, 0.5));
        expect_close(&told["p90"], quantile(seconds, 0.9));
    }
}

#[track_caller]
fn expect_spread(told: &Value, values: &[f64], what: &str) {
    assert_eq!(told["samples"], values.len(), "{what}");
    for (field, share) in [("p10", 0.1), ("median", 0.5), ("p90", 0.9)] {
        expect_close(&told[field], quantile(values, share));
    }
}

#[track_caller]
fn expect_histogram(item: &Value, values: &[f64]) {
    let bins = list(&item["histogram"]);
    let last = bins.len() - 1;
    assert_eq!((&bins[0]["from"], &bins[last]["to"]), (&item["min"], &item["max"]));
    let mut counted = 0;
    for (number, bin) in bins.iter().enumerate() {
        let (from, to) = (bin["from"].as_f64().unwrap(), bin["to"].as_f64().unwrap());
        let within = values.iter().filter(|value| **value >= from && (**value < to || number == last));
        // The smallest error of an edge may put a value that lies on it into the bin beside.
        let on_edges = values.iter().filter(|value| (**value - from).abs() < 1e-9 || (**value - to).abs() < 1e-9);
        let count = bin["count"].as_u64().unwrap();
        assert!(count.abs_diff(within.count() as u64) <= on_edges.count() as u64, "{bin}");
        counted += count;
    }
    assert_eq!(counted, values.len() as u64);
}

on_both! {
    async fn durations_of_steps_are_what_the_jobs_say(server: TestServer) {
        let history = History::write(&server, 11).await;
        let alice = &history.alice;
        let finished = finished_steps(alice).await;
        catch_up(&server.app).await.unwrap();
        let bob = Some(history.bob.email.clone());
        for period in PERIODS {
            let (zone, by, from, to) = period;
            for (filter, customer) in [("", None), ("&customer=none", Some(None)), (&format!("&customer={}", history.bob.id), Some(bob.clone()))] {
                let path = format!("/analytics/steps?zone={zone}&by={by}&from={from}&to={to}{filter}");
                let answer = alice.get(&path).await.expect(200);
                let of_period: Vec<&Finished> = finished
                    .iter()
                    .filter(|one| is_within(period, one.at) && customer.as_ref().is_none_or(|customer| one.customer == *customer))
                    .collect();
                let mut told = 0;
                for item in list(&answer["items"]) {
                    let of_step = || of_period.iter().filter(|one| item["tag"] == one.tag && item["step"] == one.step);
                    let seconds: Vec<f64> = of_step().map(|one| one.seconds).collect();
                    expect_durations(item, &seconds, &path);
                    for version in list(&item["versions"]) {
                        let of_version = of_step().filter(|one| version["version"] == one.version);
                        expect_durations(version, &of_version.map(|one| one.seconds).collect::<Vec<_>>(), &path);
                    }
                    told += seconds.len();
                }
                assert_eq!(told, of_period.len(), "{path}");
            }
        }
    }

    async fn measurements_are_what_the_jobs_say(server: TestServer) {
        let history = History::write(&server, 13).await;
        let alice = &history.alice;
        let finished = finished_steps(alice).await;
        catch_up(&server.app).await.unwrap();
        let bob = Some(history.bob.email.clone());
        for period in PERIODS {
            let (zone, by, from, to) = period;
            let tz: Tz = zone.parse().unwrap();
            for (filter, customer) in [("", None), ("&version=1.9.0", None), (&format!("&customer={}", history.bob.email), Some(bob.clone()))] {
                let path = format!("/analytics/metadata?tag=brain&step=left&zone={zone}&by={by}&from={from}&to={to}{filter}");
                let answer = alice.get(&path).await.expect(200);
                let fits = |one: &&Finished| {
                    one.tag == "brain" && one.step == "left" && is_within(period, one.at)
                        && customer.as_ref().is_none_or(|customer| one.customer == *customer)
                        && (!filter.contains("1.9.0") || one.version == "1.9.0")
                };
                // Name and units -> date, version and value.
                let mut expected: BTreeMap<_, Vec<(NaiveDate, &str, f64)>> = BTreeMap::new();
                for one in finished.iter().filter(fits) {
                    for (name, units, value) in &one.numbers {
                        let date = part_of(tz, by, one.at);
                        expected.entry((name.clone(), units.clone())).or_default().push((date, &one.version, *value));
                    }
                }
                assert_eq!(list(&answer["items"]).len(), expected.len(), "{path}");
                for item in list(&answer["items"]) {
                    let values = &expected[&(text(&item["name"]).unwrap(), text(&item["units"]))];
                    let what = format!("{path}: {} in {}", item["name"], item["units"]);
                    let all: Vec<f64> = values.iter().map(|(_, _, value)| *value).collect();
                    expect_spread(item, &all, &what);
                    expect_close(&item["min"], all.iter().copied().fold(f64::INFINITY, f64::min));
                    expect_close(&item["max"], all.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                    expect_histogram(item, &all);
                    let mut by_version: BTreeMap<_, Vec<f64>> = BTreeMap::new();
                    let mut by_date: BTreeMap<_, Vec<f64>> = BTreeMap::new();
                    for (date, version, value) in values {
                        let precedence = Version::try_from((*version).to_owned()).unwrap().precedence();
                        by_version.entry((precedence, *version)).or_default().push(*value);
                        by_date.entry(date.to_string()).or_default().push(*value);
                    }
                    assert_eq!(list(&item["versions"]).len(), by_version.len(), "{what}");
                    for (told, ((_, version), values)) in list(&item["versions"]).iter().zip(by_version) {
                        assert_eq!(told["version"], version, "{what}");
                        expect_spread(told, &values, &what);
                    }
                    assert_eq!(list(&item["trend"]).len(), by_date.len(), "{what}");
                    for (told, (date, values)) in list(&item["trend"]).iter().zip(by_date) {
                        assert_eq!(told["date"], date, "{what}");
                        expect_spread(told, &values, &what);
                    }
                }
            }
        }
    }

    async fn different_units_are_told_apart_and_the_newest_version_comes_first(server: TestServer) {
        let alice = server.provider("alice").await;
        let register = async |version: &str, fields: Value| {
            let steps = json!([{"tag": "scan", "name": "Scan", "points": 1, "metadata_configurations": fields}]);
            let body = json!({"tag": "brain", "name": "Brain", "version": version, "step_configurations": steps});
            alice.post("/job-configurations", body).await.expect(201);
        };
        let number = |name: &str, units: Option<&str>| json!({"name": name, "kind": "number", "units": units});
        register("1.0.0", json!([number("Volume", Some("l")), number("Dose", None)])).await;
        register("1.1.0", json!([number("Dose", None), number("Volume", Some("ml"))])).await;
        register("1.2.0", json!([{"name": "Volume"}])).await;
        for (job, version, volume) in [("a", "1.0.0", json!(1)), ("b", "1.1.0", json!(1500)), ("c", "1.1.0", json!(500)), ("d", "1.2.0", json!("7"))] {
            alice.post("/jobs", json!({"tag": "brain", "version": version, "provider_job_id": job})).await.expect(201);
            let measured = json!({"Volume": volume, "Dose": 5});
            let event = json!({"provider_job_id": job, "kind": "step", "tag": "scan", "event_metadata": measured});
            alice.post("/events", event).await.expect(201);
        }
        catch_up(&server.app).await.unwrap();
        let answer = alice.get("/analytics/metadata?tag=brain&step=scan").await.expect(200);
        let told: Vec<_> = list(&answer["items"])
            .iter()
            .map(|item| json!([item["name"], item["units"], item["samples"], item["median"], item["histogram"].as_array().unwrap().len()]))
            .collect();
        assert_eq!(told, [json!(["Dose", null, 3, 5.0, 1]), json!(["Volume", "ml", 2, 1000.0, 24]), json!(["Volume", "l", 1, 1.0, 1])]);
    }
}
