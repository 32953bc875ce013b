//! The report of usage: what each customer had of each kind of job in each month of the zone.
//!
//! The figures are put together from the sums that are kept with the events (`rollups`): the whole days of a month, UTC,
//! and the quarters of an hour at both of its edges. With a condition on how jobs are, which no sum knows, they are summed
//! up from the jobs themselves by the same definitions (`docs/REPORTS.md`); what deleted jobs count for is kept for each.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::filter::Filter;
use super::table::{Cell, Column, Kind, Row, double, zoned};
use crate::auth::ProviderId;
use crate::customers::of_links;
use crate::db::{Db, Select, Tx};
use crate::error::{Error, Result};
use crate::events::CLOCK_TOLERANCE;
use crate::period::{Part, Period, Unit};
use crate::rollups::{EVERYBODY, NOBODY, pending_jobs};

/// Hours have four decimals.
pub(super) const HOUR_DECIMALS: u8 = 4;

/// What the report has of a row.
pub(super) fn columns(by_version: bool) -> Vec<Column> {
    let column = |name, kind| Column { name, kind };
    let mut columns = vec![
        column("month", Kind::Text),
        column("from", Kind::Time),
        column("before", Kind::Time),
        column("customer_link_id", Kind::Text),
        column("customer_id", Kind::Text),
        column("customer_email", Kind::Text),
        column("tag", Kind::Text),
        column("name", Kind::Text),
    ];
    if by_version {
        columns.push(column("version", Kind::Text));
    }
    columns.extend(["jobs", "finished", "failed", "steps", "points_earned"].map(|name| column(name, Kind::Whole)));
    columns.push(column("hours", Kind::Decimal(HOUR_DECIMALS)));
    columns
}

/// Hours in ten-thousandths, so that sums are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, minimum = 0, example = 12.25)]
pub(super) struct Hours(pub i64);

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(double(self.0, HOUR_DECIMALS))
    }
}

/// The figures of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UsageFigures)]
pub(super) struct Figures {
    /// Jobs that were opened within.
    pub jobs: i64,
    /// Jobs that finished within.
    pub finished: i64,
    /// Jobs that are in error, and whose last error was within.
    pub failed: i64,
    /// Steps that were finished within.
    pub steps: i64,
    /// What these are worth: what is billed.
    pub points_earned: i64,
    /// From start to end of the jobs that finished within; each rounded to four decimals, so that all sums are exact.
    pub hours: Hours,
}

impl Figures {
    pub(super) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    fn cells(self) -> [Cell; 6] {
        [self.jobs, self.finished, self.failed, self.steps, self.points_earned, self.hours.0].map(Cell::Number)
    }
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.finished += other.finished;
        self.failed += other.failed;
        self.steps += other.steps;
        self.points_earned += other.points_earned;
        self.hours.0 += other.hours.0;
    }
}

/// What a customer had of a kind of job in a month.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct UsageRow {
    /// The month, in the zone.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-10")]
    pub month: String,
    /// Its first moment, or that of the period; in the zone.
    #[schema(value_type = DateTime<Utc>)]
    pub from: String,
    /// The first moment behind it, or behind the period.
    #[schema(value_type = DateTime<Utc>)]
    pub before: String,
    /// The `id` in the list of customers; null for the jobs of nobody.
    pub customer_link_id: Option<Uuid>,
    /// The customer's account; null without one, and once unlinked.
    pub customer_id: Option<Uuid>,
    /// The customer's address; null once erased.
    pub customer_email: Option<String>,
    /// The configuration.
    pub tag: String,
    /// What it is called: its version, or the newest of all versions.
    pub name: String,
    /// The version; null unless `by_version`.
    pub version: Option<String>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

impl UsageRow {
    fn cells(self, part: Part, by_version: bool) -> Row {
        let mut row = vec![
            self.month.into(),
            part.from.into(),
            part.to.into(),
            Cell::some(self.customer_link_id),
            Cell::some(self.customer_id),
            Cell::some(self.customer_email),
            self.tag.into(),
            self.name.into(),
        ];
        if by_version {
            row.push(Cell::some(self.version));
        }
        row.extend(self.figures.cells());
        row
    }
}

#[derive(Debug, Clone, sqlx::FromRow)]
struct Configuration {
    id: Uuid,
    tag: String,
    name: String,
    version: String,
    precedence: Vec<u8>,
}

#[derive(Debug, sqlx::FromRow)]
struct SumRow {
    customer: Uuid,
    customer_id: Option<Uuid>,
    email: Option<String>,
    configuration: Uuid,
    jobs: i64,
    finished: i64,
    failed: i64,
    steps: i64,
    points: i64,
    hours: i64,
}

