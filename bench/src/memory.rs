//! The reference for what HTTP itself costs: the same request answered from memory. It finds the key by its SHA-256, reads
//! the event, finds job and step, and answers with the event; nothing is kept.

#![expect(clippy::disallowed_methods, reason = "the server's tests turn its clock, nobody turns this one")]

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Json, Router, routing};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::Result;

/// The key that it knows.
pub(crate) const KEY: &str = "memory";

#[derive(Debug)]
struct Known {
    keys: HashMap<Vec<u8>, Uuid>,
    jobs: HashMap<String, Uuid>,
    steps: HashMap<&'static str, Uuid>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    provider_job_id: String,
    kind: String,
    tag: String,
    event_metadata: Box<RawValue>,
}

#[derive(Debug, Serialize)]
struct Event {
    id: Uuid,
    job_id: Uuid,
    step_configuration_id: Uuid,
    sequence: i64,
    occurred_at: DateTime<Utc>,
    #[serde(flatten)]
    rest: serde_json::Value,
}

/// Says where it listens, and serves so many jobs until it is killed.
pub(crate) async fn serve(jobs: u64) -> Result<()> {
    let known = Known {
        keys: HashMap::from([(Sha256::digest(KEY).to_vec(), Uuid::now_v7())]),
        jobs: (0..jobs).map(|number| (format!("bench-{number}"), Uuid::now_v7())).collect(),
        steps: HashMap::from([("load", Uuid::now_v7())]),
    };
    let router = Router::new().route("/api/v1/events", routing::post(answer)).with_state(Arc::new(known));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("url=http://{}/", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn answer(
    State(known): State<Arc<Known>>,
    headers: HeaderMap,
    Json(event): Json<NewEvent>,
) -> Result<(StatusCode, Json<Event>), StatusCode> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let shown = shown.ok_or(StatusCode::UNAUTHORIZED)?;
    known.keys.get(Sha256::digest(shown).as_slice()).ok_or(StatusCode::UNAUTHORIZED)?;
    let job_id = *known.jobs.get(&event.provider_job_id).ok_or(StatusCode::NOT_FOUND)?;
    let step_configuration_id = *known.steps.get(event.tag.as_str()).ok_or(StatusCode::UNPROCESSABLE_ENTITY)?;
    let metadata: serde_json::Value =
        serde_json::from_str(event.event_metadata.get()).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let answered = serde_json::json!({
        "provider_job_id": event.provider_job_id, "kind": event.kind, "tag": event.tag, "event_metadata": metadata,
    });
    let id = Uuid::now_v7();
    let event = Event { id, job_id, step_configuration_id, sequence: 1, occurred_at: Utc::now(), rest: answered };
    Ok((StatusCode::CREATED, Json(event)))
}
