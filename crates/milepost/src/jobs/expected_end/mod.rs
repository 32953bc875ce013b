//! When a running job will have ended, from how long past runs went on from the same step. Never from sums of steps: how
//! long the rest of a run takes is known as a whole, and quantiles do not add.

pub(super) mod calibration;
mod quantiles;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Job, JobDetail, JobStep};
use crate::app::App;
use crate::db::{Db, Select, on};
use crate::durations::WHOLE_JOB;
use crate::progress::JobStatus;
use crate::values::Tag;
use quantiles::{FEWEST, ended_by, interval, quantile};

/// The most runs that are looked at, the newest.
const MOST_RUNS: i64 = 1_000;
/// They are found among so many jobs that reached the step, of which some never ended.
const MOST_JOBS: i64 = 4_000;
/// The most other versions whose runs are looked at, the newest.
const MOST_VERSIONS: i64 = 20;
/// How long past runs are kept in mind.
const KEPT: Duration = Duration::from_secs(5);
/// Of how many steps, some 8 kB each.
const STEPS: u64 = 2_000;

/// When a job is expected to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpectedEnd {
    /// The beginning of the interval that the end falls into with a probability of four fifths; null if too few past runs
    /// went on for as long as this job has.
    pub from: Option<DateTime<Utc>>,
    /// Its end.
    pub to: Option<DateTime<Utc>>,
    /// What the end is before or behind with the same probability.
    pub median: Option<DateTime<Utc>>,
    /// How many past runs had reached the same step: the newest, at most 1,000.
    pub runs: usize,
    /// How many of them had ended as long after it as it is now. The interval is from the others.
    pub ended: usize,
    /// Whether nine in ten of them had.
    pub overdue: bool,
    /// Which runs these are.
    pub basis: Basis,
}

/// The past runs that an expectation is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Basis {
    /// Of which version of the job's configuration; null: of other versions, since there are fewer than 5 of this.
    pub version: Option<String>,
    /// The step that the job finished last, as did they; null: the job's begin, since it has finished none.
    pub step: Option<Tag>,
    /// When it did.
    pub since: DateTime<Utc>,
}

/// Past runs that are kept in mind for a moment, since all who watch a job ask for the same.
#[derive(Debug)]
pub struct PastRuns(Cache<(Uuid, Uuid), Known>);

/// Since when, by [`crate::sources::Clock::elapsed`].
type Known = (Duration, Arc<Population>);

impl Default for PastRuns {
    fn default() -> Self {
        Self(Cache::new(STEPS))
    }
}

/// How long past runs went on from a step.
#[derive(Debug)]
struct Population {
    /// Whether they are of other versions.
    is_of_others: bool,
    /// In microseconds, in ascending order.
    remaining: Vec<i64>,
}

/// When a job will have ended; nothing unless it is running, and where there are too few past runs.
pub(super) async fn expect_end(app: &App, detail: &JobDetail) -> sqlx::Result<Option<ExpectedEnd>> {
    let job = &detail.job;
    if job.status != JobStatus::Running || job.anonymised_at.is_some() {
        return Ok(None);
    }
    let last = last_finished(&detail.steps);
    let Some(since) = last.map_or(job.started_at, |(_, at)| Some(at)) else { return Ok(None) };
    let step = last.map(|(step, _)| step);
    let population = find_population(app, job, step).await?;
    Ok(population.expect(job, step, since, app.clock().now()))
}

/// The step that was finished last, and when.
fn last_finished(steps: &[JobStep]) -> Option<(&JobStep, DateTime<Utc>)> {
    steps.iter().filter_map(|step| Some((step, step.finished_at?))).max_by_key(|(_, at)| *at)
}

impl Population {
    fn new(is_of_others: bool, mut remaining: Vec<i64>) -> Self {
        remaining.sort_unstable();
        Self { is_of_others, remaining }
    }

