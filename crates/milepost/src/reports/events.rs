//! The report of events: one row each, job by job in the order in which these were opened, and the events of a job by the
//! time they happened.
//!
//! Jobs lead to their events, so that a condition on jobs is decided once for each, and a period costs the events in it and
//! a look at each job, not all events there are: no index has the events of a provider by time, which every event that
//! comes in would pay for. All that it goes by never changes, so that no row comes twice and none is left out, whatever
//! happens in between; what is recorded while it is written is not in it.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::filter::Filter;
use super::table::{Cell, Column, Kind, Row};
use crate::auth::ProviderId;
use crate::customers::of_links;
use crate::db::{Db, Log, On, Select, log_position};
use crate::error::Result;
use crate::events::CLOCK_TOLERANCE;
use crate::values::restore_number;

/// How many events are read at once.
const PAGE: i64 = 500;
/// About how many bytes of metadata are read at once; an event may have a MiB of it.
const PAGE_BYTES: i64 = 512 * 1024;
/// How many jobs are looked up at once.
const JOBS: i64 = 256;
/// The most jobs whose events are read at once.
const BATCH: usize = 64;

/// What the report has of an event.
pub(super) const COLUMNS: [Column; 24] = [
    column("event_id", Kind::Text),
    column("event_kind", Kind::Text),
    column("event_name", Kind::Text),
    column("event_metadata", Kind::Object),
    column("event_fraction", Kind::Decimal(6)),
    column("event_sequence", Kind::Whole),
    column("occurred_at", Kind::Time),
    column("created_at", Kind::Time),
    column("job_id", Kind::Text),
    column("provider_id", Kind::Text),
    column("customer_id", Kind::Text),
    column("customer_email", Kind::Text),
    column("provider_job_id", Kind::Text),
    column("provider_job_name", Kind::Text),
    column("job_status", Kind::Text),
    column("job_created_at", Kind::Time),
    column("job_configuration_id", Kind::Text),
    column("configuration_tag", Kind::Text),
    column("configuration_name", Kind::Text),
    column("configuration_version", Kind::Text),
    column("step_configuration_id", Kind::Text),
    column("step_tag", Kind::Text),
    column("step_name", Kind::Text),
    column("step_points", Kind::Whole),
];

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

#[derive(Debug, Clone, sqlx::FromRow)]
struct JobRow {
    id: Uuid,
    customer_id: Option<Uuid>,
    customer_email: Option<String>,
    job_configuration_id: Uuid,
    tag: String,
    name: String,
    version: String,
    provider_job_id: String,
    provider_job_name: String,
    status: String,
    last_sequence: i64,
    created_at: DateTime<Utc>,
}

#[derive(Debug, sqlx::FromRow)]
struct EventRow {
    id: Uuid,
    job_id: Uuid,
    kind: String,
    name: Option<String>,
    event_metadata: Option<Json<Map<String, Value>>>,
    fraction: Option<i64>,
    sequence: i64,
    occurred_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    step_configuration_id: Option<Uuid>,
    step_tag: Option<String>,
    step_name: Option<String>,
    step_points: Option<i64>,
    /// Of the metadata of this page, up to this event.
    bytes: i64,
}

impl EventRow {
    fn place(&self) -> Place {
        Place { job_id: self.job_id, occurred_at: self.occurred_at, sequence: self.sequence }
    }
}

/// Where an event stands among those of some jobs.
#[derive(Debug, Clone, Copy)]
struct Place {
    job_id: Uuid,
    occurred_at: DateTime<Utc>,
    sequence: i64,
}

/// The rows of the report, a page at a time.
pub(super) struct EventRows {
    provider: ProviderId,
    filter: Filter,
    links: Option<Vec<Uuid>>,
    /// Events behind this position are none of it.
    upto: i64,
    /// Jobs that were looked up, and the last of them; nothing once there are no more.
    jobs: VecDeque<JobRow>,
    after_job: Option<(DateTime<Utc>, Uuid)>,
    /// The jobs whose events are being read, by id, and the last of these.
    batch: Vec<JobRow>,
    after: Option<Place>,
}

