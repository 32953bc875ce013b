//! How many events a key may report over time.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestServer, on_both};

/// Stands still until the test waits, so that a bucket fills only then.
struct StillClock<'a>(&'a TestServer, u32);

impl<'a> StillClock<'a> {
    fn of(server: &'a TestServer) -> Self {
        server.clock.stop();
        Self(server, 0)
    }

    fn wait(&mut self, seconds: u32) {
        self.1 += seconds;
        self.0.clock.set_offset(TimeDelta::seconds(self.1.into()));
    }
}

/// Reports an event.
async fn report(person: &Person) -> Answer {
    person.post("/events", json!({"provider_job_id": "j1", "kind": "info"})).await
}

/// Reports so many events in one batch.
async fn report_batch(person: &Person, events: usize) -> Answer {
    person.post("/events/batch", json!(vec![json!({"provider_job_id": "j1", "kind": "info"}); events])).await
}

/// A server whose keys may report five events at once, and one a second over time.
async fn limited(server: TestServer) -> TestServer {
    TestServer::start_over(server.stop().await, |settings| {
        settings.limits.event_rate = NonZeroU32::MIN;
        settings.limits.event_burst = NonZeroU32::new(5).unwrap();
    })
    .await
}

/// A provider with a job `j1`, signed in.
async fn provider_with_job(server: &TestServer, name: &str) -> Person {
    let provider = server.provider(name).await;
    provider.register("scan", "1.0.0", &[("load", 1)]).await;
    provider.open_job("scan", "j1").await;
    provider
}

/// The seconds that a refusal asks to wait.
#[track_caller]
fn retry_after(refused: Answer) -> u32 {
    let seconds = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    let problem = refused.expect_problem(429, &[]);
    assert_eq!(problem["type"], "urn:milepost:problem:too-many-requests");
    seconds
}

fn statuses(answer: &Value) -> Vec<u64> {
    answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_u64().unwrap()).collect()
}

