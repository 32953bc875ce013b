//! The list of jobs: what it can be asked for, and how a page is found among a million jobs.
//!
//! A page is read in the order of an index, so that it costs the same wherever it is. A filter is served in one of
//! three ways: it has few jobs, which are then read and sorted; or an index has the jobs of each of its values in the
//! order asked for, and the beginnings of these are merged; or all jobs are walked through in that order until there
//! are enough, which is soon where many fit. We decide, since SQLite knows nothing of how many jobs have which values.

use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::state::{StoredStep, load_step_states};
use super::{Job, queries};
use crate::app::App;
use crate::auth::{Tenant, Viewer};
use crate::configurations::version::Version;
use crate::db::{Order, Select, Tx, Value as Bound};
use crate::error::{Error, Result};
use crate::http::{Json, Query, Several};
use crate::paging::{Cursor, Limit, Page};
use crate::progress::{JobStatus, StepStatus, StepSummary, StepView, view_steps};
use crate::values::{Email, Fraction, Instant, Name, ProviderJobId, SearchText, Tag};

/// A condition with at most so many jobs is served by reading all of them, where others can be merged.
const FEW: i64 = 2_000;
/// The same, where the other way is to walk through all jobs of the tenant.
const FEW_OF_ALL: i64 = 20_000;
/// The most values of a condition whose jobs are merged.
const MAX_MERGED: usize = 64;

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
    NewestFirst,
    #[serde(rename = "created_at")]
    OldestFirst,
    #[serde(rename = "-started_at")]
    StartedLastFirst,
    #[serde(rename = "started_at")]
    StartedFirst,
    #[serde(rename = "-finished_at")]
    FinishedLastFirst,
    #[serde(rename = "finished_at")]
    FinishedFirst,
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
            Self::NewestFirst => ("-created_at", Time::Created, Order::Descending),
            Self::OldestFirst => ("created_at", Time::Created, Order::Ascending),
            Self::StartedLastFirst => ("-started_at", Time::Started, Order::Descending),
            Self::StartedFirst => ("started_at", Time::Started, Order::Ascending),
            Self::FinishedLastFirst => ("-finished_at", Time::Finished, Order::Descending),
            Self::FinishedFirst => ("finished_at", Time::Finished, Order::Ascending),
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
pub(super) struct JobFilter {
    /// One status or several, separated by commas.
    #[param(value_type = Option<String>, example = "running,error")]
    status: Option<Several<JobStatus>>,
    /// One id or several, at most 200, separated by commas.
    #[param(value_type = Option<String>)]
    id: Option<Several<Uuid>>,
    /// Jobs of this kind.
    #[param(value_type = Option<String>)]
    tag: Option<Tag>,
    /// Jobs of this version.
    #[param(value_type = Option<String>)]
    version: Option<Version>,
    /// Jobs for this customer: a `customer_id` or an e-mail address.
    customer: Option<String>,
    /// The job with the provider's own id.
    #[param(value_type = Option<String>)]
    provider_job_id: Option<ProviderJobId>,
    /// Jobs whose id or name contains this text, regardless of case.
    #[param(value_type = Option<String>, max_length = 200)]
    text: Option<SearchText>,
    /// Jobs opened at this time or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<Instant>,
    /// Jobs opened before this time.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<Instant>,
    /// Jobs finished at this time or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    finished_from: Option<Instant>,
    /// Jobs whose last news, their opening if there was none, came before this time.
    #[param(value_type = Option<DateTime<Utc>>)]
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
    let mut snapshot = app.db().begin_reading().await?;
    let page = find_page(&mut snapshot, viewer.tenant(), &filter).await?;
    let steps = match filter.steps {
        true => load_steps(&mut snapshot, &page.items).await?.into_iter().map(Some).collect(),
        false => vec![None; page.items.len()],
    };
    snapshot.commit().await?;
    let items = page.items.into_iter().zip(steps).map(|(job, steps)| JobListItem { job, steps }).collect();
    Ok(Json(Page { items, next: page.next }))
}

