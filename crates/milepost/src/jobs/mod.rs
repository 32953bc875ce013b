//! Jobs: opened by a provider for a customer, pinned to a version of their configuration, watched by both.

pub mod counts;
mod distributions;
mod expected_end;
mod list;
pub mod queries;
pub mod rebuild;
pub mod retire;
pub mod silence;
pub mod state;
mod summary;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Action, Actor, Entry, Part, Subject};
use crate::auth::{ProviderId, ProviderWriter, Tenant, Viewer};
use crate::configurations::version::Version;
use crate::configurations::{Configuration, MetadataKind, find_newest, find_version};
use crate::customers::{Recipient, RecipientRef, find_recipient};
use crate::db::{Db, Tx, record_access_change};
use crate::durations;
use crate::error::{Error, Result};
use crate::http::{Json, PathId, present};
use crate::progress::{JobStatus, StepStatus};
use crate::rollups;
use crate::values::{Email, Fraction, Name, ProviderJobId, Tag};
pub use expected_end::{Basis, ExpectedEnd, PastRuns};
pub(crate) use list::JobFilter;
pub use list::{JobListItem, StepBrief};

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(open_job, list::list_jobs))
        .routes(routes!(read_job, correct_job))
        .routes(routes!(distributions::read_distributions))
        .routes(routes!(expected_end::calibration::read_calibration))
        .routes(routes!(summary::read_summary))
}

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The job's id.
    pub id: Uuid,
    /// Who does it.
    pub provider_id: Uuid,
    /// The provider's organization, or the person's name.
    pub provider_name: String,
    /// Who watches it; null while the invitation is open, after unlinking, or for nobody.
    pub customer_id: Option<Uuid>,
    /// For whom it was opened; null for nobody.
    pub customer_email: Option<String>,
    /// The configuration it is pinned to.
    pub job_configuration_id: Uuid,
    /// The configuration's tag.
    pub tag: String,
    /// The configuration's version.
    pub version: String,
    /// The provider's own id of it.
    pub provider_job_id: String,
    /// What people call it.
    pub provider_job_name: String,
    /// How it is.
    pub status: JobStatus,
    /// How far it is, 0..1; null for a configuration without steps until it is complete.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: Option<f64>,
    /// The points of its finished steps, and of all.
    pub points: PointsSum,
    /// The time of its earliest event.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed; null unless it is.
    pub finished_at: Option<DateTime<Utc>>,
    /// When its newest event arrived.
    pub last_event_at: Option<DateTime<Utc>>,
    /// The sequence of its newest event; 0 without events.
    pub last_sequence: i64,
    /// Whether any `complete` has come.
    #[serde(skip)]
    pub complete: bool,
    /// When its last news came, while it is running and nothing has come for longer than usual; null otherwise.
    pub silent_since: Option<DateTime<Utc>>,
    /// Since when it names nobody any more: it keeps its times, points and steps, and takes no more events; null while
    /// it is as it was reported.
    pub anonymised_at: Option<DateTime<Utc>>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Job {
    /// Whether the tenant may see it, as of when it was read.
    #[must_use]
    pub fn is_visible_to(&self, tenant: Tenant) -> bool {
        match tenant {
            Tenant::Provider(provider) => self.provider_id == provider.id(),
            Tenant::Customer(customer) => self.customer_id == Some(customer.id()),
        }
    }
}

/// Points earned and to be earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PointsSum {
    /// Of finished steps.
    pub done: i64,
    /// Of all steps.
    pub total: i64,
}

/// A job with its steps.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobDetail {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Its steps, in order.
    pub steps: Vec<JobStep>,
    /// When it will have ended; null unless it is running and enough past runs are known. As of now: it changes while
    /// nothing is reported.
    #[serde(default)]
    pub expected_end: Option<ExpectedEnd>,
}

/// A step of a job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobStep {
    /// The step's id.
    pub step_configuration_id: Uuid,
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
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// Whether the beginning is inferred from the end of the step before.
    pub started_at_inferred: bool,
    /// When it was first reported finished.
    pub finished_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: i64,
    /// What it measures, with the latest values.
    pub metadata: Vec<Measured>,
}

/// A metadata field and its latest value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Measured {
    /// Its key in `event_metadata`.
    pub name: String,
    /// What its values are.
    pub kind: MetadataKind,
    /// Their unit.
    pub units: Option<String>,
    /// The latest value; null if it was not measured.
    pub value: Option<Value>,
}

