//! The writing of a group of events: fold them into the state of their jobs, take positions in the log, count the events by
//! hours, write all of it and commit. A statement each, however many events there are.
//!
//! Usually the state of the jobs is in mind (`states.rs`) and the group is written on the condition that nothing has changed;
//! on PostgreSQL that is one statement. Where something has, or an event was recorded before, or a key is not valid any
//! more, nothing is written that way: the jobs are locked in the order of their ids, and each event is looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::record::{Accepted, Recorded, no_such_job};
use super::states::{JobState, States, learn_steps};
use super::{Event, StoredEvent, hours, queries};
use crate::app::App;
use crate::auth::credentials::{self, INVALID_KEY};
use crate::db::{Batch, GROUP, Log, Tx};
use crate::error::{Error, Result};
use crate::jobs::state::{self, StepRow, StoredJob, StoredStep};
use crate::progress::{EventKind, Fact, Moment, StepSummary};
use crate::rollups::Additions;
use crate::values::Fraction;

/// How a group is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// If its jobs are as they are in mind, its API keys valid, and none of its events recorded before.
    IfUnchanged,
    /// With its jobs locked, whatever was in mind.
    Locked,
}

/// What became of writing a group.
pub(super) enum Attempt<T> {
    /// It is durable.
    Written(T),
    /// Something has changed; nothing was written.
    Changed,
    /// Somebody does not wait for it any more; nothing was written.
    Unawaited,
}

/// Writes a group in one transaction and answers each event, in their order. An error: nothing was written.
pub(super) async fn write(
    app: &App,
    events: &[&Accepted],
    way: Way,
    are_awaited: impl Fn() -> bool,
) -> Result<Attempt<Vec<Result<Recorded>>>> {
    let begun = Instant::now();
    let group = Group::of(events);
    let written = match way {
        Way::IfUnchanged => write_if_unchanged(app, &group, are_awaited).await?,
        // In a box: whatever holds this future is copied with it, and this way is rarely gone.
        Way::Locked => app.db().within(GROUP, Box::pin(write_locked(app, &group, are_awaited))).await?,
    };
    let Written { states, changes, mut answers, repeating } = match written {
        Attempt::Written(written) => written,
        Attempt::Changed => return Ok(Attempt::Changed),
        Attempt::Unawaited => return Ok(Attempt::Unawaited),
    };
    app.job_states().keep(states);
    if !changes.events.is_empty() {
        app.metrics().count_commit(changes.events.len(), begun.elapsed().as_secs_f64());
    }
    for (index, StoredEvent { event, .. }) in changes.indices.into_iter().zip(changes.events) {
        answers[index] = Some(Ok(Recorded { event, is_new: true }));
    }
    for (index, first) in repeating {
        if let Some(Ok(recorded)) = &answers[first] {
            answers[index] = Some(repeat(events[index], &recorded.event, events[first].request_hash.as_deref()));
        }
    }
    let unanswered = || Err(Error::internal("an event got no answer"));
    Ok(Attempt::Written(answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()))
}

/// The events of a group, and what they name, each once and in order.
struct Group<'a> {
    events: &'a [&'a Accepted],
    job_ids: Vec<Uuid>,
    /// Steps of jobs.
    steps: Vec<(Uuid, Uuid)>,
    /// The API keys that they were reported with.
    keys: Vec<Uuid>,
    /// Idempotency keys, each of a job.
    idempotency_keys: Vec<(Uuid, &'a str)>,
}

impl<'a> Group<'a> {
    fn of(events: &'a [&'a Accepted]) -> Self {
        let each = || events.iter().copied();
        Self {
            events,
            job_ids: unique(each().map(|event| event.job_id)),
            steps: unique(each().filter_map(|event| Some((event.job_id, event.step.as_ref()?.id)))),
            keys: unique(each().filter_map(|event| event.key)),
            idempotency_keys: unique(each().filter_map(|event| event.idempotency_key())),
        }
    }
}

fn unique<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What is durable of a group.
struct Written {
    /// The states of its jobs.
    states: States,
    changes: Changes,
    /// The answers to the events that were not written.
    answers: Vec<Option<Result<Recorded>>>,
    /// The events that repeat one of the same group, and which.
    repeating: Vec<(usize, usize)>,
}

