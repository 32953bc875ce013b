//! What a job measured beside what other jobs of its configuration measured.

use serde_json::{Value, json};

use super::provider;
use crate::support::{Person, on_both};

/// Opens a job of `brain` whose step `load` measured this, or nothing.
async fn measure(person: &Person, job: &str, density: Option<Value>) -> String {
    let id = person.open_job("brain", job).await;
    if let Some(density) = density {
        let metadata = json!({"Density": density, "Comment": "7", "Unknown": 5});
        let event = json!({"provider_job_id": job, "kind": "step", "tag": "load", "event_metadata": metadata});
        person.post("/events", event).await.expect(201);
    }
    id
}

on_both! {
    async fn the_values_of_other_jobs_are_spread_out(server: TestServer) {
        let alice = provider(&server).await;
        for (job, density) in [("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)] {
            measure(&alice, job, Some(json!(density))).await;
        }
        measure(&alice, "not measured", None).await;
        measure(&alice, "null", Some(Value::Null)).await;
        let own = measure(&alice, "own", Some(json!(3.5))).await;
        let told = alice.get(&format!("/jobs/{own}/distributions")).await.expect(200);
        let mut bins = vec![0; 24];
        for bin in [0, 8, 16, 23] {
            bins[bin] = 1;
        }
        assert_eq!(told, json!({"jobs": 6, "items": [{
            "tag": "load", "name": "Density", "units": "HU", "value": 3.5, "count": 4, "min": 1.0, "max": 4.0,
            "quartiles": [1.75, 2.5, 3.25], "bins": bins, "below": 0.75,
        }]}));
    }

    async fn the_job_itself_other_versions_and_other_providers_do_not_count(server: TestServer) {
        let alice = provider(&server).await;
        let mallory = server.provider("mallory").await;
        mallory.register("brain", "1.0.0", &[("load", 1), ("scan", 3)]).await;
        let first = measure(&alice, "a", Some(json!(10))).await;
        measure(&mallory, "a", Some(json!(20))).await;
        let alone = alice.get(&format!("/jobs/{first}/distributions")).await.expect(200);
        assert_eq!(alone, json!({"jobs": 0, "items": []}));
        measure(&alice, "b", Some(json!(-5))).await;
        alice.register("brain", "1.1.0", &[("load", 1), ("scan", 3)]).await;
        let newer = measure(&alice, "c", Some(json!(30))).await;
        let told = alice.get(&format!("/jobs/{first}/distributions")).await.expect(200);
        let item = &told["items"][0];
        assert_eq!((&told["jobs"], &item["count"], &item["value"]), (&json!(1), &json!(1), &json!(10.0)));
        assert_eq!((&item["min"], &item["max"], &item["bins"]), (&json!(-5.0), &json!(-5.0), &json!([1])));
        assert_eq!((&item["quartiles"], &item["below"]), (&json!([-5.0, -5.0, -5.0]), &json!(1.0)));
        assert_eq!(alice.get(&format!("/jobs/{newer}/distributions")).await.expect(200)["jobs"], 0);
    }

    async fn a_job_that_measured_nothing_sees_the_others_in_the_order_of_steps(server: TestServer) {
        let alice = provider(&server).await;
        measure(&alice, "a", Some(json!(1.7e308))).await;
        measure(&alice, "b", Some(json!(-1.7e308))).await;
        for (job, density) in [("a", 5), ("b", 5)] {
            let event = json!({"provider_job_id": job, "kind": "step", "tag": "scan", "event_metadata": {"Density": density}});
            alice.post("/events", event).await.expect(201);
        }
        // Only the latest value counts.
        let again = json!({"provider_job_id": "b", "kind": "info", "tag": "scan", "event_metadata": {"Density": 6}});
        alice.post("/events", again).await.expect(201);
        let own = measure(&alice, "own", None).await;
        let told = alice.get(&format!("/jobs/{own}/distributions")).await.expect(200);
        let items = told["items"].as_array().unwrap();
        let tags: Vec<&Value> = items.iter().map(|item| &item["tag"]).collect();
        assert_eq!(tags, ["load", "scan"]);
        assert!(items.iter().all(|item| item["value"].is_null() && item["below"].is_null()), "{told}");
        assert_eq!((&items[0]["min"], &items[0]["max"]), (&json!(-1.7e308), &json!(1.7e308)));
        assert_eq!((&items[1]["min"], &items[1]["max"]), (&json!(5.0), &json!(6.0)));
    }

    async fn a_customer_does_not_see_the_jobs_of_others_in_numbers(server: TestServer) {
        let alice = provider(&server).await;
        let bob = server.customer_of(&alice, "bob").await;
        let job = alice.open_job_for(&bob, "brain", "j1").await;
        bob.get(&format!("/jobs/{job}/distributions")).await.expect_problem(403, &[]);
        alice.with_new_key("read").await.get(&format!("/jobs/{job}/distributions")).await.expect(200);
        alice.get("/jobs/018f4e9c-0000-7000-8000-000000000000/distributions").await.expect_problem(404, &[]);
    }
}