/// A job to open.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// The provider's own id of it.
    pub provider_job_id: ProviderJobId,
    /// The tag of its configuration.
    pub tag: Tag,
    /// The version of its configuration; the newest if absent.
    #[serde(default)]
    pub version: Option<Version>,
    /// A linked customer, who watches it.
    #[serde(default)]
    pub customer_id: Option<Uuid>,
    /// A linked or invited customer, instead of `customer_id`.
    #[serde(default)]
    pub customer_email: Option<Email>,
    /// What people call it; the configuration's name if absent.
    #[serde(default)]
    pub provider_job_name: Option<Name>,
}

/// What to correct in a job; what is absent stays.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct JobCorrection {
    /// A linked customer; null for nobody.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Uuid>)]
    customer_id: Option<Option<Uuid>>,
    /// A linked or invited customer, instead of `customer_id`; null for nobody.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Email>)]
    customer_email: Option<Option<Email>>,
    /// What people call it.
    #[serde(default)]
    provider_job_name: Option<Name>,
}

/// Open a job
///
/// It is pinned to the newest version of the tag, or to the one that is asked for. The same again answers with the job
/// as it is; the same id with another tag or customer is a conflict.
#[utoipa::path(post, path = "/jobs", tag = "Jobs", operation_id = "open_job", request_body = NewJob, responses(
    (status = 201, description = "Opened", body = Job),
    (status = 200, description = "Was opened before, with the same tag and customer", body = Job)))]
async fn open_job(
    State(app): State<App>,
    ProviderWriter(provider): ProviderWriter,
    Json(new): Json<NewJob>,
) -> Result<Response> {
    let _pass = app.gates().writes.enter(Some(provider.id())).await?;
    let existing = queries::find_by_provider_job_id(app.db(), provider, &new.provider_job_id).await?;
    if let Some(job) = existing {
        return same_again(&app, provider, &new, job).await;
    }
    let configuration = resolve_configuration(app.db(), provider, &new).await?;
    let mut tx = app.db().begin().await?;
    let recipient = resolve_recipient(&mut tx, provider, new.customer_id, new.customer_email.clone()).await?;
    let is_new = queries::insert(&app, &mut tx, provider, &new, &configuration, recipient).await?;
    tx.commit().await?;
    let job = queries::find_by_provider_job_id(app.db(), provider, &new.provider_job_id).await?;
    let job = job.ok_or_else(|| Error::internal("a job vanished while it was opened"))?;
    if is_new {
        return Ok((StatusCode::CREATED, Json(job)).into_response());
    }
    // Somebody else opened it just now.
    same_again(&app, provider, &new, job).await
}

/// Answers with the job that is open already if it is of the same kind and for the same customer.
async fn same_again(app: &App, provider: ProviderId, new: &NewJob, job: Job) -> Result<Response> {
    let same_version = new.version.as_ref().is_none_or(|version| version.to_string() == job.version);
    if job.tag != new.tag.as_str() || !same_version {
        return Err(Error::conflict(format!(
            "Job {} is open already, as {} {}.",
            job.provider_job_id, job.tag, job.version
        )));
    }
    let customer = queries::find_customer_of(app.db(), provider, job.id).await?;
    let same_customer = match (&new.customer_id, &new.customer_email) {
        (None, None) => customer.is_none(),
        (Some(id), None) => customer.is_some_and(|customer| customer.customer_id == Some(*id)),
        (None, Some(email)) => customer.is_some_and(|customer| customer.email == *email),
        (Some(_), Some(_)) => return Err(both_given()),
    };
    if !same_customer {
        return Err(Error::conflict(format!(
            "Job {} is open already, for another customer; correct it with PATCH /api/v1/jobs/{}.",
            job.provider_job_id, job.id
        )));
    }
    Ok(Json(job).into_response())
}

fn both_given() -> Error {
    Error::invalid("/customer_email", "give either customer_id or customer_email")
}

async fn resolve_recipient(
    tx: &mut Tx,
    provider: ProviderId,
    id: Option<Uuid>,
    email: Option<Email>,
) -> Result<Option<Recipient>> {
    match (id, email) {
        (None, None) => Ok(None),
        (Some(id), None) => find_recipient(tx, provider, RecipientRef::Id(id)).await.map(Some),
        (None, Some(email)) => find_recipient(tx, provider, RecipientRef::Email(email)).await.map(Some),
        (Some(_), Some(_)) => Err(both_given()),
    }
}

async fn resolve_configuration(db: &Db, provider: ProviderId, new: &NewJob) -> Result<Configuration> {
    match &new.version {
        None => find_newest(db, provider, &new.tag).await?.ok_or_else(|| {
            Error::invalid("/tag", format!("you have no configuration {}; register it first", new.tag))
        }),
        Some(version) => find_version(db, provider, &new.tag, &version.to_string()).await?.ok_or_else(|| {
            Error::invalid("/version", format!("you have no configuration {} {version}; register it first", new.tag))
        }),
    }
}

