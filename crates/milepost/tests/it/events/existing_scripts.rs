//! The calls that scripts in the field make, in their exact shape.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, on_both};

/// A script: an address, a key in the header that old scripts use, and JSON.
struct Script {
    api: String,
    header: &'static str,
    key: String,
}

impl Script {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = milepost::client::builder()
            .build()
            .unwrap()
            .request(method, format!("{}{path}", self.api))
            .header(self.header, &self.key);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Answer::read(request.send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, Some(body)).await;
        assert!(answer.status < 400, "{path}: {}", answer.text);
        answer.body
    }
}

async fn alices_script(server: &TestServer, header: &'static str) -> Script {
    let alice = server.provider("alice").await;
    let key = alice.make_key(None).await.key;
    Script { api: format!("{}/api/v1", server.url), header, key }
}

fn configuration() -> Value {
    json!({"tag": "tumour", "name": "Tumour finder", "version": "1.0.0", "step_configurations": [
        {"tag": "load", "name": "Load", "points": 1, "metadata_configurations": null},
        {"tag": "segment", "name": "Segment", "points": 8, "metadata_configurations": [
            {"name": "Volume", "kind": "number", "units": "ml"},
            {"name": "Method", "units": null},
            {"name": "Snapshot", "kind": "link", "units": null},
        ]},
        {"tag": "report", "name": "Report", "points": 1},
    ]})
}

on_both! {
    async fn a_script_of_the_old_shape_runs_from_its_key_to_its_last_step(server: TestServer) {
        let script = alices_script(&server, "x-api_key").await;
        let alice = crate::support::Person::sign_in(&server.url, "alice@provider.example").await;
        let customer = server.customer_of(&alice, "bob").await;

        assert_eq!(script.call(Method::GET, "/api-keys/protected", None).await.status, 200);
        let registered = script.post("/job_configurations", configuration()).await;
        let steps = registered["step_configurations"].as_array().unwrap();
        assert_eq!(steps.len(), 3);
        assert_eq!(steps[1]["metadata_configurations"][1]["kind"], "text");
        assert_eq!(steps[0]["job_configuration_id"], registered["id"]);

        let job =
            script.post("/jobs", json!({"provider_job_id": "42", "customer_id": customer.id, "tag": "tumour"})).await;
        assert_eq!(job["job_configuration_id"], registered["id"]);
        assert_eq!(job["customer_id"], json!(customer.id));
        assert_eq!(job["provider_job_name"], "Tumour finder");

        let event = |kind: &str, tag: Value, metadata: Value| {
            json!({"provider_job_id": "42", "kind": kind, "tag": tag, "name": "what happened", "event_metadata": metadata})
        };
        let told = script.post("/events", event("info", Value::Null, Value::Null)).await;
        assert_eq!((&told["job_id"], &told["provider_job_id"]), (&job["id"], &json!("42")));
        assert_eq!((&told["tag"], &told["event_metadata"]), (&Value::Null, &Value::Null));
        script.post("/events", json!({"provider_job_id": "42", "kind": "step", "tag": "load"})).await;
        let measured = json!({"Volume": 12.5, "Method": "U-Net", "Snapshot": "https://example.com/1.png", "Other": 3});
        let step = script.post("/events", event("step", json!("segment"), measured.clone())).await;
        assert_eq!(step["event_metadata"], measured);
        assert_eq!(step["step_configuration_id"], steps[1]["id"]);
        script.post("/events", event("complete", json!("report"), json!({}))).await;

        let seen = customer.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await.expect(200);
        assert_eq!((&seen["status"], &seen["progress"]), (&json!("completed"), &json!(1.0)));
        assert_eq!(seen["points"], json!({"done": 10, "total": 10}));
        assert_eq!(seen["steps"][1]["metadata"], json!([
            {"name": "Volume", "kind": "number", "units": "ml", "value": 12.5},
            {"name": "Method", "kind": "text", "units": null, "value": "U-Net"},
            {"name": "Snapshot", "kind": "link", "units": null, "value": "https://example.com/1.png"},
        ]));
    }

    async fn a_script_may_be_started_again_from_its_beginning(server: TestServer) {
        let script = alices_script(&server, "x-api_key").await;
        let job = json!({"provider_job_id": "42", "customer_id": null, "tag": "tumour"});
        let first = (
            script.post("/job_configurations", configuration()).await,
            script.post("/jobs", job.clone()).await,
        );
        let second = (script.post("/job_configurations", configuration()).await, script.post("/jobs", job).await);
        assert_eq!(first, second);
    }

    async fn every_spelling_of_the_keys_header_is_taken(server: TestServer) {
        let mut script = alices_script(&server, "X-API-Key").await;
        for header in ["X-API-Key", "x-api-key", "x-api_key", "x_api_key"] {
            script.header = header;
            assert_eq!(script.call(Method::GET, "/api-keys/protected", None).await.status, 200, "{header}");
        }
        script.key.pop();
        assert_eq!(script.call(Method::GET, "/api-keys/protected", None).await.status, 401);
    }
}
