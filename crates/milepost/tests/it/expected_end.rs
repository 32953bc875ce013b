//! When a running job will have ended: what is told, from which past runs, and how often it holds.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use milepost::durations::catch_up;
use serde_json::{Value, json};

use crate::support::{Dice, Milepost, Person, TestServer, on_both};

const STEPS: [(&str, i64); 3] = [("load", 1), ("measure", 1), ("send", 1)];

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    time("2026-03-02T12:00:00Z")
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

fn event(job: &str, kind: &str, tag: Option<&str>, at: DateTime<Utc>) -> Value {
    json!({"provider_job_id": job, "kind": kind, "tag": tag, "occurred_at": text(at)})
}

async fn report(person: &Person, events: &[Value]) {
    if events.is_empty() {
        return;
    }
    let answer = person.post("/events/batch", json!(events)).await.expect(200);
    assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
}

/// A provider at noon who has a kind of job.
async fn provider(server: &TestServer, name: &str) -> Person {
    server.clock.travel_to(noon());
    let person = server.provider(name).await.with_new_key("write").await;
    person.register("kidney", "1.2.0", &STEPS).await;
    person
}

/// Yesterday's runs of a configuration: all load for a minute, and go on from there for as long as is given.
async fn past_runs(server: &TestServer, person: &Person, version: &str, rests: impl IntoIterator<Item = i64>) {
    let began = noon() - TimeDelta::days(1);
    let mut events = Vec::new();
    for (number, rest) in rests.into_iter().enumerate() {
        let job = format!("past-{version}-{number}");
        person.post("/jobs", json!({"tag": "kidney", "version": version, "provider_job_id": job})).await.expect(201);
        events.push(event(&job, "info", None, began));
        events.push(event(&job, "step", Some("load"), began + minutes(1)));
        events.push(event(&job, "complete", None, began + minutes(1 + rest)));
    }
    report(person, &events).await;
    catch_up(&server.app).await.unwrap();
}

/// A job that began five minutes ago and has loaded just now, unless it is to have begun only.
async fn open(person: &Person, job: &str, version: &str, has_loaded: bool) -> String {
    let new = json!({"tag": "kidney", "version": version, "provider_job_id": job});
    let opened = person.post("/jobs", new).await.expect(201);
    let mut events = vec![event(job, "info", None, noon() - minutes(5))];
    events.extend(has_loaded.then(|| event(job, "step", Some("load"), noon())));
    report(person, &events).await;
    format!("/jobs/{}", opened["id"].as_str().unwrap())
}

async fn expected(person: &Person, job: &str) -> Value {
    person.get(job).await.expect(200)["expected_end"].clone()
}

/// Minutes behind noon.
fn interval(expected: &Value) -> [i64; 3] {
    ["from", "median", "to"].map(|field| (time(expected[field].as_str().unwrap()) - noon()).num_minutes())
}

