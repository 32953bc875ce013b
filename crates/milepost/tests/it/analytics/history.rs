//! A provider's jobs over six weeks in which clocks change in Berlin, New York and on Lord Howe Island, put together at
//! random by the API: several kinds and versions, for several customers and for nobody, with errors and late events.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Dice, Person, TestServer};

fn is_one_of(dice: &mut Dice, count: i64) -> bool {
    dice.below(count) == 0
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

const BEGIN: &str = "2026-02-24T00:00:00Z";
const DAYS: i64 = 42;
const JOBS: usize = 90;

/// Midnights of several zones, in summer and in winter, and others.
const MINUTES: [i64; 12] =
    [0, 22 * 60, 23 * 60, 4 * 60, 5 * 60, 13 * 60, 13 * 60 + 30, 18 * 60 + 15, 15, 719, 720, 1000];

/// A time of these weeks: often the first or the last moment of a quarter in which somewhere a day begins.
fn moment(dice: &mut Dice) -> DateTime<Utc> {
    let day = at(BEGIN) + TimeDelta::days(dice.below(DAYS));
    if is_one_of(dice, 2) {
        return day + TimeDelta::microseconds(dice.below(24 * 3_600_000_000));
    }
    let minute = day + TimeDelta::minutes(*dice.pick(&MINUTES));
    minute + TimeDelta::microseconds(*dice.pick(&[0, 0, -1, 1, 899_999_999]))
}

fn configuration(tag: &str, version: &str, steps: &[(&str, i64)], units: Option<&str>) -> Value {
    let step = |(tag, points): &(&str, i64)| {
        json!({"tag": tag, "name": format!("Step {tag} of {version}"), "points": points, "metadata_configurations": [
            {"name": "Volume", "kind": "number", "units": units}, {"name": "Comment"},
            {"name": format!("Count of {tag}"), "kind": "number"},
        ]})
    };
    let steps: Vec<Value> = steps.iter().map(step).collect();
    json!({"tag": tag, "name": tag, "version": version, "step_configurations": steps})
}

/// Kinds of job: tag, version, steps.
type Kind = (&'static str, &'static str, &'static [(&'static str, i64)]);
const KINDS: [Kind; 5] = [
    ("brain", "1.9.0", &[("load", 1), ("left", 10), ("right", 10)]),
    ("brain", "1.10.0", &[("right", 12), ("load", 1), ("left", 10), ("report", 3)]),
    ("brain", "2.0.0-rc.1", &[("load", 0), ("left", 11)]),
    ("lung", "1.0.0", &[("load", 7)]),
    ("heart", "0.1.0", &[]),
];

pub struct History {
    /// The provider, with a key.
    pub alice: Person,
    /// Has an account.
    pub bob: Person,
}

impl History {
    pub async fn write(server: &TestServer, seed: u64) -> Self {
        let dice = &mut Dice::seeded(seed);
        let alice = server.provider("alice").await;
        let bob = server.customer_of(&alice, "bob").await;
        alice.invite("carol@customer.example").await;
        let mallory = server.provider("mallory").await.with_new_key("write").await;
        let alice = alice.with_new_key("write").await;
        for provider in [&alice, &mallory] {
            for (number, (tag, version, steps)) in KINDS.into_iter().enumerate() {
                let units = [Some("ml"), Some("l"), None][number.min(2)];
                let body = configuration(tag, version, steps, units);
                provider.post("/job-configurations", body).await.expect(201);
            }
        }
        let mut openings: Vec<DateTime<Utc>> = (0..JOBS).map(|_| moment(dice)).collect();
        openings.sort_unstable();
        let mut events = Vec::new();
        for (number, opening) in openings.into_iter().enumerate() {
            server.clock.travel_to(opening);
            let kind = *dice.pick(&KINDS);
            let name = format!("j{number}");
            let customer = *dice.pick(&["bob", "bob", "carol", "nobody"]);
            open_job(&alice, &name, kind, customer, &bob).await;
            for _ in 0..dice.below(12) {
                events.push(any_event(dice, &name, kind, opening));
            }
            if number % 9 == 0 {
                // Somebody else's jobs never count.
                open_job(&mallory, &name, kind, "nobody", &bob).await;
                let complete = json!({"provider_job_id": name, "kind": "complete"});
                mallory.post("/events", complete).await.expect(201);
            }
        }
        server.clock.travel_to(at(BEGIN) + TimeDelta::days(49));
        // In no order: what happened first may arrive last.
        for index in (1..events.len()).rev() {
            events.swap(index, usize::try_from(dice.below(i64::try_from(index).unwrap() + 1)).unwrap());
        }
        for batch in events.chunks(100) {
            let answer = alice.post("/events/batch", json!(batch)).await.expect(200);
            let answers = answer["items"].as_array().unwrap();
            assert!(answers.iter().all(|answer| answer["status"] == 201), "{answer}");
        }
        // Some are given to somebody else afterwards.
        for job in alice.get("/jobs?limit=200").await.expect(200)["items"].as_array().unwrap().iter().step_by(11) {
            let email = dice.pick(&[Some("carol@customer.example"), None]);
            let path = format!("/jobs/{}", job["id"].as_str().unwrap());
            alice.patch(&path, json!({"customer_email": email})).await.expect(200);
        }
        Self { alice, bob }
    }
}

async fn open_job(provider: &Person, name: &str, (tag, version, _): Kind, customer: &str, bob: &Person) {
    let mut job = json!({"provider_job_id": name, "tag": tag, "version": version});
    match customer {
        "bob" => job["customer_id"] = json!(bob.id),
        "carol" => job["customer_email"] = json!("carol@customer.example"),
        _ => {}
    }
    provider.post("/jobs", job).await.expect(201);
}

/// An event of the days after the job was opened; only news may have come before.
fn any_event(dice: &mut Dice, job: &str, (_, _, steps): Kind, opening: DateTime<Utc>) -> Value {
    let mut kind = *dice.pick(&["info", "info", "step", "step", "step", "step", "error", "complete"]);
    if steps.is_empty() && kind == "step" {
        kind = "complete";
    }
    let mut occurred_at = opening + TimeDelta::seconds(10 + dice.below(200_000));
    if is_one_of(dice, 2) {
        let same_day = moment(dice).time();
        occurred_at = occurred_at.date_naive().and_time(same_day).and_utc();
    }
    if occurred_at < opening + TimeDelta::seconds(10) {
        occurred_at = opening + TimeDelta::seconds(10);
    }
    if kind == "info" && is_one_of(dice, 8) {
        occurred_at = opening - TimeDelta::hours(3);
    }
    let named = !steps.is_empty() && (kind == "step" || !is_one_of(dice, 3));
    let tag = named.then(|| dice.pick(steps).0);
    let number = |dice: &mut Dice| f64::from(u32::try_from(dice.below(4_000)).unwrap()) / 8.0 - 100.0;
    let metadata = tag.map(|tag| {
        let volume = if is_one_of(dice, 6) { Value::Null } else { json!(number(dice)) };
        json!({"Volume": volume, format!("Count of {tag}"): dice.below(5), "Comment": "7", "Unknown": 3})
    });
    json!({"provider_job_id": job, "kind": kind, "tag": tag, "name": "what happened", "event_metadata": metadata,
        "occurred_at": occurred_at})
}
