//! What the figures must be, worked out from the rows of jobs and events and from nothing that is derived for it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use milepost::db::Db;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::support::TestServer;

async fn rows<T>(server: &TestServer, sql: &str) -> Vec<T>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let sql = AssertSqlSafe(sql.to_owned());
    match server.app.db() {
        Db::Sqlite { read, .. } => sqlx::query_as(sql).fetch_all(read).await.unwrap(),
        Db::Postgres { shared, .. } => sqlx::query_as(sql).fetch_all(shared).await.unwrap(),
    }
}

#[derive(Debug, Clone, FromRow)]
pub struct Job {
    pub id: Uuid,
    pub tag: String,
    pub version: String,
    pub customer_link_id: Option<Uuid>,
    pub email: Option<String>,
    pub status: String,
    pub created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    outcome_at: Option<DateTime<Utc>>,
}

impl Job {
    fn failed_at(&self) -> Option<DateTime<Utc>> {
        self.outcome_at.filter(|_| self.status == "error")
    }

    /// Whether it is open at a time, before what happens then.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        self.created_at < at && self.finished_at.or(self.failed_at()).is_none_or(|ended| ended >= at)
    }
}

#[derive(Debug, Clone, FromRow)]
pub struct Event {
    pub job_id: Uuid,
    pub kind: String,
    pub occurred_at: DateTime<Utc>,
    sequence: i64,
    pub step: Option<String>,
    points: Option<i64>,
}

/// All there is of one provider.
pub struct Everything {
    pub jobs: Vec<Job>,
    pub events: Vec<Event>,
}

/// A finished step of a job.
pub struct Finish<'a> {
    pub job: &'a Job,
    pub step: &'a str,
    pub at: DateTime<Utc>,
    points: i64,
}

impl Everything {
    pub async fn read(server: &TestServer, provider: &str) -> Self {
        let provider = server.database.id(provider);
        let jobs = format!(
            "select j.id, c.tag, c.version, j.customer_link_id, l.email, j.status, j.created_at,
                 j.started_at, j.finished_at, j.outcome_at
             from jobs j join job_configurations c on c.id = j.job_configuration_id
             left join customers l on l.id = j.customer_link_id where j.provider_id = {provider}"
        );
        let events = format!(
            "select e.job_id, e.kind, e.occurred_at, e.sequence, s.tag as step, s.points
             from events e left join step_configurations s on s.id = e.step_configuration_id
             where e.provider_id = {provider}"
        );
        Self { jobs: rows(server, &jobs).await, events: rows(server, &events).await }
    }

    /// Of these jobs alone.
    pub fn of(&self, fits: impl Fn(&Job) -> bool) -> Self {
        let jobs: Vec<Job> = self.jobs.iter().filter(|job| fits(job)).cloned().collect();
        let ids: BTreeSet<Uuid> = jobs.iter().map(|job| job.id).collect();
        let events = self.events.iter().filter(|event| ids.contains(&event.job_id)).cloned().collect();
        Self { jobs, events }
    }

    /// The steps that are finished, each when it was first.
    pub fn finishes(&self) -> Vec<Finish<'_>> {
        let mut first: BTreeMap<(Uuid, &str), &Event> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.kind == "step" || event.kind == "complete") {
            let Some(step) = &event.step else { continue };
            let earliest = first.entry((event.job_id, step)).or_insert(event);
            if (event.occurred_at, event.sequence) < (earliest.occurred_at, earliest.sequence) {
                *earliest = event;
            }
        }
        let finish = |((job_id, step), event): ((Uuid, _), &Event)| Finish {
            job: self.jobs.iter().find(|job| job.id == job_id).unwrap(),
            step,
            at: event.occurred_at,
            points: event.points.unwrap(),
        };
        first.into_iter().map(finish).collect()
    }

    /// The figures of what happened at times like these.
    pub fn figures(&self, within: impl Fn(DateTime<Utc>) -> bool) -> BTreeMap<&'static str, i64> {
        let mut figures: BTreeMap<&'static str, i64> = FIGURES.into_iter().map(|name| (name, 0)).collect();
        let mut add = |name: &'static str, count: i64| *figures.get_mut(name).unwrap() += count;
        for job in &self.jobs {
            if within(job.created_at) {
                add("opened", 1);
                let status = FIGURES.into_iter().find(|name| *name == job.status).unwrap();
                add(status, 1);
            }
            if let Some(finished_at) = job.finished_at.filter(|at| within(*at)) {
                add("finished", 1);
                let micros = (finished_at - job.started_at.unwrap()).num_microseconds().unwrap();
                add("hours", (micros + 180_000) / 360_000);
            }
            if job.failed_at().is_some_and(&within) {
                add("failed", 1);
            }
        }
        for finish in self.finishes().iter().filter(|finish| within(finish.at)) {
            add("steps", 1);
            add("points", finish.points);
        }
        let errors = self.events.iter().filter(|event| event.kind == "error" && within(event.occurred_at));
        add("errors", errors.count().try_into().unwrap());
        figures
    }
}