on_both! {
    async fn it_is_from_whole_runs_that_had_reached_the_same_step(server: TestServer) {
        let alice = provider(&server, "alice").await;
        past_runs(&server, &alice, "1.2.0", (1..=9).map(|number| number * 10)).await;
        let job = open(&alice, "now", "1.2.0", true).await;
        let told = expected(&alice, &job).await;
        assert_eq!(told, json!({
            "from": text(noon() + minutes(10)), "median": text(noon() + minutes(50)), "to": text(noon() + minutes(90)),
            "runs": 9, "ended": 0, "overdue": false,
            "basis": {"version": "1.2.0", "step": "load", "since": text(noon())},
        }));
        // As it runs only those count that went on for longer.
        for (passed, ends) in [(9, [10, 50, 90]), (15, [20, 55, 90]), (45, [50, 70, 90])] {
            server.clock.travel_to(noon() + minutes(passed));
            let told = expected(&alice, &job).await;
            assert_eq!((interval(&told), &told["ended"]), (ends, &json!(passed / 10)), "after {passed} minutes");
        }
        for (passed, ended, overdue) in [(55, 5, false), (89, 8, false), (91, 9, true), (600, 9, true)] {
            server.clock.travel_to(noon() + minutes(passed));
            let told = expected(&alice, &job).await;
            assert_eq!((&told["from"], &told["to"], &told["median"]), (&Value::Null, &Value::Null, &Value::Null));
            assert_eq!((&told["runs"], &told["ended"], &told["overdue"]), (&json!(9), &json!(ended), &json!(overdue)));
        }
        // Another step, another interval.
        report(&alice, &[event("now", "step", Some("measure"), noon() + minutes(600))]).await;
        assert_eq!(expected(&alice, &job).await, Value::Null, "nobody ever finished that step");
    }

    async fn before_any_step_it_is_from_the_begin(server: TestServer) {
        let alice = provider(&server, "alice").await;
        past_runs(&server, &alice, "1.2.0", [9, 19, 29, 39, 49]).await;
        let job = open(&alice, "now", "1.2.0", false).await;
        let told = expected(&alice, &job).await;
        assert_eq!(interval(&told), [5, 25, 45]);
        let basis = json!({"version": "1.2.0", "step": null, "since": text(noon() - minutes(5))});
        assert_eq!((&told["basis"], &told["runs"]), (&basis, &json!(5)));
    }

    async fn from_fewer_than_five_runs_nothing_is_told_unless_other_versions_have_more(server: TestServer) {
        let alice = provider(&server, "alice").await;
        past_runs(&server, &alice, "1.2.0", [10, 20, 30, 40]).await;
        let job = open(&alice, "now", "1.2.0", true).await;
        assert_eq!(expected(&alice, &job).await, Value::Null);
        // Of another kind, or of somebody else, are of no use.
        let mallory = provider(&server, "mallory").await;
        past_runs(&server, &mallory, "1.2.0", [1; 9]).await;
        alice.register("liver", "1.0.0", &STEPS).await;
        server.clock.travel_to(noon() + minutes(1));
        assert_eq!(expected(&alice, &job).await, Value::Null);

        alice.register("kidney", "1.1.0", &[("load", 5), ("weigh", 1)]).await;
        past_runs(&server, &alice, "1.1.0", [100, 200, 300]).await;
        alice.register("kidney", "2.0.0", &[("measure", 1), ("load", 2)]).await;
        past_runs(&server, &alice, "2.0.0", [400, 500]).await;
        server.clock.travel_to(noon() + minutes(2));
        let told = expected(&alice, &job).await;
        assert_eq!((interval(&told), &told["runs"]), ([100, 300, 500], &json!(5)));
        assert_eq!(told["basis"], json!({"version": null, "step": "load", "since": text(noon())}));
        let begun = open(&alice, "begun", "1.2.0", false).await;
        let told = expected(&alice, &begun).await;
        assert_eq!((interval(&told), &told["basis"]["version"]), ([96, 296, 496], &Value::Null));

        past_runs_more(&server, &alice).await;
        server.clock.travel_to(noon() + minutes(3));
        let told = expected(&alice, &job).await;
        assert_eq!((interval(&told), &told["basis"]["version"]), ([10, 30, 50], &json!("1.2.0")), "of its own there are enough now");
    }

    async fn both_sides_see_it_while_the_job_runs_and_nobody_otherwise(server: TestServer) {
        let alice = provider(&server, "alice").await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let bob = server.customer_of(&owner, "bob").await;
        past_runs(&server, &alice, "1.2.0", [10, 20, 30, 40, 50]).await;
        let id = alice.open_job_for(&bob, "kidney", "now").await;
        let job = format!("/jobs/{id}");
        assert_eq!(expected(&bob, &job).await, Value::Null, "pending");
        report(&alice, &[event("now", "step", Some("load"), noon())]).await;
        let told = expected(&bob, &job).await;
        assert_eq!(interval(&told), [10, 30, 50]);
        assert_eq!(expected(&alice, &job).await, told);
        let mut stream = bob.stream(&format!("{job}/stream"), None).await;
        let snapshot = stream.expect().await;
        assert_eq!((snapshot.event.as_str(), &snapshot.data["expected_end"]), ("snapshot", &told));
        alice.report("now", "error", None).await;
        assert_eq!(expected(&bob, &job).await, Value::Null, "in error");
        alice.report("now", "step", Some("measure")).await;
        alice.report("now", "complete", None).await;
        assert_eq!(expected(&bob, &job).await, Value::Null, "completed");
    }

    async fn a_terminal_tells_it_too(server: TestServer) {
        let alice = provider(&server, "alice").await;
        past_runs(&server, &alice, "1.2.0", [10, 20, 30, 40, 50]).await;
        open(&alice, "now", "1.2.0", true).await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let key = owner.make_key(Some("read")).await.key;
        let shown = Milepost::new(["job", "show", "now"])
            .env("MILEPOST_URL", &server.url)
            .env("MILEPOST_API_KEY", &key)
            .run()
            .await
            .expect_success();
        let first = shown.lines().next().unwrap();
        assert_eq!(first, "now Job kidney: running, 33 %, done between 2026-03-02T12:10:00Z and 2026-03-02T12:50:00Z");
    }

    async fn four_out_of_five_ends_fall_inside(server: TestServer) {
        let server = server.without_event_rates().await;
        let alice = provider(&server, "alice").await;
        let mut dice = Dice::seeded(2026);
        let mut runs: Vec<Run> = Vec::new();
        let mut expectations = [0; 3];
        for number in 0..RUNS {
            let run = Run::thrown(&mut dice, noon() + TimeDelta::hours(3) * number);
            let own_id = format!("run-{number}");
            server.clock.travel_to(run.began);
            let job = format!("/jobs/{}", alice.open_job("kidney", &own_id).await);
            let places = [run.began, run.loaded, run.measured, run.ended];
            let events: Vec<Value> = [("info", None), ("step", Some("load")), ("step", Some("measure")), ("complete", Some("send"))]
                .into_iter().zip(places).map(|((kind, tag), at)| event(&own_id, kind, tag, at)).collect();
            // Somebody looks at it at moments that have nothing to do with how long it takes.
            let mut looks = [dice.below(900), dice.below(900)].map(|seconds| run.began + TimeDelta::seconds(seconds));
            looks.sort_unstable();
            let mut told_so_far = 0;
            for seen_at in looks.into_iter().filter(|at| *at < run.ended) {
                server.clock.travel_to(seen_at);
                let happened = places.iter().filter(|at| **at <= seen_at).count();
                report(&alice, &events[told_so_far..happened]).await;
                told_so_far = happened;
                let told = expected(&alice, &job).await;
                if number >= RUNS - HELD_OUT && told["from"].is_string() {
                    let [from, to] = ["from", "to"].map(|field| time(told[field].as_str().unwrap()));
                    assert!(from > seen_at && from <= to, "{told}");
                    expectations[if run.ended < from { 0 } else if run.ended <= to { 1 } else { 2 }] += 1;
                }
            }
            server.clock.travel_to(run.ended);
            report(&alice, &events[told_so_far..]).await;
            catch_up(&server.app).await.unwrap();
            runs.push(run);
        }
        let [below, inside, above] = expectations;
        let all = below + inside + above;
        assert!(all >= 200, "{expectations:?}");
        assert!((70..=90).contains(&(inside * 100 / all)), "earlier, inside, later: {expectations:?}");

        // What the provider is told of it is what a slow look at all runs says.
        let told = alice.get("/analytics/calibration?tag=kidney").await.expect(200);
        let slowly = calibrate(&runs);
        let tally = |of: &Value| ["predictions", "inside", "below", "above"].map(|field| of[field].as_u64().unwrap());
        assert_eq!(tally(&told), slowly);
        assert_eq!((tally(&told["items"][0]), &told["items"][0]["runs"]), (slowly, &json!(200)));
        assert_eq!(told["items"][0]["version"], "1.2.0");
        assert!(slowly[0] >= 590 && (70..=90).contains(&(slowly[1] * 100 / slowly[0])), "{slowly:?}");
        let of_version = alice.get("/analytics/calibration?tag=kidney&version=1.2.0").await.expect(200);
        assert_eq!(of_version, told);
    }

    async fn calibration_is_for_providers_and_of_their_own_runs(server: TestServer) {
        let alice = provider(&server, "alice").await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let bob = server.customer_of(&owner, "bob").await;
        past_runs(&server, &alice, "1.2.0", [10; 8]).await;
        let nothing = json!({"predictions": 0, "inside": 0, "below": 0, "above": 0, "items": []});
        bob.get("/analytics/calibration?tag=kidney").await.expect_problem(403, &[]);
        let mallory = server.provider("mallory").await;
        assert_eq!(mallory.get("/analytics/calibration?tag=kidney").await.expect(200), nothing);
        assert_eq!(alice.get("/analytics/calibration?tag=kidney&version=9.9.9").await.expect(200), nothing);
        for (query, pointer) in [("", "/tag"), ("?tag=a%20b", "/tag"), ("?tag=kidney&version=one", "/version"), ("?tag=a&x=1", "/x")] {
            alice.get(&format!("/analytics/calibration{query}")).await.expect_problem(422, &[pointer]);
        }
        // Yesterday's runs all went on at once: none had ended when another began.
        let told = alice.get("/analytics/calibration?tag=kidney").await.expect(200);
        assert_eq!((&told["predictions"], &told["items"][0]["runs"]), (&json!(0), &json!(8)));
    }
}

