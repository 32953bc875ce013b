//! The derived state of jobs and steps as it is stored, to and from the summaries of [`crate::progress`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::silence;
use crate::config::RetentionAction;
use crate::db::{Batch, Db, On, Select, Tx, add_rows, expect_rows, fetch_for_rows, insert_rows, on, sql};
use crate::durations::JobTimes;
use crate::progress::{
    JobStatus, JobSummary, Measurement, Moment, Outcome, ReportedStepStatus, StepSummary, Tally, Totals,
};
use crate::rollups::JobOutcome;

const JOB_COLUMNS: &str =
    "id, provider_id, customer_link_id, job_configuration_id, created_at, status, points_done, points_total,
    weight_done_millionths, weight_total, steps_total, steps_finished, steps_in_error, started_at, finished_at,
    last_event_at, last_sequence, last_step_at, last_complete_at, outcome_at, outcome_sequence, outcome_is_error,
    anonymised_at, retiring, silent_since, updated_at";

const STEP_COLUMNS: &str = "job_id, step_configuration_id, status, started_at, started_sequence, finished_at,
    finished_sequence, attempts, errors, fraction, latest_at, latest_sequence, latest_is_error, outcome_at,
    outcome_sequence, outcome_is_error";

/// The same of a job as it was before its first event, whatever is stored.
const JOB_COLUMNS_BEFORE_EVENTS: &str =
    "id, provider_id, customer_link_id, job_configuration_id, created_at, 'pending' as status,
    cast(0 as bigint) as points_done, cast(0 as bigint) as points_total, cast(0 as bigint) as weight_done_millionths,
    cast(0 as bigint) as weight_total, cast(0 as bigint) as steps_total, cast(0 as bigint) as steps_finished,
    cast(0 as bigint) as steps_in_error, null as started_at, null as finished_at, null as last_event_at,
    cast(0 as bigint) as last_sequence, null as last_step_at, null as last_complete_at, null as outcome_at,
    null as outcome_sequence, null as outcome_is_error, anonymised_at, retiring, null as silent_since,
    updated_at";

/// The derived columns of a job, and what its state depends on.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct StoredJob {
    /// The job.
    pub id: Uuid,
    /// Whose it is.
    pub provider_id: Uuid,
    /// For whom it was opened.
    pub customer_link_id: Option<Uuid>,
    /// The configuration it is pinned to.
    pub job_configuration_id: Uuid,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    status: JobStatus,
    points_done: i64,
    points_total: i64,
    weight_done_millionths: i64,
    weight_total: i64,
    steps_total: i64,
    steps_finished: i64,
    steps_in_error: i64,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
    last_sequence: i64,
    last_step_at: Option<DateTime<Utc>>,
    last_complete_at: Option<DateTime<Utc>>,
    outcome_at: Option<DateTime<Utc>>,
    outcome_sequence: Option<i64>,
    outcome_is_error: Option<bool>,
    anonymised_at: Option<DateTime<Utc>>,
    retiring: Option<RetentionAction>,
    #[serde(skip)]
    silent_since: Option<DateTime<Utc>>,
    #[serde(skip)]
    updated_at: DateTime<Utc>,
}

impl StoredJob {
    /// Whether it names nobody any more and takes no events.
    #[must_use]
    pub fn is_anonymised(&self) -> bool {
        self.anonymised_at.is_some()
    }

    /// Whether its events are just being anonymised or deleted: they do not say what is stored then.
    #[must_use]
    pub fn is_being_retired(&self) -> bool {
        self.retiring.is_some()
    }

    /// How it went, as it is summed up.
    #[must_use]
    pub fn outcome(&self) -> JobOutcome {
        JobOutcome {
            status: self.status,
            started_at: self.started_at,
            finished_at: self.finished_at,
            failed_at: self.outcome_at.filter(|_| self.status == JobStatus::Error),
            is_anonymised: self.is_anonymised(),
        }
    }

