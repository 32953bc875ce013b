//! What a provider learns from all its jobs: how many there were and how they went, which steps fail or are slow, what they
//! measured, and for whom. `docs/ANALYTICS.md` defines every figure.
//!
//! Counts and sums come from the roll-ups, which are written with the events; how long steps took from `durations`. No call
//! reads all jobs or events of a period.

mod customers;
mod jobs;
mod metadata;
mod query;
mod samples;
mod steps;
mod sums;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(jobs::read_jobs))
        .routes(routes!(steps::read_steps))
        .routes(routes!(metadata::read_metadata))
        .routes(routes!(customers::read_customers))
}