/// A fifth run.
async fn past_runs_more(server: &TestServer, alice: &Person) {
    let began = noon() - TimeDelta::days(1);
    alice.post("/jobs", json!({"tag": "kidney", "version": "1.2.0", "provider_job_id": "fifth"})).await.expect(201);
    let events = [
        event("fifth", "info", None, began),
        event("fifth", "step", Some("load"), began + minutes(1)),
        event("fifth", "complete", None, began + minutes(51)),
    ];
    report(alice, &events).await;
    catch_up(&server.app).await.unwrap();
}

/// How many runs there are, and of how many the end is compared with what was expected.
const RUNS: i32 = 290;
const HELD_OUT: i32 = 240;

/// A run whose steps take longer together for a large image, each by chance, and sometimes much longer.
struct Run {
    began: DateTime<Utc>,
    loaded: DateTime<Utc>,
    measured: DateTime<Utc>,
    ended: DateTime<Utc>,
}

impl Run {
    fn thrown(dice: &mut Dice, began: DateTime<Utc>) -> Self {
        let size = (dice.normal() * 0.4).exp();
        let mut step = |seconds: f64, spread: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "minutes")]
            TimeDelta::microseconds((seconds * size * (dice.normal() * spread).exp() * 1e6) as i64)
        };
        let loaded = began + step(60.0, 0.2);
        let measured = loaded + step(600.0, 0.5);
        Self { began, loaded, measured, ended: measured + step(120.0, 0.9) }
    }
}