    /// What its configuration fixes.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals { steps: self.steps_total, points: self.points_total }
    }

    /// Its summary.
    #[must_use]
    pub fn summary(&self) -> JobSummary {
        JobSummary {
            last_sequence: self.last_sequence,
            last_event_at: self.last_event_at,
            started_at: self.started_at,
            last_step_at: self.last_step_at,
            last_complete_at: self.last_complete_at,
            outcome: outcome(self.outcome_at, self.outcome_sequence, self.outcome_is_error),
            tally: Tally {
                steps_finished: self.steps_finished,
                steps_in_error: self.steps_in_error,
                points_done: self.points_done,
                weight_done_millionths: self.weight_done_millionths,
            },
        }
    }

    /// What its durations depend on, and whose they are.
    #[must_use]
    pub(crate) fn times(&self, customer_link_id: Option<Uuid>) -> JobTimes {
        JobTimes {
            id: self.id,
            customer_link_id,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            last_sequence: self.last_sequence,
        }
    }

    /// The same job in another state, since `now`.
    #[must_use]
    pub fn with(&self, totals: Totals, summary: &JobSummary, now: DateTime<Utc>) -> Self {
        Self {
            id: self.id,
            provider_id: self.provider_id,
            customer_link_id: self.customer_link_id,
            job_configuration_id: self.job_configuration_id,
            created_at: self.created_at,
            status: summary.status(totals),
            points_done: summary.tally.points_done,
            points_total: totals.points,
            weight_done_millionths: summary.tally.weight_done_millionths,
            weight_total: totals.weight_total(),
            steps_total: totals.steps,
            steps_finished: summary.tally.steps_finished,
            steps_in_error: summary.tally.steps_in_error,
            started_at: summary.started_at,
            finished_at: summary.finished_at(totals),
            last_event_at: summary.last_event_at,
            last_sequence: summary.last_sequence,
            last_step_at: summary.last_step_at,
            last_complete_at: summary.last_complete_at,
            outcome_at: summary.outcome.map(|o| o.moment.at),
            outcome_sequence: summary.outcome.map(|o| o.moment.sequence),
            outcome_is_error: summary.outcome.map(|o| o.is_error),
            anonymised_at: self.anonymised_at,
            retiring: self.retiring,
            silent_since: None,
            updated_at: now,
        }
    }

    /// Whether an index has it in another place than `before`, which is what is stored. Of the columns that an index has only
    /// `silence_due` is not looked at: it is set as long as a job is running and not silent.
    #[must_use]
    pub fn is_moved_from(&self, before: &Self) -> bool {
        let indexed = |job: &Self| (job.status, job.started_at, job.finished_at, job.silent_since);
        indexed(self) != indexed(before)
    }
}

/// The summary of one step of one job.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct StoredStep {
    /// The job.
    pub job_id: Uuid,
    /// The step.
    pub step_configuration_id: Uuid,
    status: ReportedStepStatus,
    started_at: DateTime<Utc>,
    started_sequence: i64,
    finished_at: Option<DateTime<Utc>>,
    finished_sequence: Option<i64>,
    attempts: i64,
    errors: i64,
    fraction: i64,
    latest_at: DateTime<Utc>,
    latest_sequence: i64,
    latest_is_error: bool,
    outcome_at: Option<DateTime<Utc>>,
    outcome_sequence: Option<i64>,
    outcome_is_error: Option<bool>,
    #[sqlx(default)]
    metadata: Json<BTreeMap<String, Measurement>>,
}

impl StoredStep {
    /// A summary as it is stored.
    #[must_use]
    pub fn new(job_id: Uuid, step_configuration_id: Uuid, summary: &StepSummary) -> Self {
        Self {
            job_id,
            step_configuration_id,
            status: summary.status(),
            started_at: summary.started.at,
            started_sequence: summary.started.sequence,
            finished_at: summary.finished.map(|moment| moment.at),
            finished_sequence: summary.finished.map(|moment| moment.sequence),
            attempts: summary.attempts(),
            errors: summary.errors,
            fraction: summary.fraction,
            latest_at: summary.latest.moment.at,
            latest_sequence: summary.latest.moment.sequence,
            latest_is_error: summary.latest.is_error,
            outcome_at: summary.outcome.map(|o| o.moment.at),
            outcome_sequence: summary.outcome.map(|o| o.moment.sequence),
            outcome_is_error: summary.outcome.map(|o| o.is_error),
            metadata: Json(summary.metadata.clone()),
        }
    }

    /// The summary.
    #[must_use]
    pub fn summary(&self) -> StepSummary {
        StepSummary {
            started: Moment { at: self.started_at, sequence: self.started_sequence },
            finished: moment(self.finished_at, self.finished_sequence),
            latest: Outcome {
                moment: Moment { at: self.latest_at, sequence: self.latest_sequence },
                is_error: self.latest_is_error,
            },
            outcome: outcome(self.outcome_at, self.outcome_sequence, self.outcome_is_error),
            errors: self.errors,
            fraction: self.fraction,
            metadata: self.metadata.0.clone(),
        }
    }
}