async fn write_if_unchanged(
    app: &App,
    group: &Group<'_>,
    are_awaited: impl Fn() -> bool,
) -> Result<Attempt<Written>> {
    let mut states = app.job_states().take(app.db(), &group.job_ids, &group.steps).await?;
    if states.len() < group.job_ids.len() {
        return Ok(Attempt::Changed);
    }
    let now = app.clock().now();
    let jobs: Vec<StoredJob> = group.job_ids.iter().map(|id| states[id].job.clone()).collect();
    let Sorted { answers, fresh, repeating } = sort(group.events, |_| None);
    let changes = fold(app, &mut states, group.events, fresh, now);
    if !cfg!(feature = "from-memory") {
        let mut batch = app.db().batch();
        state::expect_unchanged(&mut batch, &jobs);
        credentials::expect_valid_keys(&mut batch, &group.keys, now);
        queries::expect_unused(&mut batch, &group.idempotency_keys);
        changes.add_to(app, &mut batch, now)?;
        if !are_awaited() {
            return Ok(Attempt::Unawaited);
        }
        if !app.db().write_events(batch).await? {
            return Ok(Attempt::Changed);
        }
    }
    Ok(Attempt::Written(Written { states, changes, answers, repeating }))
}

async fn write_locked(app: &App, group: &Group<'_>, are_awaited: impl Fn() -> bool) -> Result<Attempt<Written>> {
    let mut tx = app.db().begin().await?;
    let jobs = state::lock_jobs(&mut tx, group.job_ids.iter().copied()).await?;
    let mut states: States = jobs.into_iter().map(|job| (job.id, JobState::new(job))).collect();
    let now = app.clock().now();
    let valid_keys = valid_keys(&mut tx, &group.keys, now).await?;
    let recorded = queries::find_by_keys(&mut tx, &group.idempotency_keys).await?;
    let recorded: HashMap<(Uuid, &str), &StoredEvent> = recorded
        .iter()
        .filter_map(|stored| Some(((stored.event.job_id, stored.event.idempotency_key.as_deref()?), stored)))
        .collect();
    let Sorted { answers, fresh, repeating } = sort(group.events, |event| {
        if event.key.is_some_and(|key| !valid_keys.contains(&key)) {
            return Some(Err(INVALID_KEY));
        }
        // Not there: it was deleted or anonymised just now.
        if states.get(&event.job_id).is_none_or(|state| state.job.is_anonymised()) {
            return Some(Err(no_such_job(&event.provider_job_id)));
        }
        let before = recorded.get(&event.idempotency_key()?)?;
        Some(repeat(event, &before.event, before.request_hash.as_deref()))
    });
    learn_steps(&mut states, &group.steps, async |missing| state::load_some_steps(&mut tx, missing).await).await?;
    let changes = fold(app, &mut states, group.events, fresh, now);
    if !changes.events.is_empty() {
        let mut batch = tx.batch();
        changes.add_to(app, &mut batch, now)?;
        batch.run(&mut tx).await?;
        if !are_awaited() {
            return Ok(Attempt::Unawaited);
        }
        tx.commit().await?;
    }
    Ok(Attempt::Written(Written { states, changes, answers, repeating }))
}

async fn valid_keys(tx: &mut Tx, ids: &[Uuid], now: DateTime<Utc>) -> sqlx::Result<HashSet<Uuid>> {
    if ids.is_empty() { Ok(HashSet::new()) } else { credentials::valid_keys(tx, ids.iter().copied(), now).await }
}

/// What is to be done with the events of a group, by their indices.
struct Sorted {
    /// To those that are not written.
    answers: Vec<Option<Result<Recorded>>>,
    /// To be written, by their jobs.
    fresh: BTreeMap<Uuid, Vec<usize>>,
    /// Those that repeat one of the same group, and which.
    repeating: Vec<(usize, usize)>,
}