/// A condition that an index serves: the column is, or compares with, one of the values.
struct Condition {
    column: &'static str,
    operator: &'static str,
    values: Vec<Bound>,
    /// The times by which an index has the jobs of each value in order.
    ordered_by: &'static [Time],
    /// Whether the index begins with the tenant; one that does not is of what belongs to one provider alone.
    of_tenant: bool,
}

impl Condition {
    fn of_tenant(
        column: &'static str,
        operator: &'static str,
        values: Vec<Bound>,
        ordered_by: &'static [Time],
    ) -> Self {
        Self { column, operator, values, ordered_by, of_tenant: true }
    }

    fn since(column: &'static str, operator: &'static str, time: Instant, ordered_by: &'static [Time]) -> Self {
        Self::of_tenant(column, operator, vec![time.0.into()], ordered_by)
    }

    fn of_ids(column: &'static str, ids: Vec<Uuid>) -> Self {
        let values = ids.into_iter().map(Bound::from).collect();
        Self { column, operator: "in", values, ordered_by: &[Time::Created], of_tenant: false }
    }

    fn is_choice(&self) -> bool {
        self.operator == "in"
    }

    /// The condition in SQL.
    fn sql(&self, select: &mut Select) -> String {
        let values: Vec<String> = self.values.iter().map(|value| select.value(value.clone())).collect();
        format!("{} {} ({})", self.column, self.operator, values.join(", "))
    }

    /// The same for each value alone.
    fn alternatives(&self, select: &mut Select) -> Vec<String> {
        self.values.iter().map(|value| format!("{} = {}", self.column, select.value(value.clone()))).collect()
    }

    /// All jobs of the tenant and the condition.
    fn with_tenant(&self, tenant: &str, condition: &str) -> String {
        if self.of_tenant {
            format!("{tenant} and {condition}")
        } else {
            format!("{condition} and {}", checked(tenant))
        }
    }
}

/// A condition that is checked and never chooses the index.
fn checked(condition: &str) -> String {
    format!("({condition}) is true")
}

/// A page of the jobs the tenant may see.
async fn find_page(tx: &mut Tx, tenant: Tenant, filter: &JobFilter) -> Result<Page<Job>> {
    let (order, time, direction) = filter.sort.parts();
    let cursor = Cursor::read_in_order(filter.cursor.as_deref(), order)?;
    let Some(conditions) = resolve_conditions(tx, tenant, filter).await? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let driver = choose_driver(tx, tenant, &conditions, time).await?;

    let mut select = Select::new(queries::SELECT);
    let of_tenant = format!("jobs.{} = {}", tenant.jobs_column(), select.value(tenant.id()));
    let sources = match driver {
        Driver::Order => vec![of_tenant.clone()],
        Driver::Few(index) => {
            let condition = conditions[index].sql(&mut select);
            let few = conditions[index].with_tenant(&of_tenant, &condition);
            vec![format!("jobs.id in (select jobs.id from jobs where {few})")]
        }
        Driver::Merged(index) => {
            let alternatives = conditions[index].alternatives(&mut select);
            alternatives.iter().map(|one| conditions[index].with_tenant(&of_tenant, one)).collect()
        }
    };
    let mut checks = other_conditions(tenant, filter, &mut select)?;
    for (index, condition) in conditions.iter().enumerate() {
        let is_in_order = !condition.is_choice() && condition.ordered_by.contains(&time);
        match driver {
            Driver::Few(driving) | Driver::Merged(driving) if driving == index => {}
            _ if is_in_order => checks.push(condition.sql(&mut select)),
            _ => checks.push(checked(&condition.sql(&mut select))),
        }
    }
    let at = time.column();
    let (sign, word) = direction.words();
    if time == Time::Finished {
        checks.push(format!("{at} is not null"));
    }
    if let Some(cursor) = cursor {
        checks.push(format!("({at}, jobs.id) {sign} ({}, {})", select.value(cursor.at), select.value(cursor.tie)));
    }
    let checks: String = checks.iter().map(|check| format!(" and {check}")).collect();
    let limit = select.value(filter.limit.and_one());
    let beginnings: Vec<String> = sources
        .iter()
        .map(|source| {
            format!(
                "select * from (select jobs.id, {at} as at from jobs where {source}{checks}
                     order by {at} {word}, jobs.id {word} limit {limit}) as beginning"
            )
        })
        .collect();
    let select = select.push(&format!(
        " where jobs.id in (select merged.id from ({}) as merged order by merged.at {word}, merged.id {word} limit {limit})
          order by {at} {word}, jobs.id {word}",
        beginnings.join(" union all ")
    ));
    let jobs = queries::fetch(select, tx).await?;
    Ok(Page::cut(jobs, filter.limit, |job| Cursor { at: time.of(job), tie: job.id }.in_order(order)))
}

