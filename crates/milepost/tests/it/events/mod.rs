//! Events: what is taken in, what is refused, and what a reader then sees.

mod batches;
mod crowds;
mod existing_scripts;
mod flow;
mod groups;
mod idempotency;
mod known;
mod lost;
mod refusals;
mod times;
mod values;

use crate::support::{Person, TestServer};

/// A provider with a job `j1` of two steps, `load` for 1 point and `scan` for 3.
async fn provider_with_job(server: &TestServer) -> (Person, String) {
    let alice = server.provider("alice").await;
    alice.register("brain", "1.0.0", &[("load", 1), ("scan", 3)]).await;
    let job_id = alice.open_job("brain", "j1").await;
    (alice, job_id)
}