impl SumRow {
    fn figures(&self) -> Figures {
        Figures {
            jobs: self.jobs,
            finished: self.finished,
            failed: self.failed,
            steps: self.steps,
            points_earned: self.points,
            hours: Hours(self.hours),
        }
    }
}

/// How rows of a month are ordered: by address, those without one behind the others, then by configuration.
type Place = (bool, Option<String>, Uuid, String, Vec<u8>, String);

/// The rows of the report, a month at a time.
pub(super) struct UsageRows {
    provider: ProviderId,
    filter: Filter,
    by_version: bool,
    links: Option<Vec<Uuid>>,
    /// Of all tags and versions, the newest of a tag last.
    configurations: Vec<Configuration>,
    /// The months that are to come.
    parts: VecDeque<Part>,
}

impl UsageRows {
    pub(super) async fn begin(tx: &mut Tx, provider: ProviderId, filter: Filter, by_version: bool) -> Result<Self> {
        let links = filter.links(&mut *tx, provider).await?;
        let configurations: Vec<Configuration> =
            Select::new("select id, tag, name, version, precedence from job_configurations where provider_id = ")
                .bind("", provider.id())
                .push(" order by tag, precedence, created_at, id")
                .fetch_all(&mut *tx)
                .await?;
        let parts = months(tx, provider, &filter.period).await?.into();
        Ok(Self { provider, filter, by_version, links, configurations, parts })
    }

    /// How many rows there are, counted no further than a little beyond this.
    pub(super) async fn count(&self, tx: &mut Tx, most: usize) -> Result<usize> {
        let mut count = 0;
        for part in &self.parts {
            count += self.month(tx, *part).await?.len();
            if count > most {
                break;
            }
        }
        Ok(count)
    }

    /// The rows of the next month that has any; none at the end.
    pub(super) async fn next(&mut self, db: &Db) -> Result<Vec<Row>> {
        while let Some(part) = self.parts.pop_front() {
            let mut tx = db.begin_reading().await?;
            let rows = self.month(&mut tx, part).await?;
            tx.commit().await?;
            if !rows.is_empty() {
                return Ok(rows.into_iter().map(|row| row.cells(part, self.by_version)).collect());
            }
        }
        Ok(Vec::new())
    }

    /// All rows; refused if there are more than this.
    pub(super) async fn all(&mut self, tx: &mut Tx, most: usize) -> Result<Vec<UsageRow>> {
        let mut rows = Vec::new();
        while let Some(part) = self.parts.pop_front() {
            rows.extend(self.month(tx, part).await?);
            if rows.len() > most {
                return Err(Error::invalid(
                    "/format",
                    format!("json has at most {most} rows, and these are more: ask for less of them, or for a file"),
                ));
            }
        }
        Ok(rows)
    }

    async fn month(&self, tx: &mut Tx, part: Part) -> Result<Vec<UsageRow>> {
        let sums = match self.filter.statuses {
            None => self.kept_sums(tx, part).await?,
            Some(_) => self.sums_of_jobs(tx, part).await?,
        };
        let of_id: HashMap<Uuid, &Configuration> = self.configurations.iter().map(|c| (c.id, c)).collect();
        let newest: HashMap<&str, &Configuration> = self.configurations.iter().map(|c| (c.tag.as_str(), c)).collect();
        let zone = self.filter.period.zone;
        let mut rows: BTreeMap<Place, UsageRow> = BTreeMap::new();
        for sum in sums {
            let Some(configuration) = of_id.get(&sum.configuration) else { continue };
            let of_tag = newest.get(configuration.tag.as_str()).unwrap_or(configuration);
            let shown = if self.by_version { configuration } else { of_tag };
            let (precedence, version) = if self.by_version {
                (shown.precedence.clone(), shown.version.clone())
            } else {
                (Vec::new(), String::new())
            };
            let place =
                (sum.email.is_none(), sum.email.clone(), sum.customer, shown.tag.clone(), precedence, version);
            let row = rows.entry(place).or_insert_with(|| UsageRow {
                month: part.date.format("%Y-%m").to_string(),
                from: zoned(zone, part.from),
                before: zoned(zone, part.to),
                customer_link_id: Some(sum.customer).filter(|link| *link != NOBODY),
                customer_id: sum.customer_id,
                customer_email: sum.email.clone(),
                tag: shown.tag.clone(),
                name: shown.name.clone(),
                version: self.by_version.then(|| shown.version.clone()),
                figures: Figures::default(),
            });
            row.figures += sum.figures();
        }
        Ok(rows.into_values().filter(|row| !row.figures.is_nothing()).collect())
    }