/// The conditions that indexes serve; nothing if no job can fit.
async fn resolve_conditions(tx: &mut Tx, tenant: Tenant, filter: &JobFilter) -> Result<Option<Vec<Condition>>> {
    let mut conditions = Vec::new();
    if let Tenant::Provider(provider) = tenant {
        let version = filter.version.as_ref().map(Version::to_string);
        if filter.tag.is_some() || version.is_some() {
            let of_provider =
                Select::new("select id from job_configurations").bind(" where provider_id = ", provider.id());
            let select = of_provider
                .bind_some(" and tag = ", filter.tag.as_ref().map(Tag::to_string))
                .bind_some(" and version = ", version);
            conditions.push(Condition::of_ids("jobs.job_configuration_id", fetch_ids(select, tx).await?));
        }
        if let Some(customer) = &filter.customer {
            let (column, value) = customer_column(customer)?;
            let select = Select::new("select id from customers")
                .bind(" where provider_id = ", provider.id())
                .bind(&format!(" and {column} = "), value);
            conditions.push(Condition::of_ids("jobs.customer_link_id", fetch_ids(select, tx).await?));
        }
    }
    if let Some(Several(ids)) = &filter.id {
        conditions.push(Condition::of_ids("jobs.id", ids.clone()));
    }
    if let Some(Several(statuses)) = &filter.status {
        let values = statuses.iter().map(|status| Bound::Text(status.as_str().to_owned())).collect();
        conditions.push(Condition::of_tenant("jobs.status", "in", values, &[Time::Created, Time::Started]));
    }
    let times = [
        ("jobs.created_at", ">=", filter.from, &[Time::Created][..]),
        ("jobs.created_at", "<", filter.to, &[Time::Created]),
        ("jobs.finished_at", ">=", filter.finished_from, &[Time::Finished]),
    ];
    for (column, operator, at, ordered_by) in times {
        conditions.extend(at.map(|at| Condition::since(column, operator, at, ordered_by)));
    }
    Ok(conditions.iter().all(|condition| !condition.values.is_empty()).then_some(conditions))
}

/// Which condition leads to the jobs.
#[derive(Debug, Clone, Copy)]
enum Driver {
    /// None: they are walked through in the order asked for.
    Order,
    /// The one of this place: all its jobs are read and sorted.
    Few(usize),
    /// The one of this place: the jobs of each of its values are there in order, and are merged.
    Merged(usize),
}

