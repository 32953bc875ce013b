//! The jobs that a row of the usage report is made of, so that whoever is billed can be shown what for: their figures add
//! up to those of the row.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::filter::{Asked, Filter};
use super::usage::{Figures, Hours, OPENED};
use crate::app::App;
use crate::auth::{ProviderId, ProviderReader};
use crate::configurations::version::Version;
use crate::customers::{Whom, of_links};
use crate::db::{Select, Tx};
use crate::error::{Error, Result};
use crate::events::CLOCK_TOLERANCE;
use crate::http::{Json, Query, Several};
use crate::paging::{Cursor, Limit, Page};
use crate::period::{Bound, Period, Zone};
use crate::progress::JobStatus;
use crate::values::{Instant, Tag};

/// What the cursors of the two parts of the list begin with: of jobs that are there, and behind them of deleted ones.
const THERE: &str = "there";
const DELETED: &str = "deleted";

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProofQuery {
    /// From this day or quarter of an hour on.
    #[param(inline, value_type = Option<Bound>, example = "2026-10-01")]
    from: Option<Bound>,
    /// Up to this day, or before this quarter of an hour.
    #[param(inline, value_type = Option<Bound>, example = "2026-10-31")]
    to: Option<Bound>,
    /// The time zone of days.
    #[param(value_type = Option<Zone>)]
    zone: Option<Zone>,
    /// Of this configuration.
    #[param(value_type = Option<Tag>)]
    tag: Option<Tag>,
    /// Of this version of it.
    #[param(value_type = Option<Version>)]
    version: Option<Version>,
    /// Of this customer: a `customer_id`, the `id` in the list of customers, an e-mail address, or `none`.
    #[param(inline, value_type = Option<Whom>)]
    customer: Option<Whom>,
    /// One status or several, separated by commas.
    #[param(value_type = Option<String>, pattern = "^(pending|running|completed|error)(,(pending|running|completed|error))*$")]
    status: Option<Several<JobStatus>>,
    /// Rows of a page, 1–200.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Limit,
    /// The `next` of the page before.
    #[param(pattern = r"^(there|deleted)\.(0|[1-9a-f][0-9a-f]{0,13})-(0|[1-9a-f][0-9a-f]{0,31})$")]
    cursor: Option<String>,
}

/// What a job counts for in a period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct JobUsage {
    /// The job.
    pub job_id: Uuid,
    /// The provider's own id of it; null once it is deleted.
    pub provider_job_id: Option<String>,
    /// Whether it is deleted. What it counts for stays.
    pub deleted: bool,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// Whether it was opened within, 1 or 0.
    pub opened: i64,
    /// Whether it finished within, 1 or 0.
    pub finished: i64,
    /// Whether it is in error, and its last error was within, 1 or 0.
    pub failed: i64,
    /// Its steps that were finished within.
    pub steps: i64,
    /// What these are worth.
    pub points_earned: i64,
    /// From its start to its end, if it finished within.
    pub hours: Hours,
}

impl JobUsage {
    fn figures(&self) -> Figures {
        Figures {
            jobs: self.opened,
            finished: self.finished,
            failed: self.failed,
            steps: self.steps,
            points_earned: self.points_earned,
            hours: self.hours,
        }
    }
}

/// The jobs that a row of the usage report is made of
///
/// With the customer, the configuration and the `from` and `before` of a row (as `from` and `to`), the figures of all these
/// jobs add up to those of the row. In the order in which they were opened, deleted ones behind the others.
#[utoipa::path(get, path = "/reports/usage/jobs", tag = "Reports", operation_id = "list_usage_jobs", params(ProofQuery),
    responses((status = 200, description = "A page of jobs", body = Page<JobUsage>)))]
