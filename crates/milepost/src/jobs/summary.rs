//! What a provider's dashboard shows first: how many jobs are how, and how many events came in each hour.

use axum::extract::State;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::counts;
use crate::app::App;
use crate::auth::ProviderReader;
use crate::error::Result;
use crate::events::{EventHour, hour_of, load_hours_since};
use crate::http::{Json, Query};
use crate::values::Instant;

/// How many hours of events are shown.
const HOURS: i32 = 24;

/// Since when to count.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SummaryQuery {
    /// Jobs count as `finished` from this time on; the beginning of the day, UTC, if absent.
    #[param(value_type = Option<Instant>)]
    since: Option<Instant>,
}

/// The provider's jobs and events in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Summary {
    /// Since when `finished` counts.
    since: DateTime<Utc>,
    /// How many jobs are running.
    running: i64,
    /// How many of these are silent: nothing has come for longer than usual.
    silent: i64,
    /// How many jobs have finished since, those among them that were deleted meanwhile.
    finished: i64,
    /// How many jobs are in error.
    in_error: i64,
    /// The past 24 hours, UTC, the present one last.
    #[schema(min_items = 24, max_items = 24)]
    hours: Vec<EventHour>,
}

/// The jobs and events of the provider in numbers
#[utoipa::path(get, path = "/jobs/summary", tag = "Jobs", operation_id = "read_summary", params(SummaryQuery),
    responses((status = 200, description = "The numbers", body = Summary)))]
pub(super) async fn read_summary(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(query): Query<SummaryQuery>,
) -> Result<Json<Summary>> {
    let now = app.clock().now();
    let since = query.since.map_or_else(|| now.date_naive().and_time(NaiveTime::MIN).and_utc(), |at| at.0);
    let first_hour = hour_of(now) - TimeDelta::hours(i64::from(HOURS - 1));
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let counts = counts::load(&mut snapshot, provider, since).await?;
    let counted = load_hours_since(&mut snapshot, provider, first_hour).await?;
    snapshot.commit().await?;
    let of_hour = |number: i32| {
        let hour = first_hour + TimeDelta::hours(i64::from(number));
        counted.iter().find(|counted| counted.hour == hour).copied().unwrap_or(EventHour {
            hour,
            events: 0,
            errors: 0,
        })
    };
    Ok(Json(Summary {
        since,
        running: counts.running,
        silent: counts.silent,
        finished: counts.finished,
        in_error: counts.in_error,
        hours: (0..HOURS).map(of_hour).collect(),
    }))
}
