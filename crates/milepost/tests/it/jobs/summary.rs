//! The provider's jobs and events in numbers.

use chrono::{DateTime, TimeDelta, Utc};
use milepost::jobs::silence;
use serde_json::{Value, json};

use super::provider;
use crate::support::{Person, on_both};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn summary(person: &Person) -> Value {
    person.get("/jobs/summary").await.expect(200)
}

/// The hours that are not empty, as (hour of the day, events, errors).
fn busy_hours(summary: &Value) -> Vec<(String, i64, i64)> {
    let hours = summary["hours"].as_array().unwrap();
    let number = |hour: &Value, field: &str| hour[field].as_i64().unwrap();
    hours
        .iter()
        .map(|hour| {
            (hour["hour"].as_str().unwrap()[5..16].to_owned(), number(hour, "events"), number(hour, "errors"))
        })
        .filter(|(_, events, errors)| events + errors > 0)
        .collect()
}

on_both! {
    async fn nothing_has_happened_yet(server: TestServer) {
        let alice = provider(&server).await;
        server.clock.travel_to(time("2026-03-02T10:20:30Z"));
        let alice = Person::sign_in(&server.url, &alice.email).await;
        let told = summary(&alice).await;
        for field in ["running", "silent", "finished", "in_error"] {
            assert_eq!(told[field], 0, "{field}");
        }
        assert_eq!(told["since"], "2026-03-02T00:00:00Z");
        let hours = told["hours"].as_array().unwrap();
        assert_eq!(hours.len(), 24);
        assert_eq!(hours[0], json!({"hour": "2026-03-01T11:00:00Z", "events": 0, "errors": 0}));
        assert_eq!(hours[23], json!({"hour": "2026-03-02T10:00:00Z", "events": 0, "errors": 0}));
    }

    async fn jobs_are_counted_by_how_they_are_now(server: TestServer) {
        let alice = provider(&server).await;
        let mallory = server.provider("mallory").await;
        mallory.register("brain", "1.0.0", &[("load", 1)]).await;
        let noon = time("2026-03-02T12:00:00Z");
        server.clock.travel_to(noon);
        let alice = Person::sign_in(&server.url, &alice.email).await;
        let mallory = Person::sign_in(&server.url, &mallory.email).await;
        for id in ["pending", "running", "silent", "failed", "mended", "done"] {
            alice.open_job("brain", id).await;
        }
        for (id, kind) in [
            ("running", "info"), ("silent", "info"), ("failed", "error"), ("mended", "error"), ("mended", "complete"),
            ("done", "complete"),
        ] {
            alice.report(id, kind, None).await;
        }
        mallory.open_job("brain", "hers").await;
        mallory.report("hers", "error", None).await;
        let numbers = |told: &Value| ["running", "silent", "finished", "in_error"].map(|field| told[field].as_i64().unwrap());
        assert_eq!(numbers(&summary(&alice).await), [2, 0, 2, 1]);
        server.clock.travel_to(noon + TimeDelta::minutes(59));
        alice.report("running", "info", None).await;
        assert_eq!(numbers(&summary(&alice).await), [2, 0, 2, 1]);
        silence::sweep(&server.app).await.unwrap();
        assert_eq!(numbers(&summary(&alice).await), [2, 0, 2, 1], "not yet");
        server.clock.travel_to(noon + TimeDelta::minutes(61));
        silence::sweep(&server.app).await.unwrap();
        assert_eq!(numbers(&summary(&alice).await), [2, 1, 2, 1]);
        assert_eq!(numbers(&summary(&mallory).await), [0, 0, 0, 1]);
        let between = "/jobs/summary?since=2026-03-02T12:30:00Z";
        let told = alice.get(between).await.expect(200);
        assert_eq!((numbers(&told), &told["since"]), ([2, 1, 0, 1], &json!("2026-03-02T12:30:00Z")));
        server.clock.travel_to(time("2026-03-03T00:00:00Z"));
        silence::sweep(&server.app).await.unwrap();
        assert_eq!(numbers(&summary(&alice).await), [2, 2, 0, 1], "a new day");
        server.expect_state_as_rebuilt().await;
    }

    async fn the_next_event_of_a_silent_job_heals_it(server: TestServer) {
        let alice = provider(&server).await;
        server.clock.travel_to(time("2026-03-02T12:00:00Z"));
        let alice = Person::sign_in(&server.url, &alice.email).await;
        let silent = async || {
            silence::sweep(&server.app).await.unwrap();
            server.expect_state_as_rebuilt().await;
            summary(&alice).await["silent"].as_i64().unwrap()
        };
        for id in ["again", "ended", "failed"] {
            alice.open_job("brain", id).await;
            alice.report(id, "info", None).await;
        }
        assert_eq!(silent().await, 0);
        server.clock.travel_to(time("2026-03-02T13:01:00Z"));
        assert_eq!(silent().await, 3);
        let since = server.column::<DateTime<Utc>>("select silent_since from jobs where silent_since is not null").await;
        assert!(since.iter().all(|at| *at < time("2026-03-02T12:01:00Z")), "since its last news: {since:?}");
        alice.report("again", "info", None).await;
        alice.report("ended", "complete", None).await;
        alice.report("failed", "error", None).await;
        assert_eq!(summary(&alice).await["silent"], 0, "at once");
        server.clock.travel_to(time("2026-03-02T13:59:00Z"));
        assert_eq!(silent().await, 0);
        server.clock.travel_to(time("2026-03-02T14:02:00Z"));
        assert_eq!(silent().await, 1, "again");
    }

    async fn jobs_finished_since_any_moment_are_counted(server: TestServer) {
        let alice = provider(&server).await;
        for (id, at) in [("a", "12:00:00"), ("b", "12:14:59.999999"), ("c", "12:15:00"), ("d", "12:44:59"), ("e", "13:00:00")] {
            alice.open_job("brain", id).await;
            let complete = json!({"provider_job_id": id, "kind": "complete", "occurred_at": format!("2026-03-02T{at}Z")});
            alice.post("/events", complete).await.expect(201);
        }
        for (since, finished) in [
            ("11:59:59", 5), ("12:00:00", 5), ("12:00:00.000001", 4), ("12:14:59.999999", 4), ("12:15:00", 3),
            ("12:16:00", 2), ("12:44:59", 2), ("12:45:00", 1), ("13:00:00", 1), ("13:00:00.000001", 0), ("14:00:00", 0),
        ] {
            let told = alice.get(&format!("/jobs/summary?since=2026-03-02T{since}Z")).await.expect(200);
            assert_eq!(told["finished"], finished, "{since}");
        }
        // What comes late moves the end.
        let late = json!({"provider_job_id": "e", "kind": "complete", "occurred_at": "2026-03-02T13:40:00Z"});
        alice.post("/events", late).await.expect(201);
        server.expect_state_as_rebuilt().await;
    }

    async fn servers_that_sweep_at_once_while_events_come_count_each_job_once(server: TestServer) {
        let alice = provider(&server).await;
        let mallory = server.provider("mallory").await;
        mallory.register("brain", "1.0.0", &[("load", 1)]).await;
        let noon = server.clock.now();
        for number in 0..40 {
            let person = if number % 2 == 0 { &alice } else { &mallory };
            person.open_job("brain", &format!("j{number}")).await;
            person.report(&format!("j{number}"), "info", None).await;
        }
        server.clock.travel_to(noon + TimeDelta::hours(2));
        let beside = server.start_beside().await;
        let [alice, mallory] = [Person::sign_in(&server.url, &alice.email).await, Person::sign_in(&server.url, &mallory.email).await];
        let heal = async |person: &Person, first: usize| {
            for number in (first..20).step_by(2) {
                person.report(&format!("j{number}"), if number < 10 { "error" } else { "complete" }, None).await;
            }
        };
        let (one, other, (), ()) =
            tokio::join!(silence::sweep(&server.app), silence::sweep(&beside.app), heal(&alice, 0), heal(&mallory, 1));
        one.unwrap();
        other.unwrap();
        silence::sweep(&server.app).await.unwrap();
        for person in [&alice, &mallory] {
            let told = summary(person).await;
            assert_eq!((&told["running"], &told["silent"], &told["in_error"]), (&json!(10), &json!(10), &json!(5)));
        }
        server.expect_state_as_rebuilt().await;
    }

    async fn events_are_counted_in_the_hour_they_arrived_and_for_24_hours(server: TestServer) {
        let alice = provider(&server).await;
        server.clock.travel_to(time("2026-03-01T23:59:50Z"));
        let alice = Person::sign_in(&server.url, &alice.email).await;
        alice.open_job("brain", "j1").await;
        alice.report("j1", "info", None).await;
        alice.report("j1", "error", None).await;
        // When it happened makes no difference.
        let old = json!({"provider_job_id": "j1", "kind": "info", "occurred_at": "2026-03-01T07:00:00Z"});
        alice.post("/events", old).await.expect(201);
        server.clock.travel_to(time("2026-03-02T00:00:00Z"));
        let batch: Vec<Value> = ["info", "error", "error", "complete"]
            .map(|kind| json!({"provider_job_id": "j1", "kind": kind, "idempotency_key": format!("{kind}-1")})).into();
        // The second error repeats the first.
        alice.post("/events/batch", json!(batch)).await.expect(200);
        let expected = [("03-01T23:00".to_owned(), 3, 1), ("03-02T00:00".to_owned(), 3, 1)];
        assert_eq!(busy_hours(&summary(&alice).await), expected);
        alice.post("/events/batch", json!(batch)).await.expect(200);
        assert_eq!(busy_hours(&summary(&alice).await), expected, "sent again, recorded once");
        server.clock.travel_to(time("2026-03-02T22:59:00Z"));
        let alice = Person::sign_in(&server.url, &alice.email).await;
        assert_eq!(busy_hours(&summary(&alice).await), expected);
        server.clock.travel_to(time("2026-03-02T23:00:00Z"));
        assert_eq!(busy_hours(&summary(&alice).await), expected[1..], "24 hours, the present one among them");
        server.expect_state_as_rebuilt().await;
    }

    async fn a_bad_since_is_refused_by_name(server: TestServer) {
        let alice = provider(&server).await;
        for (query, pointer) in [("since=today", "/since"), ("since=", "/since"), ("until=2026-01-01T00:00:00Z", "/until")] {
            alice.get(&format!("/jobs/summary?{query}")).await.expect_problem(422, &[pointer]);
        }
        let bob = server.customer_of(&alice, "bob").await;
        bob.get("/jobs/summary").await.expect_problem(403, &[]);
        alice.with_new_key("read").await.get("/jobs/summary").await.expect(200);
    }

    async fn events_reported_at_once_are_all_counted(server: TestServer) {
        let alice = provider(&server).await;
        let beside = server.start_beside().await;
        let key = alice.make_key(None).await;
        for id in ["j1", "j2", "j3"] {
            alice.open_job("brain", id).await;
        }
        let mut posting = Vec::new();
        for writer in 0..6 {
            let at = if writer % 2 == 0 { &server } else { &beside };
            let person = alice.with_key(&key).at(at);
            posting.push(tokio::spawn(async move {
                for round in 0..10 {
                    let kind = if round % 5 == 0 { "error" } else { "info" };
                    person.report(&format!("j{}", 1 + (writer + round) % 3), kind, None).await;
                }
            }));
        }
        for post in posting {
            post.await.unwrap();
        }
        let counted = busy_hours(&summary(&alice).await);
        let sum = counted.iter().fold((0, 0), |sum, hour| (sum.0 + hour.1, sum.1 + hour.2));
        assert_eq!(sum, (60, 12), "{counted:?}");
        server.expect_state_as_rebuilt().await;
    }
}