pub const FIGURES: [&str; 12] = [
    "opened",
    "pending",
    "running",
    "completed",
    "error",
    "abandoned",
    "finished",
    "failed",
    "hours",
    "steps",
    "points",
    "errors",
];

/// The figures of an answer; hours in ten-thousandths.
pub fn told(figures: &Value) -> BTreeMap<&'static str, i64> {
    let number = |name: &str| match name {
        "hours" => {
            let hours = figures[name].as_f64().unwrap() * 10_000.0;
            assert!((hours - hours.round()).abs() < 1e-6, "{hours}");
            #[expect(clippy::cast_possible_truncation, reason = "a few hours")]
            let hours = hours.round() as i64;
            hours
        }
        name => figures[name].as_i64().unwrap(),
    };
    FIGURES.into_iter().map(|name| (name, number(name))).collect()
}

pub fn is_nothing(figures: &BTreeMap<&'static str, i64>) -> bool {
    figures.values().all(|figure| *figure == 0)
}

/// The first day of the part that a time belongs to, for whoever lives in the zone.
pub fn part_of(zone: Tz, by: &str, time: DateTime<Utc>) -> NaiveDate {
    let date = time.with_timezone(&zone).date_naive();
    if by == "month" { date.with_day(1).unwrap() } else { date }
}

/// The parts of a period: quarter by quarter, what belongs to the same day or month.
pub fn parts(
    zone: Tz,
    by: &str,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> BTreeMap<NaiveDate, (DateTime<Utc>, DateTime<Utc>)> {
    let mut parts = BTreeMap::new();
    let mut quarter = from;
    while quarter < to {
        let next = quarter + TimeDelta::minutes(15);
        parts.entry(part_of(zone, by, quarter)).or_insert((quarter, next)).1 = next;
        quarter = next;
    }
    parts
}

/// The first moment of a day in a zone, found by looking at every quarter.
pub fn start_of(zone: Tz, date: &str) -> DateTime<Utc> {
    let date: NaiveDate = date.parse().unwrap();
    let noon = date.and_hms_opt(12, 0, 0).unwrap().and_utc();
    let quarters = (0..4 * 72).map(|number| noon - TimeDelta::hours(36) + TimeDelta::minutes(15 * number));
    quarters.into_iter().find(|quarter| quarter.with_timezone(&zone).date_naive() == date).unwrap()
}

/// The share of values, in the way it is defined in `docs/ANALYTICS.md`.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    #[expect(clippy::cast_precision_loss, reason = "a few values")]
    let place = share * (sorted.len() - 1) as f64;
    let mut number = 0.0;
    for (index, value) in sorted.iter().enumerate() {
        if number + 1.0 > place || index == sorted.len() - 1 {
            let next = sorted.get(index + 1).unwrap_or(value);
            return value + (next - value) * (place - number);
        }
        number += 1.0;
    }
    unreachable!("there are values")
}

#[track_caller]
pub fn expect_close(told: &Value, expected: f64) {
    let told = told.as_f64().unwrap();
    assert!((told - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{told}, not {expected}");
}