    /// From what is kept: an index leads from each customer to a span.
    async fn kept_sums(&self, tx: &mut Tx, part: Part) -> sqlx::Result<Vec<SumRow>> {
        let mut select = Select::new("");
        let provider = select.value(self.provider.id());
        let parties = match &self.links {
            Some(links) if links.is_empty() => return Ok(Vec::new()),
            Some(links) => {
                let links: Vec<String> = links.iter().map(|link| format!("select {}", select.value(*link))).collect();
                links.join(" union all ")
            }
            None => {
                let nobody = select.value(NOBODY);
                format!("select id from customers where provider_id = {provider} union all select {nobody}")
            }
        };
        let condition = self.filter.configurations(&mut select, &provider, "r.configuration");
        let condition = condition.map(|condition| format!(" and {condition}")).unwrap_or_default();
        let mut told: Vec<String> = spans(part)
            .into_iter()
            .map(|(series, from, to)| {
                let (from, to) = (select.value(from), select.value(to));
                format!(
                    "select r.customer, r.configuration, {OPENED} as jobs, r.finished, r.failed, r.steps, r.points, r.hours
                     from parties cross join rollups r
                     where r.provider_id = {provider} and r.customer = parties.customer and r.series = '{series}'
                         and r.start >= {from} and r.start < {to}{condition}"
                )
            })
            .collect();
        let mut conditions = pending_jobs(&mut select, self.provider, part.from, part.to);
        conditions.extend(of_links(&mut select, self.links.as_deref(), "j.customer_link_id"));
        conditions.extend(self.filter.configurations(&mut select, &provider, "j.job_configuration_id"));
        told.push(format!(
            "select coalesce(j.customer_link_id, {}), j.job_configuration_id, 1, 0, 0, 0, 0, 0 from jobs j where {}",
            select.value(NOBODY),
            conditions.join(" and ")
        ));
        let told = format!("with parties (customer) as ({parties}), told as ({})", told.join(" union all "));
        sum_up(select.push(&told)).fetch_all(tx).await
    }

    /// From the jobs that are as was asked for, and what is kept of deleted ones that were.
    async fn sums_of_jobs(&self, tx: &mut Tx, part: Part) -> sqlx::Result<Vec<SumRow>> {
        let mut select = Select::new("");
        let provider = select.value(self.provider.id());
        let (from, to) = (select.value(part.from), select.value(part.to));
        let arrived = select.value(part.from - CLOCK_TOLERANCE);
        let nobody = select.value(NOBODY);
        let mut conditions = vec![
            format!("j.provider_id = {provider}"),
            "not exists (select 1 from deleted_jobs d where d.id = j.id)".to_owned(),
        ];
        conditions.extend(self.filter.status(&mut select, "j.status"));
        conditions.extend(of_links(&mut select, self.links.as_deref(), "j.customer_link_id"));
        conditions.extend(self.filter.configurations(&mut select, &provider, "j.job_configuration_id"));
        let of_jobs = conditions.join(" and ");
        let mut conditions = vec![format!("r.provider_id = {provider} and r.series = 'job_quarters'")];
        conditions.extend(self.filter.status(&mut select, "d.status"));
        conditions.extend(of_links(&mut select, self.links.as_deref(), "d.customer_link_id"));
        conditions.extend(self.filter.configurations(&mut select, &provider, "r.configuration"));
        let of_deleted = conditions.join(" and ");
        let whose =
            format!("coalesce(j.customer_link_id, {nobody}) as customer, j.job_configuration_id as configuration");
        let hours = tx.hours_between("j.started_at", "j.finished_at");
        let told = format!(
            "with told as (
                 select {whose}, 1 as jobs, 0 as finished, 0 as failed, 0 as steps, 0 as points, 0 as hours
                 from jobs j where {of_jobs} and j.created_at >= {from} and j.created_at < {to}
                 union all
                 select {whose}, 0, 1, 0, 0, 0, {hours}
                 from jobs j where {of_jobs} and j.finished_at >= {from} and j.finished_at < {to}
                 union all
                 select {whose}, 0, 0, 1, 0, 0, 0
                 from jobs j where {of_jobs} and j.status = 'error' and j.outcome_at >= {from} and j.outcome_at < {to}
                 union all
                 select {whose}, 0, 0, 0, 1, c.points, 0
                 from jobs j join job_steps s on s.job_id = j.id
                 join step_configurations c on c.id = s.step_configuration_id
                 where {of_jobs} and j.started_at < {to} and j.last_event_at >= {arrived}
                     and s.finished_at >= {from} and s.finished_at < {to}
                 union all
                 select r.customer, r.configuration, {OPENED}, r.finished, r.failed, r.steps, r.points, r.hours
                 from deleted_rollups r join deleted_jobs d on d.id = r.job_id
                 where {of_deleted} and r.start >= {from} and r.start < {to}
             )"
        );
        sum_up(select.push(&told)).fetch_all(tx).await
    }
}