    fn expect(
        &self,
        job: &Job,
        step: Option<&JobStep>,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<ExpectedEnd> {
        if self.remaining.len() < FEWEST {
            return None;
        }
        // By the provider's clock it may be yet to come.
        let so_far = (now - since).num_microseconds().unwrap_or(i64::MAX).max(0);
        let at = |micros: i64| since.checked_add_signed(TimeDelta::microseconds(micros));
        let expected = interval(&self.remaining, so_far);
        Some(ExpectedEnd {
            from: expected.and_then(|it| at(it.from)),
            to: expected.and_then(|it| at(it.to)),
            median: expected.and_then(|it| at(it.median)),
            runs: self.remaining.len(),
            ended: ended_by(&self.remaining, so_far),
            overdue: so_far > quantile(&self.remaining, 9),
            basis: Basis {
                version: (!self.is_of_others).then(|| job.version.clone()),
                step: step.map(|step| step.tag.clone()),
                since,
            },
        })
    }
}

/// Past runs of the job's version of its configuration, else of other versions.
async fn find_population(app: &App, job: &Job, step: Option<&JobStep>) -> sqlx::Result<Arc<Population>> {
    let step_id = step.map_or(WHOLE_JOB, |step| step.step_configuration_id);
    let key = (job.job_configuration_id, step_id);
    let now = app.clock().elapsed();
    let PastRuns(cache) = app.past_runs();
    if let Some((_, population)) = cache.get(&key).filter(|(since, _)| now.saturating_sub(*since) < KEPT) {
        return Ok(population);
    }
    let of_this = load_remaining(app.db(), key, MOST_RUNS).await?;
    let population = if of_this.len() >= FEWEST {
        Population::new(false, of_this)
    } else {
        Population::new(true, load_remaining_of_others(app.db(), job, step).await?)
    };
    let population = Arc::new(population);
    cache.insert(key, (now, population.clone()));
    Ok(population)
}

/// How long the newest completed jobs went on from a step of a configuration.
async fn load_remaining(db: &Db, (configuration, step): (Uuid, Uuid), most: i64) -> sqlx::Result<Vec<i64>> {
    // A job that had ended by then was not on its way any more.
    on!(db, |c| {
        sqlx::query_scalar(
            "select remaining from
                 (select finished_at, remaining from durations
                  where job_configuration_id = $1 and step_configuration_id = $2
                  order by finished_at desc limit $3) as newest
             where remaining > 0 order by finished_at desc limit $4",
        )
        .bind(configuration)
        .bind(step)
        .bind(MOST_JOBS)
        .bind(most)
        .fetch_all(c)
        .await
    })
}

/// The same of the step of that tag in other versions, the newest of them first.
async fn load_remaining_of_others(db: &Db, job: &Job, step: Option<&JobStep>) -> sqlx::Result<Vec<i64>> {
    let mut remaining = Vec::new();
    for key in find_steps_of_others(db, job, step).await? {
        let missing = MOST_RUNS - i64::try_from(remaining.len()).unwrap_or(MOST_RUNS);
        if missing == 0 {
            break;
        }
        remaining.extend(load_remaining(db, key, missing).await?);
    }
    Ok(remaining)
}

/// Configurations and their steps.
async fn find_steps_of_others(db: &Db, job: &Job, step: Option<&JobStep>) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    let others = |select: Select| {
        select
            .bind(" where c.provider_id = ", job.provider_id)
            .bind(" and c.tag = ", job.tag.clone())
            .bind(" and c.id <> ", job.job_configuration_id)
            .bind(" order by c.precedence desc, c.created_at desc, c.id desc limit ", MOST_VERSIONS)
    };
    if let Some(step) = step {
        let steps = "select c.id, s.id as step_id from job_configurations c
             join step_configurations s on s.job_configuration_id = c.id";
        return others(Select::new(steps).bind(" and s.tag = ", step.tag.to_string())).fetch_all(db).await;
    }
    let ids: Vec<(Uuid,)> = others(Select::new("select c.id from job_configurations c")).fetch_all(db).await?;
    Ok(ids.into_iter().map(|(id,)| (id, WHOLE_JOB)).collect())
}