on_both! {
    async fn a_key_reports_so_many_events_and_goes_on_when_it_is_told(server: TestServer) {
        let server = limited(server).await;
        let alice = provider_with_job(&server, "alice").await.with_new_key("write").await;
        let mut clock = StillClock::of(&server);
        for _ in 0..5 {
            report(&alice).await.expect(201);
        }
        let before = server.contents().await;
        assert_eq!(retry_after(report(&alice).await), 1);
        assert_eq!(server.contents().await, before);
        clock.wait(1);
        report(&alice).await.expect(201);
        retry_after(report(&alice).await);
    }

    async fn a_batch_costs_as_many_as_it_has_and_is_refused_whole(server: TestServer) {
        let server = limited(server).await;
        let alice = provider_with_job(&server, "alice").await.with_new_key("write").await;
        let mut clock = StillClock::of(&server);
        assert_eq!(statuses(&report_batch(&alice, 3).await.expect(200)), [201; 3]);
        let before = server.contents().await;
        // Two are left, so two are lacking.
        assert_eq!(retry_after(report_batch(&alice, 4).await), 2);
        assert_eq!(server.contents().await, before);
        // What is refused costs nothing.
        assert_eq!(statuses(&report_batch(&alice, 2).await.expect(200)), [201; 2]);
        let wait = retry_after(report_batch(&alice, 5).await);
        assert_eq!(wait, 5);
        clock.wait(wait - 1);
        assert_eq!(retry_after(report_batch(&alice, 5).await), 1);
        clock.wait(1);
        assert_eq!(statuses(&report_batch(&alice, 5).await.expect(200)), [201; 5]);
    }

    async fn a_batch_that_can_never_pass_is_told_so(server: TestServer) {
        let server = limited(server).await;
        let alice = provider_with_job(&server, "alice").await.with_new_key("write").await;
        server.clock.stop();
        let before = server.contents().await;
        let problem = report_batch(&alice, 6).await.expect_problem(422, &[""]);
        assert!(problem["detail"].as_str().unwrap().contains("at most 5 events"), "{problem}");
        assert_eq!(server.contents().await, before);
        report_batch(&alice, 5).await.expect(200);
    }

    async fn each_key_and_each_session_has_a_bucket_of_its_own(server: TestServer) {
        let server = limited(server).await;
        let session = provider_with_job(&server, "alice").await;
        let [first, second] = [session.with_new_key("write").await, session.with_new_key("write").await];
        let bob = provider_with_job(&server, "bob").await.with_new_key("write").await;
        server.clock.stop();
        for reporter in [&first, &session, &second, &bob] {
            report_batch(reporter, 5).await.expect(200);
            retry_after(report(reporter).await);
        }
    }

    async fn one_provider_over_its_limit_keeps_no_other_from_reporting(server: TestServer) {
        let server = limited(server).await;
        let alice = provider_with_job(&server, "alice").await.with_new_key("write").await;
        let bob = provider_with_job(&server, "bob").await.with_new_key("write").await;
        server.clock.stop();
        report_batch(&alice, 5).await.expect(200);
        for _ in 0..5 {
            let flood = (0..10).map(|_| report(&alice));
            let (refused, reported) = tokio::join!(futures::future::join_all(flood), report(&bob));
            assert!(refused.iter().all(|answer| answer.status == 429));
            reported.expect(201);
        }
    }

    /// It does not get as far as the router, and must not be told from an answer that does.
    async fn what_is_refused_at_the_door_is_answered_and_counted_as_everything_else(server: TestServer) {
        let server = limited(server).await;
        let alice = provider_with_job(&server, "alice").await.with_new_key("write").await;
        server.clock.stop();
        let mut recorded = Vec::new();
        for _ in 0..5 {
            recorded.push(report(&alice).await);
        }
        let mut refused = vec![report(&alice).await];
        // What is left of a body is thrown away, so that the next request of the connection is read.
        for size in [1_000, 60_000, 2_000_000] {
            let event = json!({"provider_job_id": "j1", "kind": "info", "name": "a".repeat(size)});
            refused.push(alice.post("/events", event).await);
        }
        let names = |answer: &Answer| {
            let names = answer.headers.keys().map(|name| name.as_str().to_owned());
            names.filter(|name| name != "retry-after").collect::<BTreeSet<_>>()
        };
        let ids: BTreeSet<_> = recorded.iter().chain(&refused).map(|it| it.headers["x-request-id"].clone()).collect();
        assert_eq!(ids.len(), 9, "each request has an id of its own");
        for refused in &refused {
            assert_eq!(names(refused), names(&recorded[0]));
            assert_eq!(refused.headers["content-type"], "application/problem+json");
            assert_eq!(refused.headers["cache-control"], "no-store");
        }
        for refused in refused {
            retry_after(refused);
        }
        let asked = milepost::client::builder().build().unwrap().get(format!("{}/metrics", server.url)).send().await;
        let metrics = asked.unwrap().text().await.unwrap();
        for line in [
            r#"milepost_http_requests_total{method="POST",route="/api/v1/events",status="201"} 5"#,
            r#"milepost_http_requests_total{method="POST",route="/api/v1/events",status="429"} 4"#,
            r#"milepost_http_request_duration_seconds_count{method="POST",route="/api/v1/events"} 9"#,
            r#"milepost_events_refused_total{reason="too-many-requests"} 4"#,
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
        }
    }

    async fn what_may_not_be_asked_at_all_spends_nothing_and_is_told_so_over_the_limit_too(server: TestServer) {
        let server = limited(server).await;
        let alice = provider_with_job(&server, "alice").await.with_new_key("write").await;
        server.clock.stop();
        let from_another_site = async || {
            let event = json!({"provider_job_id": "j1", "kind": "info"});
            let request = alice.request(Method::POST, "/events").header("sec-fetch-site", "cross-site").json(&event);
            alice.send(request).await.expect_problem(403, &[]);
        };
        report(&alice).await.expect(201);
        for _ in 0..5 {
            from_another_site().await;
        }
        for _ in 0..4 {
            report(&alice).await.expect(201);
        }
        retry_after(report(&alice).await);
        from_another_site().await;
    }

    async fn what_is_over_the_limit_is_refused_without_the_database(server: TestServer) {
        let server = limited(server).await;
        let alice = provider_with_job(&server, "alice").await.with_new_key("write").await;
        let mut clock = StillClock::of(&server);
        for _ in 0..5 {
            report(&alice).await.expect(201);
        }
        let mut raw = server.database.raw().await;
        raw.execute("alter table api_keys rename to keys_in_a_drawer").await.unwrap();
        retry_after(report(&alice).await);
        // The database's word counts for a second only.
        clock.wait(2);
        report(&alice).await.expect_problem(500, &[]);
        raw.execute("alter table keys_in_a_drawer rename to api_keys").await.unwrap();
    }

    async fn an_expired_key_is_told_so_however_fast_it_asks(server: TestServer) {
        let server = limited(server).await;
        let session = provider_with_job(&server, "alice").await;
        let key = session.make_key(Some("write")).await;
        let alice = session.with_key(&key);
        let mut clock = StillClock::of(&server);
        report_batch(&alice, 5).await.expect(200);
        retry_after(report(&alice).await);
        session.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        clock.wait(1);
        for _ in 0..10 {
            report(&alice).await.expect_problem(401, &[]);
            report_batch(&alice, 5).await.expect_problem(401, &[]);
        }
    }

    async fn a_key_that_was_valid_a_moment_ago_lets_nothing_in(server: TestServer) {
        let server = limited(server).await;
        let session = provider_with_job(&server, "alice").await;
        let key = session.make_key(Some("write")).await;
        let alice = session.with_key(&key);
        server.clock.stop();
        report(&alice).await.expect(201);
        session.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        let before = server.contents().await;
        report(&alice).await.expect_problem(401, &[]);
        report_batch(&alice, 1).await.expect_problem(401, &[]);
        assert_eq!(server.contents().await, before);
    }

    async fn a_key_that_may_not_report_has_no_bucket(server: TestServer) {
        let server = limited(server).await;
        let session = provider_with_job(&server, "alice").await;
        let reader = session.with_new_key("read").await;
        server.clock.stop();
        for _ in 0..10 {
            report(&reader).await.expect_problem(403, &[]);
            report(&server.nobody()).await.expect_problem(401, &[]);
        }
    }
}