/// Adds what sums up `told` by customer and configuration.
fn sum_up(select: Select) -> Select {
    select.push(
        " select sums.*, l.customer_id, case when l.erased_at is null then l.email end as email
         from (
             select customer, configuration, cast(sum(jobs) as bigint) as jobs,
                 cast(sum(finished) as bigint) as finished, cast(sum(failed) as bigint) as failed,
                 cast(sum(steps) as bigint) as steps, cast(sum(points) as bigint) as points,
                 cast(sum(hours) as bigint) as hours
             from told group by customer, configuration
         ) as sums left join customers l on l.id = sums.customer",
    )
}

/// How many jobs were opened and have begun, in a row of sums.
pub(super) const OPENED: &str = "r.running + r.completed + r.error + r.abandoned";

/// The first time and the last with anything, if there is.
type Ends = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The months of a period in which there is anything; where it is open, whole ones.
async fn months(tx: &mut Tx, provider: ProviderId, period: &Period) -> Result<Vec<Part>> {
    let mut select = Select::new("");
    let (provider, everybody) = (select.value(provider.id()), select.value(EVERYBODY));
    let days =
        format!("from rollups where provider_id = {provider} and customer = {everybody} and series = 'job_days'");
    let pending = format!("from jobs where provider_id = {provider} and status = 'pending'");
    // Each by itself, since an index finds one end only.
    let select = select.push(&format!(
        "select (select min(start) {days}), (select max(start) {days}) union all
         select (select min(created_at) {pending}), (select max(created_at) {pending})"
    ));
    let ends: Vec<Ends> = select.fetch_all(tx).await?;
    let (first, last) =
        (ends.iter().filter_map(|(first, _)| *first).min(), ends.iter().filter_map(|(_, last)| *last).max());
    let Some((first, last)) = first.zip(last) else { return Ok(Vec::new()) };
    let zone = period.zone;
    let first_of_month = |date: chrono::NaiveDate| date.with_day(1).unwrap_or(date);
    let begin = zone.start_of(first_of_month(zone.date_of(first)));
    let end = zone.date_of(last + TimeDelta::days(1));
    let end = zone.start_of(first_of_month(first_of_month(end) + Days::new(31)));
    let begin = period.from.map_or(begin, |from| from.max(begin));
    let end = period.to.map_or(end, |to| to.min(end));
    Ok(Period::parts(zone, begin, end, Unit::Month))
}

/// What a span of whole quarters is put together from: a series, from when, and before when.
fn spans(part: Part) -> Vec<(&'static str, DateTime<Utc>, DateTime<Utc>)> {
    let day = |time: DateTime<Utc>| time.date_naive().and_time(NaiveTime::MIN).and_utc();
    let (first, last) = (day(part.from + TimeDelta::days(1) - TimeDelta::microseconds(1)), day(part.to));
    let spans = if first <= last {
        vec![("job_quarters", part.from, first), ("job_days", first, last), ("job_quarters", last, part.to)]
    } else {
        vec![("job_quarters", part.from, part.to)]
    };
    spans.into_iter().filter(|(_, from, to)| from < to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(from: &str, to: &str) -> Part {
        let (from, to): (DateTime<Utc>, DateTime<Utc>) = (from.parse().unwrap(), to.parse().unwrap());
        Part { date: from.date_naive(), from, to }
    }

    #[test]
    fn a_span_is_its_days_and_the_quarters_at_its_edges() {
        let written = |from: &str, to: &str| {
            let spans = spans(part(from, to)).into_iter();
            spans
                .map(|(series, from, to)| format!("{series} {} {}", from.format("%dT%H:%M"), to.format("%dT%H:%M")))
                .collect::<Vec<_>>()
        };
        assert_eq!(written("2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z"), ["job_days 01T00:00 31T00:00"]);
        assert_eq!(
            written("2026-02-01T23:00:00Z", "2026-02-28T22:15:00Z"),
            ["job_quarters 01T23:00 02T00:00", "job_days 02T00:00 28T00:00", "job_quarters 28T00:00 28T22:15"]
        );
        assert_eq!(written("2026-03-01T10:15:00Z", "2026-03-01T12:00:00Z"), ["job_quarters 01T10:15 01T12:00"]);
        assert_eq!(
            written("2026-03-01T10:15:00Z", "2026-03-02T12:00:00Z"),
            ["job_quarters 01T10:15 02T00:00", "job_quarters 02T00:00 02T12:00"]
        );
        assert_eq!(written("2026-03-01T10:15:00Z", "2026-03-01T10:15:00Z"), [""; 0]);
    }
}