pub(super) async fn list_usage_jobs(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(query): Query<ProofQuery>,
) -> Result<Json<Page<JobUsage>>> {
    let ProofQuery { from, to, zone, tag, version, customer, status, limit, cursor } = query;
    let filter = Filter::new(Asked { from, to, zone, tag, version, customer, status }, Period::of_quarters)?;
    let (is_of_deleted, after) = read_cursor(cursor.as_deref())?;
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let links = filter.links(&mut snapshot, provider).await?;
    let wanted = Wanted { provider, links, filter, limit };
    let mut items = if is_of_deleted { Vec::new() } else { wanted.jobs(&mut snapshot, after).await? };
    if items.len() <= limit.rows() {
        let after = if is_of_deleted { after } else { BEGINNING };
        items.extend(wanted.deleted_jobs(&mut snapshot, after).await?);
    }
    snapshot.commit().await?;
    Ok(Json(Page::cut(items, limit, |job| {
        let cursor = Cursor { at: job.created_at, tie: job.job_id };
        cursor.in_order(if job.deleted { DELETED } else { THERE })
    })))
}

/// Before all jobs.
const BEGINNING: Cursor = Cursor { at: DateTime::UNIX_EPOCH, tie: Uuid::nil() };

fn read_cursor(cursor: Option<&str>) -> Result<(bool, Cursor)> {
    let is_of_deleted = cursor.is_some_and(|cursor| cursor.starts_with(DELETED));
    let part = if is_of_deleted { DELETED } else { THERE };
    match Cursor::read_in_order(cursor, part) {
        Ok(cursor) => Ok((is_of_deleted, cursor.unwrap_or(BEGINNING))),
        Err(_) => Err(Error::invalid("/cursor", "is not a cursor that this list gave back as `next`")),
    }
}

struct Wanted {
    provider: ProviderId,
    links: Option<Vec<Uuid>>,
    filter: Filter,
    limit: Limit,
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: Uuid,
    provider_job_id: String,
    created_at: DateTime<Utc>,
    opened: i64,
    finished: i64,
    failed: i64,
    steps: i64,
    points: i64,
    hours: i64,
}

#[derive(sqlx::FromRow)]
struct DeletedRow {
    id: Uuid,
    created_at: DateTime<Utc>,
    opened: i64,
    finished: i64,
    failed: i64,
    steps: i64,
    points: i64,
    hours: i64,
}

