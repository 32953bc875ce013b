//! What the server says of a report that it does not take.

use serde_json::Value;

/// A problem in one line.
pub(super) fn explain(problem: &Value) -> String {
    let text = |value: &Value, field: &str| value[field].as_str().map(str::to_owned);
    let said: Vec<String> = errors(problem)
        .filter_map(|error| Some(format!("{}: {}", text(error, "pointer")?, text(error, "detail")?)))
        .collect();
    let first = if said.is_empty() { text(problem, "detail") } else { text(problem, "title") };
    let first = first.or_else(|| text(problem, "title")).unwrap_or_else(|| "refused".to_owned());
    [vec![first], said].concat().join("; ")
}

/// Whether an event is there already under its idempotency key, with its time by another clock.
pub(super) fn is_recorded(problem: &Value) -> bool {
    errors(problem).any(|error| error["pointer"] == "/idempotency_key")
}

/// Whether the event's job is not there.
pub(super) fn is_without_job(problem: &Value) -> bool {
    problem["status"] == 404 && errors(problem).any(|error| error["pointer"] == "/provider_job_id")
}

fn errors(problem: &Value) -> impl Iterator<Item = &Value> {
    problem["errors"].as_array().into_iter().flatten()
}