/// How often the interval held for the newest 200 runs: how often there was one, inside, earlier, later.
fn calibrate(runs: &[Run]) -> [u64; 4] {
    let mut tally = [0; 4];
    let mut newest: BTreeMap<DateTime<Utc>, &Run> = runs.iter().map(|run| (run.ended, run)).collect();
    while newest.len() > 200 {
        newest.pop_first();
    }
    let places: [fn(&Run) -> DateTime<Utc>; 3] = [|run| run.began, |run| run.loaded, |run| run.measured];
    for (place, run) in places.iter().flat_map(|place| newest.values().map(move |run| (place, run))) {
        let before = runs.iter().filter(|other| other.ended < place(run));
        let mut rests: Vec<i64> =
            before.map(|other| (other.ended - place(other)).num_microseconds().unwrap()).collect();
        rests.sort_unstable();
        if rests.len() < 5 {
            continue;
        }
        let quantile = |share: f64| {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred runs, and minutes")]
            let place = ((rests.len() + 1) as f64 * share).clamp(1.0, rests.len() as f64);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred runs")]
            let (low, high) = (rests[place.floor() as usize - 1], rests[place.ceil() as usize - 1]);
            #[expect(clippy::cast_precision_loss, reason = "minutes")]
            let between = low as f64 + (high - low) as f64 * place.fract();
            between
        };
        #[expect(clippy::cast_precision_loss, reason = "minutes")]
        let rest = (run.ended - place(run)).num_microseconds().unwrap() as f64;
        let became = if rest < quantile(0.1) {
            2
        } else if rest <= quantile(0.9) {
            1
        } else {
            3
        };
        tally[0] += 1;
        tally[became] += 1;
    }
    tally
}
