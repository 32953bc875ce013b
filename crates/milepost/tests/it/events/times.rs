//! When events happened and when they arrived, and the order of their list.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::provider_with_job;
use crate::support::{Person, on_both};

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

fn at(occurred_at: &str) -> Value {
    json!({"provider_job_id": "j1", "kind": "info", "occurred_at": occurred_at})
}

/// The sequences of all events of a job, a page of so many after the other.
async fn listed(person: &Person, job_id: &str, limit: usize) -> Vec<i64> {
    listed_as(person, job_id, &format!("limit={limit}")).await
}

/// The same, with what else the query says.
async fn listed_as(person: &Person, job_id: &str, query: &str) -> Vec<i64> {
    let (mut sequences, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = person.get(&format!("/jobs/{job_id}/events?{query}{cursor}")).await.expect(200);
        sequences.extend(page["items"].as_array().unwrap().iter().map(|event| event["sequence"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { return sequences };
        cursor = format!("&cursor={next}");
    }
    panic!("no end after a hundred pages: {sequences:?}");
}

on_both! {
    async fn an_event_may_be_5_minutes_ahead_and_no_more(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let ahead = |minutes| (server.clock.now() + TimeDelta::minutes(minutes)).to_rfc3339();
        let event = alice.post("/events", at(&ahead(4))).await.expect(201);
        assert!(time(&event["occurred_at"]) > time(&event["created_at"]));
        let before = server.contents().await;
        alice.post("/events", at(&ahead(6))).await.expect_problem(422, &["/occurred_at"]);
        assert_eq!(server.contents().await, before);
    }

    async fn an_event_without_a_time_happened_when_it_arrived(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let earliest = server.clock.now();
        let event = alice.report("j1", "info", None).await;
        assert_eq!(event["occurred_at"], event["created_at"]);
        assert!(time(&event["created_at"]) >= earliest && time(&event["created_at"]) <= server.clock.now());
    }

    async fn a_clock_set_back_never_lets_an_event_arrive_before_the_one_before_it(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let first = alice.report("j1", "step", Some("load")).await;
        server.clock.set_offset(TimeDelta::hours(-1));
        let second = alice.report("j1", "info", Some("scan")).await;
        assert_eq!(second["created_at"], first["created_at"]);
        assert_eq!(second["occurred_at"], first["created_at"]);
        let batch = json!([{"provider_job_id": "j1", "kind": "info"}, at("2026-01-01T00:00:00Z")]);
        let batch = alice.post("/events/batch", batch).await.expect(200);
        assert_eq!(batch["items"][1]["event"]["created_at"], first["created_at"]);
        server.clock.set_offset(TimeDelta::hours(1));
        let last = alice.report("j1", "info", None).await;
        assert!(time(&last["created_at"]) > time(&first["created_at"]));
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_event_at"], last["created_at"]);
        server.expect_state_as_rebuilt().await;
    }

    async fn a_time_is_told_as_the_same_instant_in_utc_to_the_microsecond(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        for (sent, told) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            ("2026-01-01T00:30:00.1234567-00:00", "2026-01-01T00:30:00.123456Z"),
            ("2026-01-01t00:30:00.5z", "2026-01-01T00:30:00.500Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
            ("2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250Z"),
        ] {
            let event = alice.post("/events", at(sent)).await.expect(201);
            assert_eq!(time(&event["occurred_at"]), time(&json!(told)), "{sent}: {event}");
            let listed = alice.get(&format!("/jobs/{job_id}/events?limit=200")).await.expect(200);
            let kept = listed["items"].as_array().unwrap().iter().find(|kept| kept["id"] == event["id"]).unwrap().clone();
            assert_eq!(kept, event, "{sent}");
        }
        server.expect_state_as_rebuilt().await;
    }

    async fn what_is_no_time_is_refused(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let before = server.contents().await;
        for text in ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "1969-12-31T23:59:59Z",
            "-0001-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00+25:00"]
        {
            alice.post("/events", at(text)).await.expect_problem(422, &["/occurred_at"]);
        }
        for value in [json!(1_767_225_600), json!(true), json!({}), json!([])] {
            let body = json!({"provider_job_id": "j1", "kind": "info", "occurred_at": value});
            alice.post("/events", body).await.expect_problem(422, &["/occurred_at"]);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn events_are_listed_as_they_happened_and_equal_times_as_they_arrived(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let times = [
            "2026-01-01T00:00:01Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z",
            "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.500001Z",
            "2025-12-31T23:59:59.999999Z", "2026-01-01T00:00:00.5Z",
        ];
        let batch: Vec<Value> = times.iter().map(|occurred_at| at(occurred_at)).collect();
        alice.post("/events/batch", json!(batch)).await.expect(200);
        let expected = [9, 3, 5, 6, 7, 4, 2, 10, 8, 1];
        for limit in [1, 2, 3, 10, 200] {
            assert_eq!(listed(&alice, &job_id, limit).await, expected, "pages of {limit}");
        }
    }

    async fn a_bad_limit_or_cursor_of_events_is_refused(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        for (query, pointer) in [
            ("limit=0", "/limit"), ("limit=201", "/limit"), ("limit=-1", "/limit"), ("limit=1.5", "/limit"),
            ("limit=", "/limit"), ("limit=99999999999999999999", "/limit"), ("cursor=", "/cursor"), ("cursor=x", "/cursor"),
            ("cursor=1-", "/cursor"), ("cursor=%00", ""), ("cursor=1-1-1", "/cursor"), ("cursor=7fffffffffffffff-1", "/cursor"),
        ] {
            alice.get(&format!("/jobs/{job_id}/events?{query}")).await.expect_problem(422, &[pointer]);
        }
        for (query, pointer) in [
            ("order=", "/order"), ("order=newest", "/order"), ("order=Asc", "/order"), ("kind=", "/kind"), ("kind=news", "/kind"),
            ("kind=step,", "/kind"), ("kind=step;error", "/kind"), ("colour=red", "/colour"),
        ] {
            alice.get(&format!("/jobs/{job_id}/events?{query}")).await.expect_problem(422, &[pointer]);
        }
    }

    async fn events_may_be_read_latest_first_and_by_kind(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        // By time: 3, then 1 and 2 at the same time, then 4 and 5.
        for (kind, hour) in [("info", 2), ("error", 2), ("info", 1), ("error", 3), ("complete", 4)] {
            let mut event = at(&format!("2026-01-01T0{hour}:00:00Z"));
            event["kind"] = json!(kind);
            alice.post("/events", event).await.expect(201);
        }
        for limit in 1..=6 {
            for (query, expected) in [
                ("order=asc", &[3, 1, 2, 4, 5][..]),
                ("order=desc", &[5, 4, 2, 1, 3]),
                ("order=desc&kind=error", &[4, 2]),
                ("kind=complete,%20info,info", &[3, 1, 5]),
                ("order=desc&kind=step,error,info,complete", &[5, 4, 2, 1, 3]),
                ("kind=step", &[]),
            ] {
                assert_eq!(listed_as(&alice, &job_id, &format!("limit={limit}&{query}")).await, expected, "{query}");
            }
        }
    }

    async fn a_cursor_of_the_other_order_is_refused(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        for _ in 0..3 {
            alice.report("j1", "info", None).await;
        }
        for (order, other) in [("asc", "desc"), ("desc", "asc")] {
            let page = alice.get(&format!("/jobs/{job_id}/events?order={order}&limit=1")).await.expect(200);
            let next = page["next"].as_str().unwrap();
            let refused = alice.get(&format!("/jobs/{job_id}/events?order={other}&limit=1&cursor={next}")).await;
            refused.expect_problem(422, &["/cursor"]);
        }
    }
}
