//! The demo as a client of its own server.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::cli::{Failure, Outcome};
use crate::client;

/// The server's API, as a program uses it.
pub(super) struct Api {
    client: Client,
    url: String,
    key: Option<String>,
}

impl Api {
    /// Somebody at the server of that address, with a key or about to sign in.
    pub(super) fn new(url: String, key: Option<String>) -> Result<Self, Failure> {
        let client =
            client::builder().cookie_store(true).no_proxy().build().map_err(|error| Failure(error.to_string()))?;
        Ok(Self { client, url, key })
    }

    /// Posts a body, which must be accepted.
    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let request = self.client.request(Method::POST, format!("{}/api/v1{path}", self.url)).json(&body);
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let failed = |error: reqwest::Error| Failure(format!("the demo's own server: {error}"));
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let answer: Value = response.json().await.map_err(failed)?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(Failure(format!("the demo's own server: {path}: {answer}")))
        }
    }

    /// Reports an event of a job.
    pub(super) async fn report(&self, provider_job_id: &str, mut body: Value) -> Outcome {
        body["provider_job_id"] = json!(provider_job_id);
        self.post("/events", body).await.map(drop)
    }

    /// Reports events of the past at once; each must be accepted.
    pub(super) async fn report_all(&self, events: Vec<Value>) -> Outcome {
        let answer = self.post("/events/batch", Value::Array(events)).await?;
        let items = answer["items"].as_array().into_iter().flatten();
        match items.into_iter().find(|item| item["problem"].is_object()) {
            Some(refused) => Err(Failure(format!("the demo's own server: {refused}"))),
            None => Ok(()),
        }
    }
}
