//! The state of a job as a pure function of its configuration, its `created_at` and its events.
//!
//! Events are folded into summaries, one for the job and one for each step that an event has named. A summary is the
//! [merge](StepSummary::merge) of what its events say one by one; merging is commutative and associative, so the order
//! of delivery makes no difference, and an event costs the same however many came before it. What depends on other
//! steps (skipped steps, inferred starts) is computed on reading by [`view_steps`] and never stored.
//!
//! Nothing here does I/O. Earliest and latest go by [`Moment`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::values;

/// One whole, in the unit that fractions are kept in.
pub const MILLION: i64 = 1_000_000;

/// When an event happened; equal times go by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// The provider's time.
    #[serde(serialize_with = "values::time_as_text")]
    pub at: DateTime<Utc>,
    /// The place in the job's order of arrival, from 1.
    pub sequence: i64,
}

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum EventKind {
    /// The named step has finished.
    Step,
    /// Something failed.
    Error,
    /// News; a named step is under way.
    Info,
    /// The job is done; a named step has finished.
    Complete,
}

impl EventKind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Step, Self::Error, Self::Info, Self::Complete];

    /// As it is written in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Error => "error",
            Self::Info => "info",
            Self::Complete => "complete",
        }
    }

    /// Whether the step that such an event names is finished by it.
    fn finishes_step(self) -> bool {
        matches!(self, Self::Step | Self::Complete)
    }

    /// Whether such an event decides between error and well: all but news.
    fn is_outcome(self) -> bool {
        self != Self::Info
    }
}

/// The part of an event that the state follows from.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// What it says.
    pub kind: EventKind,
    /// When it happened.
    pub moment: Moment,
    /// When it arrived.
    pub created_at: DateTime<Utc>,
    /// How far the named step is, in millionths.
    pub fraction: Option<i64>,
    /// The measured values that the named step defines.
    pub metadata: BTreeMap<String, Value>,
}

/// A step, error or complete: the latest one decides the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// When it happened.
    pub moment: Moment,
    /// Whether it is an error.
    pub is_error: bool,
}

/// A metadata value and when it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// A number, or text.
    #[serde(deserialize_with = "values::scalar_as_sent")]
    pub value: Value,
    /// The event that has it.
    #[serde(flatten)]
    pub moment: Moment,
}

/// What the events that name a step say of it. There is none for a step that no event names.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSummary {
    /// The earliest event.
    pub started: Moment,
    /// The earliest step or complete.
    pub finished: Option<Moment>,
    /// The latest event of any kind, and whether it is an error.
    pub latest: Outcome,
    /// The latest step, error or complete.
    pub outcome: Option<Outcome>,
    /// How many errors.
    pub errors: i64,
    /// The greatest fraction, in millionths; 0 without one.
    pub fraction: i64,
    /// The latest value of each name the step defines.
    pub metadata: BTreeMap<String, Measurement>,
}

/// The stored status of a step that an event has named. Without events a step is `pending`; `skipped` follows from the
/// job: see [`StepStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ReportedStepStatus {
    /// Under way.
    Running,
    /// A step or complete named it, and no later error.
    Finished,
    /// The latest step, error or complete is an error.
    Error,
}

impl ReportedStepStatus {
    /// As it is written in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Error => "error",
        }
    }
}

impl StepSummary {
    /// What a single event says of the step it names.
    #[must_use]
    pub fn of(fact: Fact) -> Self {
        let is_error = fact.kind == EventKind::Error;
        let outcome = Outcome { moment: fact.moment, is_error };
        let measured = |value| Measurement { value, moment: fact.moment };
        Self {
            started: fact.moment,
            finished: fact.kind.finishes_step().then_some(fact.moment),
            latest: outcome,
            outcome: fact.kind.is_outcome().then_some(outcome),
            errors: i64::from(is_error),
            fraction: fact.fraction.unwrap_or(0),
            metadata: fact.metadata.into_iter().map(|(name, value)| (name, measured(value))).collect(),
        }
    }

