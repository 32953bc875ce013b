//! The list of jobs: what it can be asked for, and each job's steps in short.

mod page;

use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Job;
use super::state::{StoredStep, load_step_states};
use crate::app::App;
use crate::auth::Viewer;
use crate::configurations::version::Version;
use crate::db::{Order, Select, Tx};
use crate::error::Result;
use crate::http::{Json, Query, Several};
use crate::paging::{Limit, Page};
use crate::progress::{JobStatus, StepStatus, StepSummary, StepView, view_steps};
use crate::values::{Fraction, Instant, Name, ProviderJobId, SearchText, Tag};

/// A job as lists show it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobListItem {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Its steps, in order; only with `steps=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub steps: Option<Vec<StepBrief>>,
}

/// A step of a job in short: what its segment of the bar shows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StepBrief {
    /// What events call it.
    pub tag: Tag,
    /// What people call it.
    pub name: Name,
    /// What finishing it is worth.
    pub points: i64,
    /// How it is.
    pub status: StepStatus,
    /// How much of it is done, 0..1: 1 once it is finished, else the greatest reported.
    pub fraction: Fraction,
}

/// The order of the list. `started_at` is `created_at` for jobs that have not started; by `finished_at` only finished
/// jobs are listed.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
enum Sort {
    #[default]
    #[serde(rename = "-created_at")]
    CreatedDescending,
    #[serde(rename = "created_at")]
    CreatedAscending,
    #[serde(rename = "-started_at")]
    StartedDescending,
    #[serde(rename = "started_at")]
    StartedAscending,
    #[serde(rename = "-finished_at")]
    FinishedDescending,
    #[serde(rename = "finished_at")]
    FinishedAscending,
}

/// The time that a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Created,
    Started,
    Finished,
}

impl Sort {
    /// Its name in the query and in cursors, the time that it goes by, and the direction.
    fn parts(self) -> (&'static str, Time, Order) {
        match self {
            Self::CreatedDescending => ("-created_at", Time::Created, Order::Descending),
            Self::CreatedAscending => ("created_at", Time::Created, Order::Ascending),
            Self::StartedDescending => ("-started_at", Time::Started, Order::Descending),
            Self::StartedAscending => ("started_at", Time::Started, Order::Ascending),
            Self::FinishedDescending => ("-finished_at", Time::Finished, Order::Descending),
            Self::FinishedAscending => ("finished_at", Time::Finished, Order::Ascending),
        }
    }
}

impl Time {
    /// As the indexes have it.
    fn column(self) -> &'static str {
        match self {
            Self::Created => "jobs.created_at",
            Self::Started => "coalesce(jobs.started_at, jobs.created_at)",
            Self::Finished => "jobs.finished_at",
        }
    }

    fn of(self, job: &Job) -> DateTime<Utc> {
        match self {
            Self::Created => job.created_at,
            Self::Started => job.started_at.unwrap_or(job.created_at),
            Self::Finished => job.finished_at.unwrap_or(job.created_at),
        }
    }
}

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobFilter {
    /// One status or several, separated by commas.
    #[param(value_type = Option<String>, example = "running,error",
        pattern = "^(pending|running|completed|error)(,(pending|running|completed|error))*$")]
    status: Option<Several<JobStatus>>,
    /// Whether nothing has come from them for longer than usual: `true`, jobs with `silent_since`; `false`, all others.
    silent: Option<bool>,
    /// One id or several, at most 200, separated by commas.
    #[param(value_type = Option<String>, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,199}$")]
    id: Option<Several<Uuid>>,
    /// Jobs of this kind.
    #[param(value_type = Option<Tag>)]
    tag: Option<Tag>,
    /// Jobs of this version.
    #[param(value_type = Option<Version>)]
    version: Option<Version>,
    /// Jobs for this customer: a `customer_id` or an e-mail address.
    customer: Option<String>,
    /// The job with the provider's own id.
    #[param(value_type = Option<ProviderJobId>)]
    provider_job_id: Option<ProviderJobId>,
    /// Jobs whose id or name contains this text, regardless of case.
    #[param(value_type = Option<String>, max_length = 200, pattern = r"^[^\x00]*$")]
    text: Option<SearchText>,
    /// Jobs opened at this time or later.
    #[param(value_type = Option<Instant>)]
    from: Option<Instant>,
    /// Jobs opened before this time.
    #[param(value_type = Option<Instant>)]
    to: Option<Instant>,
    /// Jobs finished at this time or later.
    #[param(value_type = Option<Instant>)]
    finished_from: Option<Instant>,
    /// Jobs whose last news, their opening if there was none, came before this time.
    #[param(value_type = Option<Instant>)]
    last_event_to: Option<Instant>,
    /// The order. `started_at` is `created_at` for jobs that have not started; by `finished_at` only finished jobs are
    /// listed.
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    /// Whether each job comes with its `steps`.
    #[serde(default)]
    steps: bool,
    /// Rows of a page, 1–200.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Limit,
    /// The `next` of the page before, in the same order.
    #[param(
        pattern = r"^-?(created_at|started_at|finished_at)\.(0|[1-9a-f][0-9a-f]{0,13})-(0|[1-9a-f][0-9a-f]{0,31})$"
    )]
    cursor: Option<String>,
}