fn moment(at: Option<DateTime<Utc>>, sequence: Option<i64>) -> Option<Moment> {
    Some(Moment { at: at?, sequence: sequence? })
}

fn outcome(at: Option<DateTime<Utc>>, sequence: Option<i64>, is_error: Option<bool>) -> Option<Outcome> {
    Some(Outcome { moment: moment(at, sequence)?, is_error: is_error? })
}

/// Reads the state of a job.
pub async fn find_job(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<StoredJob>> {
    on!(tx, |c| {
        sqlx::query_as(sql!("select {JOB_COLUMNS} from jobs where id = $1")).bind(id).fetch_optional(c).await
    })
}

/// Reads a job as it was before its first event: what is stored of its state may be unreadable.
pub async fn find_job_before_events(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<StoredJob>> {
    on!(tx, |c| {
        sqlx::query_as(sql!("select {JOB_COLUMNS_BEFORE_EVENTS} from jobs where id = $1"))
            .bind(id)
            .fetch_optional(c)
            .await
    })
}

/// Reads the state of a job and keeps others from changing it until the transaction ends.
pub async fn lock_job(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<StoredJob>> {
    Ok(lock_jobs(tx, [id]).await?.pop())
}

/// The same for several jobs, which are locked in the order of their ids.
pub async fn lock_jobs(tx: &mut Tx, ids: impl IntoIterator<Item = Uuid>) -> sqlx::Result<Vec<StoredJob>> {
    let lock = tx.lock_clause(" for no key update of jobs");
    Select::new(format!("select {JOB_COLUMNS} from jobs"))
        .bind_all(" where id", ids)
        .push(" order by id")
        .push(lock)
        .fetch_all(tx)
        .await
}

/// The summaries of the steps of a job that events have named.
pub async fn load_steps<'a>(on: impl Into<On<'a>>, job_id: Uuid) -> sqlx::Result<Vec<StoredStep>> {
    Select::new(format!("select {STEP_COLUMNS}, metadata from job_steps"))
        .bind(" where job_id = ", job_id)
        .fetch_all(on)
        .await
}

/// The summaries of some steps, each of some job; those that no event has named are missing.
pub async fn load_some_steps<'a>(on: impl Into<On<'a>>, steps: &[(Uuid, Uuid)]) -> sqlx::Result<Vec<StoredStep>> {
    let select = format!(
        "select {STEP_COLUMNS}, metadata from v
         join job_steps using (job_id, step_configuration_id)"
    );
    Ok(fetch_for_rows!(on.into(), &select, steps, |step| { job_id: step.0, step_configuration_id: step.1 }))
}

/// The summaries of the steps of several jobs, without what they measured.
pub async fn load_step_states<'a>(
    on: impl Into<On<'a>>,
    job_ids: impl IntoIterator<Item = Uuid>,
) -> sqlx::Result<Vec<StoredStep>> {
    Select::new(format!("select {STEP_COLUMNS} from job_steps"))
        .bind_all(" where job_id", job_ids)
        .fetch_all(on)
        .await
}

/// Reads the state of jobs as it is just now.
pub async fn load_jobs(db: &Db, ids: impl IntoIterator<Item = Uuid>) -> sqlx::Result<Vec<StoredJob>> {
    Select::new(format!("select {JOB_COLUMNS} from jobs")).bind_all(" where id", ids).fetch_all(db).await
}

/// Expects that nobody has changed these jobs, nor is about to, and keeps others from it. Whatever writes a summary of a
/// job or of its steps changes the job; that it was found to be silent is looked at by itself.
pub(crate) fn expect_unchanged(batch: &mut Batch, jobs: &[StoredJob]) {
    // Whoever waited here for one job would keep others from all the rest. A query for each job, since PostgreSQL would
    // compare each with every row of a small table.
    let lock = batch.lock_clause(" for no key update skip locked");
    let unchanged = format!(
        "select 1 from v where (
             select jobs.id from jobs
             where jobs.id = v.id and jobs.last_sequence = v.last_sequence and jobs.updated_at = v.updated_at
                 and jobs.anonymised_at is null and (jobs.silent_since is null or v.is_silent){lock}) is not null"
    );
    expect_rows!(*batch, jobs.len(), unchanged, jobs, |job| {
        id: job.id,
        last_sequence: job.last_sequence,
        updated_at: job.updated_at,
        is_silent: job.silent_since.is_some(),
    });
}

