//! From the first event to the end of a job, as a reader sees it; and many reporting at once.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::provider_with_job;
use crate::support::on_both;

on_both! {
    async fn one_event_starts_a_job_and_is_listed(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let body = json!({"provider_job_id": "j1", "kind": "info", "tag": "load", "name": "Reading", "fraction": 0.25,
            "event_metadata": {"Density": 40, "Comment": "dense"}, "occurred_at": "2026-01-02T03:04:05.678901Z"});
        let event = alice.post("/events", body).await.expect(201);
        assert_eq!(event["job_id"], json!(job_id));
        assert_eq!(event["sequence"], 1);
        assert_eq!(event["kind"], "info");
        assert_eq!(event["tag"], "load");
        assert_eq!(event["name"], "Reading");
        assert_eq!(event["fraction"], 0.25);
        assert_eq!(event["occurred_at"], "2026-01-02T03:04:05.678901Z");
        assert_eq!(event["idempotency_key"], Value::Null);
        assert_eq!(event["created_at"], event["updated_at"]);
        let listed = alice.get(&format!("/jobs/{job_id}/events")).await.expect(200);
        assert_eq!(listed, json!({"items": [event], "next": null}));
        let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
        assert_eq!(job["status"], "running");
        assert_eq!(job["progress"], 0.0625);
        assert_eq!(job["started_at"], "2026-01-02T03:04:05.678901Z");
        assert_eq!(job["last_event_at"], event["created_at"]);
        assert_eq!(job["steps"][0]["metadata"][0], json!({"name": "Density", "kind": "number", "units": "HU", "value": 40}));
    }

    async fn a_name_that_is_not_given_is_the_steps_or_none(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        assert_eq!(alice.report("j1", "step", Some("load")).await["name"], "Step load");
        assert_eq!(alice.report("j1", "info", None).await["name"], Value::Null);
    }

    async fn a_step_that_fails_can_be_tried_again(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let read = || async { alice.get(&format!("/jobs/{job_id}")).await.expect(200) };
        let told = |job: &Value| {
            let scan = &job["steps"][1];
            json!([job["status"], job["progress"], job["points"]["done"], scan["status"], scan["attempts"], scan["fraction"]])
        };
        assert_eq!(told(&read().await), json!(["pending", 0.0, 0, "pending", 0, 0.0]));

        alice.report("j1", "step", Some("load")).await;
        alice.post("/events", json!({"provider_job_id": "j1", "kind": "info", "tag": "scan", "fraction": 0.5})).await.expect(201);
        assert_eq!(told(&read().await), json!(["running", 0.625, 1, "running", 1, 0.5]));

        let failed = json!({"provider_job_id": "j1", "kind": "error", "tag": "scan", "name": "out of memory"});
        assert_eq!(alice.post("/events", failed).await.expect(201)["name"], "out of memory");
        assert_eq!(told(&read().await), json!(["error", 0.625, 1, "error", 1, 0.5]));

        alice.post("/events", json!({"provider_job_id": "j1", "kind": "info", "tag": "scan", "fraction": 0.1})).await.expect(201);
        assert_eq!(told(&read().await), json!(["error", 0.625, 1, "error", 2, 0.5]), "news is no outcome");

        alice.report("j1", "step", Some("scan")).await;
        assert_eq!(told(&read().await), json!(["completed", 1.0, 4, "finished", 2, 1.0]));

        alice.report("j1", "error", Some("scan")).await;
        assert_eq!(told(&read().await), json!(["error", 1.0, 4, "error", 2, 1.0]), "what is finished stays finished");

        let last = alice.report("j1", "complete", None).await;
        let job = read().await;
        assert_eq!(told(&job), json!(["completed", 1.0, 4, "error", 2, 1.0]));
        assert_eq!(job["finished_at"], last["occurred_at"]);
        assert_eq!(job["last_sequence"], 7);
        server.expect_state_as_rebuilt().await;
    }

    async fn steps_never_reached_are_skipped_when_the_job_is_complete(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        alice.report("j1", "complete", Some("load")).await;
        let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
        assert_eq!(job["progress"], 1.0);
        assert_eq!(job["points"], json!({"done": 1, "total": 4}));
        assert_eq!((&job["steps"][0]["status"], &job["steps"][1]["status"]), (&json!("finished"), &json!("skipped")));
        assert_eq!(job["steps"][0]["started_at_inferred"], true);
        assert_eq!(job["steps"][0]["started_at"], job["created_at"]);
        assert_eq!(job["steps"][1]["started_at"], Value::Null);
    }

    async fn many_posting_to_one_job_leave_no_gap_in_its_sequence(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server).await;
        let posts = (0..40).map(|index| {
            let fraction = f64::from(index) / 40.0;
            alice.post("/events", json!({"provider_job_id": "j1", "kind": "info", "tag": "scan", "fraction": fraction}))
        });
        let answers: BTreeSet<i64> =
            join_all(posts).await.into_iter().map(|answer| answer.expect(201)["sequence"].as_i64().unwrap()).collect();
        assert_eq!(answers, (1..=40).collect());
        let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
        assert_eq!((&job["last_sequence"], &job["steps"][1]["fraction"]), (&json!(40), &json!(0.975)));
        server.expect_state_as_rebuilt().await;
    }

    async fn many_posting_to_many_jobs_from_two_servers_leave_no_gap_in_any(server: TestServer) {
        let (alice, _) = provider_with_job(&server).await;
        let beside = server.start_beside().await;
        let alice = alice.with_new_key("write").await;
        for job in 2..=4 {
            alice.open_job("brain", &format!("j{job}")).await;
        }
        let posts = (0..40).map(|index| {
            let server = if index % 2 == 0 { &server } else { &beside };
            let jobs = if index % 5 == 0 { ["j1", "j2", "j3", "j4"] } else { ["j4", "j3", "j2", "j1"] };
            let batch = json!(jobs.map(|job| json!({"provider_job_id": job, "kind": "step", "tag": "load"})));
            let person = alice.at(server);
            async move { person.post("/events/batch", batch).await.expect(200) }
        });
        for answer in join_all(posts).await {
            assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
        }
        let jobs = alice.get("/jobs").await.expect(200);
        for job in jobs["items"].as_array().unwrap() {
            let events = alice.get(&format!("/jobs/{}/events?limit=200", job["id"].as_str().unwrap())).await.expect(200);
            let sequences: BTreeSet<i64> =
                events["items"].as_array().unwrap().iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
            assert_eq!(sequences, (1..=40).collect());
        }
        server.expect_state_as_rebuilt().await;
        beside.stop().await;
    }
}