/// The jobs the caller may see, newest first unless asked for in another order
#[utoipa::path(get, path = "/jobs", tag = "Jobs", operation_id = "list_jobs", params(JobFilter),
    responses((status = 200, description = "A page of jobs", body = Page<JobListItem>)))]
pub(super) async fn list_jobs(
    State(app): State<App>,
    viewer: Viewer,
    Query(filter): Query<JobFilter>,
) -> Result<Json<Page<JobListItem>>> {
    let _pass = app.gates().searches.enter(Some(viewer.user_id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let page = page::find_page(&mut snapshot, viewer.tenant(), &filter).await?;
    let steps = if filter.steps {
        load_steps(&mut snapshot, &page.items).await?.into_iter().map(Some).collect()
    } else {
        vec![None; page.items.len()]
    };
    snapshot.commit().await?;
    let items = page.items.into_iter().zip(steps).map(|(job, steps)| JobListItem { job, steps }).collect();
    Ok(Json(Page { items, next: page.next }))
}

#[derive(sqlx::FromRow)]
struct ConfiguredStep {
    id: Uuid,
    job_configuration_id: Uuid,
    tag: Tag,
    name: Name,
    points: i64,
}

/// The steps of each of these jobs.
async fn load_steps(tx: &mut Tx, jobs: &[Job]) -> sqlx::Result<Vec<Vec<StepBrief>>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut configurations: Vec<Uuid> = jobs.iter().map(|job| job.job_configuration_id).collect();
    configurations.sort_unstable();
    configurations.dedup();
    let steps: Vec<ConfiguredStep> =
        Select::new("select id, job_configuration_id, tag, name, points from step_configurations")
            .bind_all(" where job_configuration_id", configurations)
            .push(" order by job_configuration_id, position")
            .fetch_all(&mut *tx)
            .await?;
    let mut configured: HashMap<Uuid, Vec<ConfiguredStep>> = HashMap::new();
    for step in steps {
        configured.entry(step.job_configuration_id).or_default().push(step);
    }
    let stored = load_step_states(tx, jobs.iter().map(|job| job.id)).await?;
    let summaries: HashMap<(Uuid, Uuid), StepSummary> =
        stored.iter().map(|step| ((step.job_id, step.step_configuration_id), StoredStep::summary(step))).collect();
    let brief = |job: &Job| {
        let steps = configured.get(&job.job_configuration_id).map(Vec::as_slice).unwrap_or_default();
        let reported: Vec<Option<&StepSummary>> =
            steps.iter().map(|step| summaries.get(&(job.id, step.id))).collect();
        let views = view_steps(job.created_at, job.complete, &reported);
        let in_short = |(step, view): (&ConfiguredStep, StepView)| StepBrief {
            tag: step.tag.clone(),
            name: step.name.clone(),
            points: step.points,
            status: view.status,
            fraction: Fraction::from_millionths(view.fraction),
        };
        steps.iter().zip(views).map(in_short).collect()
    };
    Ok(jobs.iter().map(brief).collect())
}