    /// Both together. The order makes no difference.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (name, theirs) in other.metadata {
            match self.metadata.get(&name) {
                Some(ours) if ours.moment > theirs.moment => {}
                _ => drop(self.metadata.insert(name, theirs)),
            }
        }
        Self {
            started: self.started.min(other.started),
            finished: earlier(self.finished, other.finished),
            latest: self.latest.max(other.latest),
            outcome: self.outcome.max(other.outcome),
            errors: self.errors + other.errors,
            fraction: self.fraction.max(other.fraction),
            metadata: self.metadata,
        }
    }

    /// The stored status.
    #[must_use]
    pub fn status(&self) -> ReportedStepStatus {
        match (self.outcome, self.finished) {
            (Some(outcome), _) if outcome.is_error => ReportedStepStatus::Error,
            (_, Some(_)) => ReportedStepStatus::Finished,
            _ => ReportedStepStatus::Running,
        }
    }

    /// How often it was tried: each error ended a try, and one more is under way or went well.
    #[must_use]
    pub fn attempts(&self) -> i64 {
        self.errors + i64::from(!self.latest.is_error)
    }

    /// What the step adds to its job's tally.
    fn tally(&self, points: i64, weight: i64) -> Tally {
        let finished = self.finished.is_some();
        Tally {
            steps_finished: i64::from(finished),
            steps_in_error: i64::from(self.status() == ReportedStepStatus::Error),
            points_done: if finished { points } else { 0 },
            weight_done_millionths: weight * if finished { MILLION } else { self.fraction },
        }
    }
}

/// The smaller of two, where there are two.
fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// What the configuration fixes for all jobs of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// How many steps.
    pub steps: i64,
    /// The points of all steps.
    pub points: i64,
}

impl Totals {
    /// The totals of a configuration whose steps have these points.
    #[must_use]
    pub fn of(points: &[i64]) -> Self {
        Self { steps: i64::try_from(points.len()).unwrap_or(i64::MAX), points: points.iter().sum() }
    }

    /// What a step of so many points weighs in the progress: if all points are zero, each weighs 1.
    #[must_use]
    pub fn weight(self, points: i64) -> i64 {
        if self.points == 0 { 1 } else { points }
    }

    /// The weight of all steps.
    #[must_use]
    pub fn weight_total(self) -> i64 {
        if self.points == 0 { self.steps } else { self.points }
    }
}

/// Sums over the steps of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many are finished.
    pub steps_finished: i64,
    /// How many are in error.
    pub steps_in_error: i64,
    /// The points of the finished ones.
    pub points_done: i64,
    /// Weight earned, in millionths: finished steps whole, the others by their fraction.
    pub weight_done_millionths: i64,
}

impl Tally {
    /// The sums after one step's share has changed.
    fn replace(self, old: Self, new: Self) -> Self {
        Self {
            steps_finished: self.steps_finished - old.steps_finished + new.steps_finished,
            steps_in_error: self.steps_in_error - old.steps_in_error + new.steps_in_error,
            points_done: self.points_done - old.points_done + new.points_done,
            weight_done_millionths: self.weight_done_millionths - old.weight_done_millionths
                + new.weight_done_millionths,
        }
    }
}

/// What the events of a job say of the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobSummary {
    /// The highest sequence; 0 without events.
    pub last_sequence: i64,
    /// When the event of the highest sequence arrived.
    pub last_event_at: Option<DateTime<Utc>>,
    /// The time of the earliest event.
    pub started_at: Option<DateTime<Utc>>,
    /// The time of the latest `step`.
    pub last_step_at: Option<DateTime<Utc>>,
    /// The time of the latest `complete`.
    pub last_complete_at: Option<DateTime<Utc>>,
    /// The latest step, error or complete.
    pub outcome: Option<Outcome>,
    /// The sums over its steps.
    pub tally: Tally,
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum JobStatus {
    /// No event has come.
    Pending,
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// The latest step, error or complete is an error.
    Error,
}

impl JobStatus {
    /// As it is written in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}

impl JobSummary {
    /// Takes one event in: `step` is the points of the step it names, and that step's summary so far. Gives back the
    /// step's new summary.
    pub fn apply(
        &mut self,
        totals: Totals,
        fact: Fact,
        step: Option<(i64, Option<StepSummary>)>,
    ) -> Option<StepSummary> {
        let Fact { kind, moment, created_at, .. } = fact;
        if moment.sequence > self.last_sequence {
            self.last_sequence = moment.sequence;
            self.last_event_at = Some(created_at);
        }
        self.started_at = earlier(self.started_at, Some(moment.at));
        match kind {
            EventKind::Step => self.last_step_at = self.last_step_at.max(Some(moment.at)),
            EventKind::Complete => self.last_complete_at = self.last_complete_at.max(Some(moment.at)),
            EventKind::Error | EventKind::Info => {}
        }
        if kind.is_outcome() {
            self.outcome = self.outcome.max(Some(Outcome { moment, is_error: kind == EventKind::Error }));
        }
        let (points, before) = step?;
        let weight = totals.weight(points);
        let old = before.as_ref().map_or_else(Tally::default, |s| s.tally(points, weight));
        let after = match before {
            Some(before) => before.merge(StepSummary::of(fact)),
            None => StepSummary::of(fact),
        };
        self.tally = self.tally.replace(old, after.tally(points, weight));
        Some(after)
    }

