//! The derived state of jobs and steps as it is stored, to and from the summaries of [`crate::progress`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::config::RetentionAction;
use crate::db::{On, Select, Tx, on, sql};
use crate::progress::{
    JobStatus, JobSummary, Measurement, Moment, Outcome, ReportedStepStatus, StepSummary, Tally, Totals,
};

const JOB_COLUMNS: &str = "id, job_configuration_id, created_at, status, points_done, points_total,
    weight_done_millionths, weight_total, steps_total, steps_finished, steps_in_error, started_at, finished_at,
    last_event_at, last_sequence, last_step_at, last_complete_at, outcome_at, outcome_sequence, outcome_is_error,
    anonymised_at, retiring";

const STEP_COLUMNS: &str = "job_id, step_configuration_id, status, started_at, started_sequence, finished_at,
    finished_sequence, attempts, errors, fraction, latest_at, latest_sequence, latest_is_error, outcome_at,
    outcome_sequence, outcome_is_error";

/// The derived columns of a job, and what its state depends on.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct StoredJob {
    /// The job.
    pub id: Uuid,
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

    /// The same job in another state.
    #[must_use]
    pub fn with(&self, totals: Totals, summary: &JobSummary) -> Self {
        Self {
            id: self.id,
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
        }
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

/// Reads the state of a job and keeps others from changing it until the transaction ends.
pub async fn lock_job(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<StoredJob>> {
    let lock = tx.lock_clause(" for no key update of jobs");
    on!(tx, |c| {
        sqlx::query_as(sql!("select {JOB_COLUMNS} from jobs where id = $1{lock}")).bind(id).fetch_optional(c).await
    })
}

/// The summaries of the steps that events have named, of one job or of some of its steps.
pub async fn load_steps<'a>(
    on: impl Into<On<'a>>,
    job_id: Uuid,
    step_ids: Option<&[Uuid]>,
) -> sqlx::Result<Vec<StoredStep>> {
    let of_job =
        Select::new(format!("select {STEP_COLUMNS}, metadata from job_steps")).bind(" where job_id = ", job_id);
    let select = match step_ids {
        Some(ids) => of_job.bind_all(" and step_configuration_id in", ids.iter().copied()),
        None => of_job,
    };
    select.fetch_all(on).await
}

/// The summaries of the steps of several jobs, without what they measured.
pub async fn load_step_states(tx: &mut Tx, job_ids: impl IntoIterator<Item = Uuid>) -> sqlx::Result<Vec<StoredStep>> {
    Select::new(format!("select {STEP_COLUMNS} from job_steps"))
        .bind_all(" where job_id in", job_ids)
        .fetch_all(tx)
        .await
}

/// Writes the derived columns of a job.
pub async fn save_job(tx: &mut Tx, job: &StoredJob, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "update jobs set status = $2, points_done = $3, points_total = $4, weight_done_millionths = $5,
                 weight_total = $6, steps_total = $7, steps_finished = $8, steps_in_error = $9, started_at = $10,
                 finished_at = $11, last_event_at = $12, last_sequence = $13, last_step_at = $14,
                 last_complete_at = $15, outcome_at = $16, outcome_sequence = $17, outcome_is_error = $18,
                 updated_at = $19
             where id = $1",
        )
        .bind(job.id)
        .bind(job.status)
        .bind(job.points_done)
        .bind(job.points_total)
        .bind(job.weight_done_millionths)
        .bind(job.weight_total)
        .bind(job.steps_total)
        .bind(job.steps_finished)
        .bind(job.steps_in_error)
        .bind(job.started_at)
        .bind(job.finished_at)
        .bind(job.last_event_at)
        .bind(job.last_sequence)
        .bind(job.last_step_at)
        .bind(job.last_complete_at)
        .bind(job.outcome_at)
        .bind(job.outcome_sequence)
        .bind(job.outcome_is_error)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}

/// Writes the summary of a step; `id` becomes the row's if it is the step's first.
pub async fn save_step(
    tx: &mut Tx,
    id: Uuid,
    job: &StoredJob,
    step: &StoredStep,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "insert into job_steps
                 (id, job_id, job_configuration_id, step_configuration_id, status, started_at, started_sequence,
                  finished_at, finished_sequence, attempts, errors, fraction, latest_at, latest_sequence,
                  latest_is_error, outcome_at, outcome_sequence, outcome_is_error, metadata, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)
             on conflict (job_id, step_configuration_id) do update set
                 status = excluded.status, started_at = excluded.started_at,
                 started_sequence = excluded.started_sequence, finished_at = excluded.finished_at,
                 finished_sequence = excluded.finished_sequence, attempts = excluded.attempts,
                 errors = excluded.errors, fraction = excluded.fraction, latest_at = excluded.latest_at,
                 latest_sequence = excluded.latest_sequence, latest_is_error = excluded.latest_is_error,
                 outcome_at = excluded.outcome_at, outcome_sequence = excluded.outcome_sequence,
                 outcome_is_error = excluded.outcome_is_error, metadata = excluded.metadata,
                 updated_at = excluded.updated_at",
        )
        .bind(id)
        .bind(job.id)
        .bind(job.job_configuration_id)
        .bind(step.step_configuration_id)
        .bind(step.status)
        .bind(step.started_at)
        .bind(step.started_sequence)
        .bind(step.finished_at)
        .bind(step.finished_sequence)
        .bind(step.attempts)
        .bind(step.errors)
        .bind(step.fraction)
        .bind(step.latest_at)
        .bind(step.latest_sequence)
        .bind(step.latest_is_error)
        .bind(step.outcome_at)
        .bind(step.outcome_sequence)
        .bind(step.outcome_is_error)
        .bind(&step.metadata)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}
