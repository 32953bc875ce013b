//! The SQL of jobs. What a caller names by id is looked for among what the caller may see.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Job, JobDetail, JobStep, Measured, NewJob};
use crate::app::App;
use crate::auth::{ProviderId, Tenant};
use crate::configurations::{self, Configuration};
use crate::customers::Recipient;
use crate::db::{Db, On, Select, Tx, on, sql};
use crate::error::Result;
use crate::progress::{JobStatus, StepSummary, Totals, progress, view_steps};
use crate::values::{Email, Fraction, ProviderJobId};

/// A job, the kind of job it is, and who is on either side.
pub(super) const SELECT: &str = "select jobs.id, jobs.provider_id, jobs.customer_id,
        case when jobs.anonymised_at is null then l.email end as customer_email,
        jobs.job_configuration_id, c.tag, c.version, jobs.provider_job_id, jobs.provider_job_name,
        p.organization as provider_organization, p.first_name as provider_first_name,
        p.last_name as provider_last_name, jobs.status, jobs.points_done, jobs.points_total,
        jobs.weight_done_millionths, jobs.weight_total, jobs.started_at, jobs.finished_at, jobs.last_event_at,
        jobs.last_sequence, jobs.last_complete_at, jobs.silent_since, jobs.anonymised_at, jobs.created_at, jobs.updated_at
    from jobs join job_configurations c on c.id = jobs.job_configuration_id
    join users p on p.id = jobs.provider_id
    left join customers l on l.id = jobs.customer_link_id";

#[derive(sqlx::FromRow)]
struct JobRow {
    id: Uuid,
    provider_id: Uuid,
    customer_id: Option<Uuid>,
    customer_email: Option<String>,
    job_configuration_id: Uuid,
    tag: String,
    version: String,
    provider_job_id: String,
    provider_job_name: String,
    provider_organization: Option<String>,
    provider_first_name: String,
    provider_last_name: String,
    status: JobStatus,
    points_done: i64,
    points_total: i64,
    weight_done_millionths: i64,
    weight_total: i64,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
    last_sequence: i64,
    last_complete_at: Option<DateTime<Utc>>,
    silent_since: Option<DateTime<Utc>>,
    anonymised_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        let complete = row.last_complete_at.is_some();
        let person = || format!("{} {}", row.provider_first_name, row.provider_last_name);
        Self {
            id: row.id,
            provider_id: row.provider_id,
            provider_name: row.provider_organization.clone().unwrap_or_else(person),
            customer_id: row.customer_id,
            customer_email: row.customer_email,
            job_configuration_id: row.job_configuration_id,
            tag: row.tag,
            version: row.version,
            provider_job_id: row.provider_job_id,
            provider_job_name: row.provider_job_name,
            status: row.status,
            progress: progress(complete, row.weight_done_millionths, row.weight_total),
            points: super::PointsSum { done: row.points_done, total: row.points_total },
            started_at: row.started_at,
            finished_at: row.finished_at,
            last_event_at: row.last_event_at,
            last_sequence: row.last_sequence,
            complete,
            silent_since: row.silent_since,
            anonymised_at: row.anonymised_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Writes a new job. False: the provider has one with that id.
pub async fn insert(
    app: &App,
    tx: &mut Tx,
    provider: ProviderId,
    new: &NewJob,
    configuration: &Configuration,
    recipient: Option<Recipient>,
) -> sqlx::Result<bool> {
    let points: Vec<i64> = configuration.step_configurations.iter().map(|step| step.points).collect();
    let totals = Totals::of(&points);
    let name = new.provider_job_name.as_ref().unwrap_or(&configuration.name);
    let inserted = on!(tx, |c| {
        sqlx::query(
            "insert into jobs
                 (id, provider_id, customer_id, customer_link_id, job_configuration_id, provider_job_id,
                  provider_job_name, search_text, status, points_done, points_total, weight_done_millionths,
                  weight_total, steps_total, steps_finished, steps_in_error, last_sequence, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', 0, $9, 0, $10, $11, 0, 0, 0, $12, $12)
             on conflict (provider_id, provider_job_id) do nothing",
        )
        .bind(app.clock().new_id())
        .bind(provider.id())
        .bind(recipient.and_then(|recipient| recipient.customer_id))
        .bind(recipient.map(|recipient| recipient.link_id))
        .bind(configuration.id)
        .bind(&new.provider_job_id)
        .bind(name)
        .bind(search_text(new.provider_job_id.as_str(), name.as_str()))
        .bind(totals.points)
        .bind(totals.weight_total())
        .bind(totals.steps)
        .bind(app.clock().now())
        .execute(c)
        .await
        .map(|result| result.rows_affected())
    })?;
    Ok(inserted > 0)
}

/// What a search looks through: id and name in lower case.
pub(super) fn search_text(provider_job_id: &str, name: &str) -> String {
    format!("{}\n{}", provider_job_id.to_lowercase(), name.to_lowercase())
}

/// Gives a job another customer and another name.
pub async fn correct(
    tx: &mut Tx,
    job: &Job,
    recipient: Option<Recipient>,
    name: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "update jobs set customer_id = $2, customer_link_id = $3, provider_job_name = $4, search_text = $5,
                 updated_at = $6
             where id = $1",
        )
        .bind(job.id)
        .bind(recipient.and_then(|recipient| recipient.customer_id))
        .bind(recipient.map(|recipient| recipient.link_id))
        .bind(name)
        .bind(search_text(&job.provider_job_id, name))
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}

/// For whom a job was opened.
#[derive(sqlx::FromRow)]
pub struct CustomerOf {
    /// Null until the invitation is accepted, and again once unlinked.
    pub customer_id: Option<Uuid>,
    /// The invited address.
    pub email: Email,
}

/// For whom a job of the provider was opened.
pub async fn find_customer_of(db: &Db, provider: ProviderId, job_id: Uuid) -> sqlx::Result<Option<CustomerOf>> {
    on!(db, |c| {
        sqlx::query_as(
            "select l.customer_id, l.email from jobs join customers l on l.id = jobs.customer_link_id
             where jobs.id = $1 and jobs.provider_id = $2",
        )
        .bind(job_id)
        .bind(provider.id())
        .fetch_optional(c)
        .await
    })
}

/// For whom a job is now.
pub async fn find_recipient_of(tx: &mut Tx, job_id: Uuid) -> sqlx::Result<Option<Recipient>> {
    on!(tx, |c| {
        sqlx::query_as(
            "select customer_link_id as link_id, customer_id from jobs where id = $1 and customer_link_id is not null",
        )
        .bind(job_id)
        .fetch_optional(c)
        .await
    })
}

/// A job the tenant may see.
pub async fn find(on: impl Into<On<'_>>, tenant: Tenant, id: Uuid) -> sqlx::Result<Option<Job>> {
    let column = tenant.jobs_column();
    let row: Option<JobRow> = on!(on.into(), |c| {
        sqlx::query_as(sql!("{SELECT} where jobs.id = $1 and jobs.{column} = $2"))
            .bind(id)
            .bind(tenant.id())
            .fetch_optional(c)
            .await
    })?;
    Ok(row.map(Job::from))
}

/// A job of the provider by the provider's own id.
pub async fn find_by_provider_job_id(
    on: impl Into<On<'_>>,
    provider: ProviderId,
    provider_job_id: &ProviderJobId,
) -> sqlx::Result<Option<Job>> {
    let row: Option<JobRow> = on!(on.into(), |c| {
        sqlx::query_as(sql!("{SELECT} where jobs.provider_id = $1 and jobs.provider_job_id = $2"))
            .bind(provider.id())
            .bind(provider_job_id)
            .fetch_optional(c)
            .await
    })?;
    Ok(row.map(Job::from))
}

/// Jobs by id, whoever's they are: for those who have been shown to be allowed already.
async fn load<'a>(on: impl Into<On<'a>>, ids: impl IntoIterator<Item = Uuid>) -> sqlx::Result<Vec<Job>> {
    fetch(Select::new(SELECT).bind_all(" where jobs.id", ids), on).await
}

/// Jobs the tenant may see behind one of them, in the order they were opened; of one customer link, those that are not
/// anonymous.
pub async fn load_after(
    db: &Db,
    tenant: Tenant,
    link: Option<Uuid>,
    after: (DateTime<Utc>, Uuid),
    count: i64,
) -> sqlx::Result<Vec<Job>> {
    let select = Select::new(SELECT)
        .bind(&format!(" where jobs.{} = ", tenant.jobs_column()), tenant.id())
        .bind_some(" and jobs.anonymised_at is null and jobs.customer_link_id = ", link)
        .bind(" and (jobs.created_at, jobs.id) > (", after.0)
        .bind(", ", after.1)
        .bind(") order by jobs.created_at, jobs.id limit ", count);
    fetch(select, db).await
}

/// The jobs of a query that begins with [`SELECT`].
pub(super) async fn fetch<'a>(select: Select, on: impl Into<On<'a>>) -> sqlx::Result<Vec<Job>> {
    let rows: Vec<JobRow> = select.fetch_all(on).await?;
    Ok(rows.into_iter().map(Job::from).collect())
}