async fn choose_driver(tx: &mut Tx, tenant: Tenant, conditions: &[Condition], time: Time) -> Result<Driver> {
    if let Some(ids) = conditions.iter().position(|condition| condition.column == "jobs.id") {
        return Ok(Driver::Few(ids));
    }
    let can_merge = |c: &Condition| c.is_choice() && c.ordered_by.contains(&time) && c.values.len() <= MAX_MERGED;
    let merged = conditions.iter().position(can_merge);
    let choices = conditions.iter().filter(|condition| condition.is_choice()).count();
    let is_in_order = conditions.iter().all(|condition| condition.ordered_by.contains(&time));
    let is_exact = is_in_order && choices == usize::from(merged.is_some());
    let most = if merged.is_some() { FEW } else { FEW_OF_ALL };
    let few = if is_exact { None } else { find_few(tx, tenant, conditions, most).await? };
    Ok(few.map(Driver::Few).or(merged.map(Driver::Merged)).unwrap_or(Driver::Order))
}

/// The place of the condition with the fewest jobs, if there are at most so many.
async fn find_few(tx: &mut Tx, tenant: Tenant, conditions: &[Condition], most: i64) -> Result<Option<usize>> {
    let mut select = Select::new("");
    let of_tenant = format!("jobs.{} = {}", tenant.jobs_column(), select.value(tenant.id()));
    let limit = select.value(most + 1);
    let counts: Vec<String> = (0_i64..)
        .zip(conditions)
        .map(|(place, condition)| {
            let sql = condition.sql(&mut select);
            let all = condition.with_tenant(&of_tenant, &sql);
            let place = select.value(place);
            format!("select {place}, count(*) from (select 1 from jobs where {all} limit {limit}) as some_of_them")
        })
        .collect();
    let counts: Vec<(i64, i64)> = select.push(&counts.join(" union all ")).fetch_all(tx).await?;
    let few = counts.into_iter().filter(|(_, count)| *count <= most).min_by_key(|(_, count)| *count);
    few.map(|(place, _)| usize::try_from(place).map_err(Error::internal)).transpose()
}

/// What no index serves.
fn other_conditions(tenant: Tenant, filter: &JobFilter, select: &mut Select) -> Result<Vec<String>> {
    let mut conditions = Vec::new();
    if let Tenant::Customer(_) = tenant {
        // A customer's jobs may be of several providers: their configurations and links share no tenant.
        let version = filter.version.as_ref().map(Version::to_string);
        for (column, value) in [("tag", filter.tag.as_ref().map(Tag::to_string)), ("version", version)] {
            conditions.extend(value.map(|value| {
                let value = select.value(value);
                format!("exists (select 1 from job_configurations f where f.id = jobs.job_configuration_id and f.{column} = {value})")
            }));
        }
        if let Some(customer) = &filter.customer {
            let (column, value) = customer_column(customer)?;
            let value = select.value(value);
            conditions.push(format!(
                "exists (select 1 from customers f where f.id = jobs.customer_link_id and f.{column} = {value})"
            ));
        }
    }
    if let Some(id) = &filter.provider_job_id {
        conditions.push(format!("jobs.provider_job_id = {}", select.value(id.to_string())));
    }
    if let Some(text) = &filter.text {
        conditions.push(format!("jobs.search_text like {} escape '\\'", select.value(like_pattern(text.as_str()))));
    }
    if let Some(at) = filter.last_event_to {
        conditions.push(format!("coalesce(jobs.last_event_at, jobs.created_at) < {}", select.value(at.0)));
    }
    Ok(conditions)
}

/// What names a customer, in the columns of their links.
fn customer_column(customer: &str) -> Result<(&'static str, Bound)> {
    match (customer.parse::<Uuid>(), Email::try_from(customer.to_owned())) {
        (Ok(id), _) => Ok(("customer_id", Bound::Id(id))),
        (_, Ok(email)) => Ok(("email", Bound::Text(email.as_str().to_owned()))),
        _ => Err(Error::invalid("/customer", "is neither an id nor an e-mail address")),
    }
}

async fn fetch_ids(select: Select, tx: &mut Tx) -> sqlx::Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = select.fetch_all(tx).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Matches text anywhere, regardless of case.
fn like_pattern(text: &str) -> String {
    let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
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
            .bind_all(" where job_configuration_id in", configurations)
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
