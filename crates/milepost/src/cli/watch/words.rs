//! What there is to say of a job and its events, for whoever says it: the live view or the plain lines.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::watched::Watched;
use crate::cli::text::{Tone, percent, value_text};
use crate::events::Event;
use crate::jobs::{Job, JobStep, Measured};
use crate::progress::{EventKind, JobStatus, MILLION, StepStatus};

/// An event in words.
#[derive(Debug)]
pub(super) struct Words {
    /// Its kind.
    pub(super) kind: &'static str,
    /// A shape for the kind, where there is no room for a word.
    pub(super) shape: &'static str,
    /// How the kind stands out.
    pub(super) tone: Tone,
    /// The name of the step it is about.
    pub(super) step: Option<String>,
    /// What it says beyond the name of its step.
    pub(super) said: Option<String>,
    /// What was measured.
    pub(super) measured: Option<String>,
}

impl Words {
    /// Says an event, with what is known of its step.
    pub(super) fn of(watched: &Watched, event: &Event) -> Self {
        let (shape, kind, tone) = match event.kind {
            EventKind::Step => ("✓", "step", Tone::Good),
            EventKind::Error => ("✗", "error", Tone::Bad),
            EventKind::Info => ("·", "info", Tone::Quiet),
            EventKind::Complete => ("■", "complete", Tone::Good),
        };
        let step = watched.step(event);
        let step_name = step.map(|step| step.name.to_string()).or_else(|| event.tag.clone());
        let name = event.name.clone().filter(|name| !name.is_empty() && Some(name) != step_name.as_ref());
        let fraction = event.fraction.map(|fraction| fraction_text(fraction.millionths()));
        let said: Vec<String> = name.into_iter().chain(fraction).collect();
        Self { kind, shape, tone, step: step_name, said: joined(&said), measured: joined(&measured_in(event, step)) }
    }
}

/// The values of an event: those that its step defines in their order and with their units, then the others.
fn measured_in(event: &Event, step: Option<&JobStep>) -> Vec<String> {
    let Some(values) = &event.event_metadata else { return Vec::new() };
    let fields = step.map_or(&[][..], |step| &step.metadata);
    let known =
        fields.iter().filter_map(|field| with_units(&field.name, values.get(&field.name)?, field.units.as_deref()));
    let is_known = |name: &str| fields.iter().any(|field| field.name == name);
    let others =
        values.iter().filter(|(name, _)| !is_known(name)).filter_map(|(name, value)| with_units(name, value, None));
    known.chain(others).map(|(name, value)| format!("{name} {value}")).collect()
}

/// A name and its value with the units; none if it was not measured.
fn with_units(name: &str, value: &Value, units: Option<&str>) -> Option<(String, String)> {
    let value = value_text(value)?;
    let units = units.filter(|units| !units.is_empty());
    Some((name.to_owned(), units.map_or(value.clone(), |units| format!("{value} {units}"))))
}

/// `17 %`
pub(super) fn fraction_text(millionths: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "at most a million")]
    percent(Some(millionths as f64 / MILLION as f64))
}

fn joined(parts: &[String]) -> Option<String> {
    if parts.is_empty() { None } else { Some(parts.join(" · ")) }
}

/// How long a job has taken, or how long it has been under way; none before it begins.
pub(super) fn elapsed(job: &Job, now: DateTime<Utc>) -> Option<TimeDelta> {
    let until = match job.status {
        JobStatus::Completed => job.finished_at?,
        JobStatus::Error => job.last_event_at?,
        JobStatus::Pending | JobStatus::Running => now,
    };
    Some((until - job.started_at?).max(TimeDelta::zero()))
}

/// How long a step took, or how long it has been under way, and whether it still is. None for one that failed or was
/// left: nobody told when.
pub(super) fn step_elapsed(step: &JobStep, now: DateTime<Utc>) -> Option<(TimeDelta, bool)> {
    let is_running = step.status == StepStatus::Running;
    let until = if is_running { now } else { step.finished_at? };
    Some(((until - step.started_at?).max(TimeDelta::zero()), is_running))
}

/// What a step has measured, each with its units.
pub(super) fn measurements(fields: &[Measured]) -> impl Iterator<Item = (String, String)> {
    fields.iter().filter_map(|field| with_units(&field.name, field.value.as_ref()?, field.units.as_deref()))
}