/// Writes the derived columns of jobs, none of which is silent then.
pub(crate) fn save_jobs(batch: &mut Batch, jobs: &[StoredJob]) {
    let indexed = ", status = v.status, started_at = v.started_at, finished_at = v.finished_at, silent_since = null,
         silence_due = case when v.status = 'running' then coalesce(jobs.silence_due, v.silence_due) end";
    save(batch, jobs, indexed);
}

/// The same of jobs that are not moved. SQLite writes an index anew when a column of it is set, also to what it was, and
/// jobs have a dozen of them.
pub(crate) fn save_jobs_in_place(batch: &mut Batch, jobs: &[StoredJob]) {
    save(batch, jobs, "");
}

fn save(batch: &mut Batch, jobs: &[StoredJob], indexed: &str) {
    let update = format!(
        "update jobs set points_done = v.points_done, points_total = v.points_total,
             weight_done_millionths = v.weight_done_millionths, weight_total = v.weight_total,
             steps_total = v.steps_total, steps_finished = v.steps_finished, steps_in_error = v.steps_in_error,
             last_event_at = v.last_event_at, last_sequence = v.last_sequence, last_step_at = v.last_step_at,
             last_complete_at = v.last_complete_at, outcome_at = v.outcome_at, outcome_sequence = v.outcome_sequence,
             outcome_is_error = v.outcome_is_error, updated_at = v.updated_at{indexed}
         from v where jobs.id = v.id"
    );
    add_rows!(*batch, &update, jobs, |job| {
        id: job.id,
        status: job.status.as_str(),
        points_done: job.points_done,
        points_total: job.points_total,
        weight_done_millionths: job.weight_done_millionths,
        weight_total: job.weight_total,
        steps_total: job.steps_total,
        steps_finished: job.steps_finished,
        steps_in_error: job.steps_in_error,
        started_at: job.started_at,
        finished_at: job.finished_at,
        last_event_at: job.last_event_at,
        last_sequence: job.last_sequence,
        last_step_at: job.last_step_at,
        last_complete_at: job.last_complete_at,
        outcome_at: job.outcome_at,
        outcome_sequence: job.outcome_sequence,
        outcome_is_error: job.outcome_is_error,
        updated_at: job.updated_at,
        silence_due: silence::first_look(job.last_event_at.unwrap_or(job.created_at)),
    });
}

/// The summary of a step as a row.
#[derive(Debug)]
pub struct StepRow {
    /// The row's, if it is the step's first.
    pub id: Uuid,
    /// The configuration that its job is pinned to.
    pub job_configuration_id: Uuid,
    /// The summary.
    pub step: StoredStep,
}

/// Writes the summaries of steps.
pub(crate) fn save_steps(batch: &mut Batch, rows: &[StepRow], now: DateTime<Utc>) {
    let or_update = "on conflict (job_id, step_configuration_id) do update set
         status = excluded.status, started_at = excluded.started_at, started_sequence = excluded.started_sequence,
         finished_at = excluded.finished_at, finished_sequence = excluded.finished_sequence,
         attempts = excluded.attempts, errors = excluded.errors, fraction = excluded.fraction,
         latest_at = excluded.latest_at, latest_sequence = excluded.latest_sequence,
         latest_is_error = excluded.latest_is_error, outcome_at = excluded.outcome_at,
         outcome_sequence = excluded.outcome_sequence, outcome_is_error = excluded.outcome_is_error,
         metadata = excluded.metadata, updated_at = excluded.updated_at";
    insert_rows!(*batch, "job_steps", rows, or_update, |row| {
        id: row.id,
        job_id: row.step.job_id,
        job_configuration_id: row.job_configuration_id,
        step_configuration_id: row.step.step_configuration_id,
        status: row.step.status.as_str(),
        started_at: row.step.started_at,
        started_sequence: row.step.started_sequence,
        finished_at: row.step.finished_at,
        finished_sequence: row.step.finished_sequence,
        attempts: row.step.attempts,
        errors: row.step.errors,
        fraction: row.step.fraction,
        latest_at: row.step.latest_at,
        latest_sequence: row.step.latest_sequence,
        latest_is_error: row.step.latest_is_error,
        outcome_at: row.step.outcome_at,
        outcome_sequence: row.step.outcome_sequence,
        outcome_is_error: row.step.outcome_is_error,
        metadata: Json(&row.step.metadata.0),
        created_at: now,
        updated_at: now,
    });
}