/// One job with its steps
#[utoipa::path(get, path = "/jobs/{id}", tag = "Jobs", operation_id = "read_job",
    params(("id" = Uuid, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobDetail)))]
async fn read_job(
    State(app): State<App>,
    viewer: Viewer,
    actor: Actor,
    PathId(id): PathId,
) -> Result<Json<JobDetail>> {
    let detail = find_as_of_now(&app, viewer.tenant(), id).await?;
    audit::record_read(&app, &actor, &detail.job, Part::Job).await?;
    Ok(Json(detail))
}

/// A job with its steps, and when it is expected to end.
pub(crate) async fn find_as_of_now(app: &App, tenant: Tenant, id: Uuid) -> Result<JobDetail> {
    let mut detail = queries::find_detail(app.db(), tenant, id).await?.ok_or(Error::NotFound)?;
    detail.expected_end = expected_end::expect_end(app, &detail).await?;
    Ok(detail)
}

/// Correct a job
///
/// Gives it to another customer, or to nobody, or another name. Streams of a customer who may no longer see it end
/// within a second.
#[utoipa::path(patch, path = "/jobs/{id}", tag = "Jobs", operation_id = "correct_job",
    params(("id" = Uuid, Path, description = "The job")), request_body = JobCorrection,
    responses((status = 200, description = "The job as it is now", body = Job)))]
async fn correct_job(
    State(app): State<App>,
    ProviderWriter(provider): ProviderWriter,
    actor: Actor,
    PathId(id): PathId,
    Json(correction): Json<JobCorrection>,
) -> Result<Json<Job>> {
    let _pass = app.gates().writes.enter(Some(provider.id())).await?;
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let tenant = Tenant::Provider(provider);
    let seen = queries::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
    // The customer first, then the job: as everybody who locks both.
    let new_recipient = match (correction.customer_id, correction.customer_email) {
        (None, None) => None,
        (id, email) => Some(resolve_recipient(&mut tx, provider, id.flatten(), email.flatten()).await?),
    };
    let counted = state::lock_job(&mut tx, seen.id).await?;
    let job = queries::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
    if job.anonymised_at.is_some() {
        return Err(Error::conflict("This job is anonymised; nothing about it can be changed any more."));
    }
    let former = queries::find_recipient_of(&mut tx, id).await?;
    let recipient = new_recipient.unwrap_or(former);
    let name = correction.provider_job_name.map_or(job.provider_job_name.clone(), |name| name.to_string());
    let link = recipient.map(|recipient| recipient.link_id);
    if let Some(counted) = counted.filter(|counted| counted.customer_link_id != link) {
        // Before it counts alone: this may wait for whoever is writing how long its steps took.
        durations::hand_over(&mut tx, id, link).await?;
        rollups::hand_over(&mut tx, &counted, link).await?;
    }
    queries::correct(&mut tx, &job, recipient, &name, now).await?;
    let corrected = queries::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
    if corrected.customer_id != job.customer_id {
        // The job's streams, and those of all jobs of the former and the new customer.
        for subject in [Some(id), job.customer_id, corrected.customer_id].into_iter().flatten() {
            record_access_change(&mut tx, subject, now).await?;
        }
    }
    if let Some(entry) = entry_of_correction(&job, former, &corrected, recipient) {
        audit::record(&app, &mut tx, &actor, entry).await?;
    }
    tx.commit().await?;
    Ok(Json(corrected))
}

/// What the audit log says of a correction: which fields it changed, and the customers' links. Nothing if it changed none.
fn entry_of_correction(
    job: &Job,
    former: Option<Recipient>,
    corrected: &Job,
    recipient: Option<Recipient>,
) -> Option<Entry> {
    let link = |recipient: Option<Recipient>| recipient.map(|recipient| recipient.link_id);
    let renamed = corrected.provider_job_name != job.provider_job_name;
    let handed_over = link(recipient) != link(former);
    let changes = [("customer", handed_over), ("provider_job_name", renamed)];
    let fields: Vec<&'static str> =
        changes.into_iter().filter_map(|(field, changed)| changed.then_some(field)).collect();
    if fields.is_empty() {
        return None;
    }
    let entry = Entry::new(Action::JobCorrected, job.provider_id).about(Subject::Job(job.id)).with("fields", fields);
    Some(if handed_over {
        entry.with("customer_before", link(former)).with("customer", link(recipient))
    } else {
        entry
    })
}