impl EventRows {
    pub(super) async fn begin<'a>(on: impl Into<On<'a>>, provider: ProviderId, filter: Filter) -> Result<Self> {
        let mut on = on.into();
        let links = filter.links(on.reborrow(), provider).await?;
        let upto = log_position(on, Log::Events).await?;
        let after_job = Some((DateTime::UNIX_EPOCH, Uuid::nil()));
        Ok(Self { provider, filter, links, upto, jobs: VecDeque::new(), after_job, batch: Vec::new(), after: None })
    }

    /// How many rows there are, counted no further than this.
    pub(super) async fn count<'a>(&self, on: impl Into<On<'a>>, most: i64) -> Result<i64> {
        let mut select = Select::new("");
        let jobs = self.job_conditions(&mut select);
        let events = self.event_conditions(&mut select);
        let limit = select.value(most);
        let counts: Vec<(i64,)> = select
            .push(&format!(
                "select count(*) from (
                     select 1 from jobs j join events e on e.job_id = j.id where {jobs}{events} limit {limit}
                 ) as counted"
            ))
            .fetch_all(on)
            .await?;
        Ok(counts.first().map_or(0, |(count,)| *count))
    }

    /// Some more rows; none at the end.
    pub(super) async fn next(&mut self, db: &Db) -> Result<Vec<Row>> {
        loop {
            if self.batch.is_empty() && !self.next_batch(db).await? {
                return Ok(Vec::new());
            }
            let events = self.load_events(db).await?;
            let is_cut = events.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX)
                || events.last().is_some_and(|last| last.bytes >= PAGE_BYTES);
            self.after = events.last().map(EventRow::place).filter(|_| is_cut);
            let batch = if is_cut { self.batch.clone() } else { std::mem::take(&mut self.batch) };
            let rows: Vec<Row> = events.into_iter().filter_map(|event| self.row(&batch, event)).collect();
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
    }

    /// Chooses the jobs that come next: several small ones, or a large one alone. False: there are none.
    async fn next_batch(&mut self, db: &Db) -> Result<bool> {
        let mut events = 0;
        while self.batch.len() < BATCH {
            if self.jobs.is_empty() && !self.load_jobs(db).await? {
                break;
            }
            let is_next = |job: &JobRow| self.batch.is_empty() || events + job.last_sequence <= PAGE;
            let Some(job) = self.jobs.pop_front_if(|job| is_next(job)) else { break };
            events += job.last_sequence;
            self.batch.push(job);
        }
        self.batch.sort_unstable_by_key(|job| job.id);
        Ok(!self.batch.is_empty())
    }

    async fn load_jobs(&mut self, db: &Db) -> sqlx::Result<bool> {
        let Some((created_at, id)) = self.after_job else { return Ok(false) };
        let mut select = Select::new(
            "select j.id, j.customer_id, case when j.anonymised_at is null then l.email end as customer_email,
                 j.job_configuration_id, c.tag, c.name, c.version, j.provider_job_id, j.provider_job_name, j.status,
                 j.last_sequence, j.created_at
             from jobs j join job_configurations c on c.id = j.job_configuration_id
             left join customers l on l.id = j.customer_link_id where ",
        );
        let conditions = self.job_conditions(&mut select);
        let jobs: Vec<JobRow> = select
            .push(&conditions)
            .bind(" and (j.created_at, j.id) > (", created_at)
            .bind(", ", id)
            .bind(") order by j.created_at, j.id limit ", JOBS)
            .fetch_all(db)
            .await?;
        self.after_job = jobs.last().map(|last| (last.created_at, last.id));
        self.jobs.extend(jobs);
        Ok(!self.jobs.is_empty())
    }

    /// Which jobs there may be events of. Those that are being deleted are gone.
    fn job_conditions(&self, select: &mut Select) -> String {
        let provider = select.value(self.provider.id());
        let mut conditions = vec![
            // What belongs to one customer is the provider's anyway: that index leads to it.
            match self.links.as_deref() {
                Some([link]) if !link.is_nil() => format!("(j.provider_id = {provider}) is true"),
                _ => format!("j.provider_id = {provider}"),
            },
            "j.last_sequence > 0 and coalesce(j.retiring, '') <> 'delete'".to_owned(),
        ];
        conditions.extend(of_links(select, self.links.as_deref(), "j.customer_link_id"));
        conditions.extend(self.filter.configurations(select, &provider, "j.job_configuration_id"));
        conditions.extend(self.filter.status(select, "j.status"));
        // Nothing happens later than the last event arrives, but for what is said to be ahead.
        conditions.extend(
            self.filter
                .period
                .from
                .map(|from| format!("j.last_event_at >= {}", select.value(from - CLOCK_TOLERANCE))),
        );
        conditions.extend(self.filter.period.to.map(|to| format!("j.started_at < {}", select.value(to))));
        conditions.join(" and ")
    }

    fn event_conditions(&self, select: &mut Select) -> String {
        let from = self.filter.period.from.map(|from| format!(" and e.occurred_at >= {}", select.value(from)));
        let to = self.filter.period.to.map(|to| format!(" and e.occurred_at < {}", select.value(to)));
        [from, to].into_iter().flatten().collect()
    }

    /// The next events of the jobs at hand: as many as a page has, up to the one with which they have too much metadata.
    async fn load_events(&self, db: &Db) -> sqlx::Result<Vec<EventRow>> {
        let begun = Select::new(
            "with page as (
                 select e.id, e.job_id, e.occurred_at, e.sequence,
                     coalesce(length(cast(e.event_metadata as text)), 0) as own
                 from events e where e.job_id",
        );
        let is_alone = self.batch.len() == 1;
        let mut select = match self.batch.as_slice() {
            [job] => begun.bind(" = ", job.id),
            jobs => begun.bind_all("", jobs.iter().map(|job| job.id)),
        };
        let period = self.event_conditions(&mut select);
        // Only checked, so that the index is the one that has them in order.
        select = select.push(&period).bind(" and (e.position <= ", self.upto).push(") is true");
        select = match self.after {
            None => select,
            // An index has the events of one job in this order.
            Some(after) if is_alone => select
                .bind(" and (e.occurred_at, e.sequence) > (", after.occurred_at)
                .bind(", ", after.sequence)
                .push(")"),
            Some(after) => select
                .bind(" and (e.job_id, e.occurred_at, e.sequence) > (", after.job_id)
                .bind(", ", after.occurred_at)
                .bind(", ", after.sequence)
                .push(")"),
        };
        let order = if is_alone { "occurred_at, sequence" } else { "job_id, occurred_at, sequence" };
        select
            .push(&format!(
                " order by {order} limit {PAGE}), sized as (
                     select id, own, cast(sum(own) over (order by {order} rows unbounded preceding) as bigint) as bytes
                     from page
                 )
                 select e.id, e.job_id, e.kind, e.name, e.event_metadata, e.fraction, e.sequence, e.occurred_at,
                     e.created_at, e.step_configuration_id, s.tag as step_tag, s.name as step_name,
                     s.points as step_points, sized.bytes
                 from sized join events e on e.id = sized.id
                 left join step_configurations s on s.id = e.step_configuration_id
                 where sized.bytes - sized.own < {PAGE_BYTES} order by e.job_id, e.occurred_at, e.sequence"
            ))
            .fetch_all(db)
            .await
    }

    fn row(&self, batch: &[JobRow], event: EventRow) -> Option<Row> {
        let job = &batch[batch.binary_search_by_key(&event.job_id, |job| job.id).ok()?];
        let metadata = event.event_metadata.map(|Json(mut metadata)| {
            metadata.values_mut().for_each(restore_number);
            metadata
        });
        Some(vec![
            event.id.into(),
            event.kind.into(),
            Cell::some(event.name),
            Cell::some(metadata),
            Cell::some(event.fraction),
            event.sequence.into(),
            event.occurred_at.into(),
            event.created_at.into(),
            job.id.into(),
            self.provider.id().into(),
            Cell::some(job.customer_id),
            Cell::some(job.customer_email.clone()),
            job.provider_job_id.as_str().into(),
            job.provider_job_name.as_str().into(),
            job.status.as_str().into(),
            job.created_at.into(),
            job.job_configuration_id.into(),
            job.tag.as_str().into(),
            job.name.as_str().into(),
            job.version.as_str().into(),
            Cell::some(event.step_configuration_id),
            Cell::some(event.step_tag),
            Cell::some(event.step_name),
            Cell::some(event.step_points),
        ])
    }
}