    /// How the job is.
    #[must_use]
    pub fn status(&self, totals: Totals) -> JobStatus {
        let all_steps_well =
            totals.steps > 0 && self.tally.steps_finished == totals.steps && self.tally.steps_in_error == 0;
        if self.last_sequence == 0 {
            JobStatus::Pending
        } else if self.outcome.is_some_and(|outcome| outcome.is_error) {
            JobStatus::Error
        } else if self.is_complete() || all_steps_well {
            JobStatus::Completed
        } else {
            JobStatus::Running
        }
    }

    /// Whether any `complete` has come.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.last_complete_at.is_some()
    }

    /// When the job was done: the last complete, else the last step; nothing unless it is completed.
    #[must_use]
    pub fn finished_at(&self, totals: Totals) -> Option<DateTime<Utc>> {
        let completed = self.status(totals) == JobStatus::Completed;
        self.last_complete_at.or(self.last_step_at).filter(|_| completed)
    }
}

/// How far a job is, 0..1; nothing for a configuration without steps until it is complete.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "at most 500 steps of 1,000,000 points in millionths: below 2^53")]
pub fn progress(complete: bool, weight_done_millionths: i64, weight_total: i64) -> Option<f64> {
    if complete {
        Some(1.0)
    } else if weight_total == 0 {
        None
    } else {
        Some(weight_done_millionths as f64 / (weight_total * MILLION) as f64)
    }
}

/// How a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// No event names it.
    Pending,
    /// Under way.
    Running,
    /// Done.
    Finished,
    /// The latest step, error or complete naming it is an error.
    Error,
    /// Not finished in a job that is complete.
    Skipped,
}

/// A step as a reader sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// How it is.
    pub status: StepStatus,
    /// How much of it is done, in millionths.
    pub fraction: i64,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// Whether the beginning is inferred from the end of the step before.
    pub started_at_inferred: bool,
    /// The earliest step or complete that names it.
    pub finished_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: i64,
}

/// The steps of a job as a reader sees them, in the order given; `None` is a step that no event names.
#[must_use]
pub fn view_steps(
    job_created_at: DateTime<Utc>,
    complete: bool,
    summaries: &[Option<&StepSummary>],
) -> Vec<StepView> {
    let mut finishes: Vec<Moment> = summaries.iter().flatten().filter_map(|s| s.finished).collect();
    finishes.sort_unstable();
    summaries
        .iter()
        .map(|summary| {
            let Some(summary) = summary else {
                return unreported_step(complete);
            };
            let inferred = summary.finished == Some(summary.started);
            let started_at = if inferred {
                inferred_start(job_created_at, &finishes, summary.started)
            } else {
                summary.started.at
            };
            StepView {
                status: match summary.status() {
                    ReportedStepStatus::Error => StepStatus::Error,
                    ReportedStepStatus::Finished => StepStatus::Finished,
                    ReportedStepStatus::Running if complete => StepStatus::Skipped,
                    ReportedStepStatus::Running => StepStatus::Running,
                },
                fraction: if summary.finished.is_some() { MILLION } else { summary.fraction },
                started_at: Some(started_at),
                started_at_inferred: inferred,
                finished_at: summary.finished.map(|moment| moment.at),
                attempts: summary.attempts(),
            }
        })
        .collect()
}

/// A step of which only the end is known began when the one before it ended; the first one when the job was opened,
/// but never after its own end.
fn inferred_start(job_created_at: DateTime<Utc>, finishes: &[Moment], own_finish: Moment) -> DateTime<Utc> {
    let earlier_finishes = finishes.partition_point(|finish| *finish < own_finish);
    match earlier_finishes.checked_sub(1) {
        Some(previous) => finishes[previous].at,
        None => job_created_at.min(own_finish.at),
    }
}

fn unreported_step(complete: bool) -> StepView {
    StepView {
        status: if complete { StepStatus::Skipped } else { StepStatus::Pending },
        fraction: 0,
        started_at: None,
        started_at_inferred: false,
        finished_at: None,
        attempts: 0,
    }
}