/// The jobs of some ids, which may be there twice, by id.
pub async fn load_all(db: &Db, ids: impl Iterator<Item = Uuid>) -> sqlx::Result<HashMap<Uuid, Job>> {
    let ids: BTreeSet<Uuid> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(load(db, ids).await?.into_iter().map(|job| (job.id, job)).collect())
}

/// A job with its steps, all of one moment.
pub async fn find_detail(db: &Db, tenant: Tenant, id: Uuid) -> Result<Option<JobDetail>> {
    let mut snapshot = db.begin_reading().await?;
    let Some(job) = find(&mut snapshot, tenant, id).await? else { return Ok(None) };
    let mut configured = configurations::load_steps(&mut snapshot, &[job.job_configuration_id]).await?;
    let stored = super::state::load_steps(&mut snapshot, id).await?;
    snapshot.commit().await?;
    let configured = configured.remove(&job.job_configuration_id).unwrap_or_default();
    let summaries: Vec<Option<StepSummary>> = configured
        .iter()
        .map(|step| stored.iter().find(|s| s.step_configuration_id == step.id).map(super::state::StoredStep::summary))
        .collect();
    let references: Vec<Option<&StepSummary>> = summaries.iter().map(Option::as_ref).collect();
    let views = view_steps(job.created_at, job.complete, &references);
    let steps = configured
        .into_iter()
        .zip(views)
        .zip(&summaries)
        .map(|((step, view), summary)| JobStep {
            step_configuration_id: step.id,
            tag: step.tag,
            name: step.name,
            points: step.points,
            status: view.status,
            fraction: Fraction::from_millionths(view.fraction),
            started_at: view.started_at,
            started_at_inferred: view.started_at_inferred,
            finished_at: view.finished_at,
            attempts: view.attempts,
            metadata: step
                .metadata_configurations
                .into_iter()
                .map(|field| Measured {
                    value: summary.as_ref().and_then(|s| s.metadata.get(&field.name)).map(|m| m.value.clone()),
                    name: field.name,
                    kind: field.kind,
                    units: field.units,
                })
                .collect(),
        })
        .collect();
    Ok(Some(JobDetail { job, steps, expected_end: None }))
}