/// Sorts events, of which some have an answer without being written.
fn sort(events: &[&Accepted], answer: impl Fn(&Accepted) -> Option<Result<Recorded>>) -> Sorted {
    let mut answers = Vec::with_capacity(events.len());
    let mut fresh: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    let mut repeating = Vec::new();
    let mut firsts: HashMap<(Uuid, &str), usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        let answer = answer(event);
        if answer.is_none() {
            let first = event.idempotency_key().map_or(index, |key| *firsts.entry(key).or_insert(index));
            if first == index {
                fresh.entry(event.job_id).or_default().push(index);
            } else {
                repeating.push((index, first));
            }
        }
        answers.push(answer);
    }
    Sorted { answers, fresh, repeating }
}

/// The answer to an event whose key was used before.
fn repeat(event: &Accepted, recorded: &Event, recorded_hash: Option<&[u8]>) -> Result<Recorded> {
    if event.request_hash.as_deref() == recorded_hash {
        return Ok(Recorded { event: recorded.clone(), is_new: false });
    }
    let detail = format!("was used before for another event, {}, with other content", recorded.id);
    Err(Error::invalid("/idempotency_key", detail))
}

/// What a group changes.
#[derive(Default)]
struct Changes {
    events: Vec<StoredEvent>,
    /// Which of the group each event is.
    indices: Vec<usize>,
    /// Jobs that indexes have in another place from now on.
    moved: Vec<StoredJob>,
    /// All others.
    in_place: Vec<StoredJob>,
    steps: Vec<StepRow>,
    sums: Additions,
}

/// Gives new events their sequences, times and places among those of the group, and finds the states that follow.
fn fold(
    app: &App,
    states: &mut States,
    events: &[&Accepted],
    fresh: BTreeMap<Uuid, Vec<usize>>,
    now: DateTime<Utc>,
) -> Changes {
    let mut changes = Changes::default();
    for (job_id, indices) in fresh {
        let Some(JobState { job, steps }) = states.get_mut(&job_id) else { continue };
        let totals = job.totals();
        let mut summary = job.summary();
        // Never before the event before it, even if the clock was set back or another server's is ahead.
        let created_at = summary.last_event_at.map_or(now, |last| last.max(now));
        let mut named = BTreeSet::new();
        for index in indices {
            let event = events[index];
            let moment = Moment { at: event.occurred_at.unwrap_or(created_at), sequence: summary.last_sequence + 1 };
            let fact = Fact {
                kind: event.kind,
                moment,
                created_at,
                fraction: event.fraction.map(Fraction::millionths),
                metadata: event.measured.clone(),
            };
            if event.kind == EventKind::Error {
                changes.sums.add_errors(job, event.step.as_ref().map(|step| step.id), moment.at, 1);
            }
            let step = event.step.as_ref().map(|step| (step.points, steps.remove(&step.id).flatten()));
            let finish = |step: Option<&StepSummary>| Some(step?.finished?.at);
            let finish_before = step.as_ref().and_then(|(_, before)| finish(before.as_ref()));
            let after = summary.apply(totals, fact, step);
            if let Some(step) = &event.step {
                changes.sums.add_finish(job, step.id, step.points, finish_before, finish(after.as_ref()));
                steps.insert(step.id, after);
                named.insert(step.id);
            }
            changes.indices.push(index);
            changes.events.push(event.to_stored(app.clock().new_id(), moment, created_at));
        }
        let before = std::mem::replace(job, job.with(totals, &summary, now));
        changes.sums.add_job(&before, job);
        let those = if job.is_moved_from(&before) { &mut changes.moved } else { &mut changes.in_place };
        those.push(job.clone());
        changes.steps.extend(named.into_iter().filter_map(|step_id| {
            Some(StepRow {
                id: app.clock().new_id(),
                job_configuration_id: job.job_configuration_id,
                step: StoredStep::new(job_id, step_id, steps.get(&step_id)?.as_ref()?),
            })
        }));
    }
    changes
}

impl Changes {
    fn add_to(&self, app: &App, batch: &mut Batch, now: DateTime<Utc>) -> Result<()> {
        state::save_jobs(batch, &self.moved);
        state::save_jobs_in_place(batch, &self.in_place);
        state::save_steps(batch, &self.steps, now);
        batch.take_positions(Log::Events, i64::try_from(self.events.len()).map_err(Error::internal)?);
        hours::count(app, batch, &self.events);
        self.sums.add_to(batch);
        queries::insert(batch, &self.events);
        Ok(())
    }
}