impl Wanted {
    fn ends(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.filter.period.from.unwrap_or(DateTime::UNIX_EPOCH), self.filter.period.to.unwrap_or(Instant::MAX))
    }

    /// Those that are there: of a page of all that may count for something, those that do.
    async fn jobs(&self, tx: &mut Tx, mut after: Cursor) -> Result<Vec<JobUsage>> {
        let mut items = Vec::new();
        while items.len() <= self.limit.rows() {
            let rows = self.load_jobs(tx, after).await?;
            let Some(last) = rows.last() else { break };
            after = Cursor { at: last.created_at, tie: last.id };
            let jobs = rows.into_iter().map(|row| JobUsage {
                job_id: row.id,
                provider_job_id: Some(row.provider_job_id),
                deleted: false,
                created_at: row.created_at,
                opened: row.opened,
                finished: row.finished,
                failed: row.failed,
                steps: row.steps,
                points_earned: row.points,
                hours: Hours(row.hours),
            });
            items.extend(jobs.filter(|job| !job.figures().is_nothing()));
        }
        Ok(items)
    }

    async fn load_jobs(&self, tx: &mut Tx, after: Cursor) -> sqlx::Result<Vec<JobRow>> {
        let mut select = Select::new("");
        let (from, to) = self.ends();
        let arrived = select.value((from - CLOCK_TOLERANCE).max(DateTime::UNIX_EPOCH));
        let (from, to) = (select.value(from), select.value(to));
        let provider = select.value(self.provider.id());
        let mut conditions = vec![
            match self.links.as_deref() {
                Some([link]) if !link.is_nil() => format!("(j.provider_id = {provider}) is true"),
                _ => format!("j.provider_id = {provider}"),
            },
            "not exists (select 1 from deleted_jobs d where d.id = j.id)".to_owned(),
            // All that counts is between the first event and the arrival of the last, but for what is said to be ahead.
            format!(
                "((j.created_at >= {from} and j.created_at < {to})
                  or (j.started_at < {to} and j.last_event_at >= {arrived}))"
            ),
        ];
        conditions.extend(of_links(&mut select, self.links.as_deref(), "j.customer_link_id"));
        conditions.extend(self.filter.configurations(&mut select, &provider, "j.job_configuration_id"));
        conditions.extend(self.filter.status(&mut select, "j.status"));
        let conditions = conditions.join(" and ");
        let within = |column: &str| format!("{column} >= {from} and {column} < {to}");
        let (opened, ended) = (within("j.created_at"), within("j.finished_at"));
        let (failed, step) = (within("j.outcome_at"), within("s.finished_at"));
        let hours = tx.hours_between("j.started_at", "j.finished_at");
        let of_steps = format!(
            "from job_steps s join step_configurations c on c.id = s.step_configuration_id
             where s.job_id = j.id and {step}"
        );
        select
            .push(&format!(
                "select j.id, j.provider_job_id, j.created_at,
                     cast(case when {opened} then 1 else 0 end as bigint) as opened,
                     cast(case when {ended} then 1 else 0 end as bigint) as finished,
                     cast(case when j.status = 'error' and {failed} then 1 else 0 end as bigint) as failed,
                     (select count(*) {of_steps}) as steps,
                     (select cast(coalesce(sum(c.points), 0) as bigint) {of_steps}) as points,
                     cast(case when {ended} then {hours} else 0 end as bigint) as hours
                 from jobs j where {conditions}"
            ))
            .bind(" and (j.created_at, j.id) > (", after.at)
            .bind(", ", after.tie)
            .bind(") order by j.created_at, j.id limit ", self.limit.and_one())
            .fetch_all(tx)
            .await
    }

    /// Those that are deleted.
    async fn deleted_jobs(&self, tx: &mut Tx, after: Cursor) -> sqlx::Result<Vec<JobUsage>> {
        let mut select = Select::new("");
        let (from, to) = self.ends();
        let (from, to) = (select.value(from), select.value(to));
        let provider = select.value(self.provider.id());
        let mut conditions = vec![format!(
            "r.provider_id = {provider} and r.series = 'job_quarters' and r.start >= {from} and r.start < {to}"
        )];
        conditions.extend(of_links(&mut select, self.links.as_deref(), "d.customer_link_id"));
        conditions.extend(self.filter.configurations(&mut select, &provider, "r.configuration"));
        conditions.extend(self.filter.status(&mut select, "d.status"));
        let conditions = conditions.join(" and ");
        let sum = |what: &str, name: &str| format!("cast(sum({what}) as bigint) as {name}");
        let sums = [
            sum(OPENED, "opened"),
            sum("r.finished", "finished"),
            sum("r.failed", "failed"),
            sum("r.steps", "steps"),
            sum("r.points", "points"),
            sum("r.hours", "hours"),
        ]
        .join(", ");
        let rows: Vec<DeletedRow> = select
            .push(&format!(
                "select d.id, d.created_at, {sums}
                 from deleted_rollups r join deleted_jobs d on d.id = r.job_id where {conditions}"
            ))
            .bind(" and (d.created_at, d.id) > (", after.at)
            .bind(", ", after.tie)
            .push(&format!(
                ") group by d.id, d.created_at
                 having sum({OPENED} + r.finished + r.failed + r.steps + r.points + r.hours) > 0"
            ))
            .bind(" order by d.created_at, d.id limit ", self.limit.and_one())
            .fetch_all(tx)
            .await?;
        let job = |row: DeletedRow| JobUsage {
            job_id: row.id,
            provider_job_id: None,
            deleted: true,
            created_at: row.created_at,
            opened: row.opened,
            finished: row.finished,
            failed: row.failed,
            steps: row.steps,
            points_earned: row.points,
            hours: Hours(row.hours),
        };
        Ok(rows.into_iter().map(job).collect())
    }
}
