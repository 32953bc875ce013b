//! The transaction that makes a group of events durable: lock their jobs in the order of their ids, find what was
//! recorded before under the same keys, fold the rest into the state; write the state, take positions in the log, count
//! the events by hours and write them, all at once; commit. A statement each, however many events there are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::record::{Accepted, Recorded, no_such_job};
use super::{Event, StoredEvent, hours, queries};
use crate::app::App;
use crate::auth::credentials::{self, INVALID_KEY};
use crate::db::{Batch, Tx};
use crate::error::{Error, Result};
use crate::jobs::state::{self, StepRow, StoredJob, StoredStep};
use crate::progress::{Fact, Moment, StepSummary};
use crate::values::Fraction;

/// Writes a group in one transaction and answers each event, in their order. An error: nothing was written; nor was it
/// where there is no answer, because somebody did not await theirs any more.
pub(super) async fn write(
    app: &App,
    events: &[&Accepted],
    are_awaited: impl Fn() -> bool,
) -> Result<Option<Vec<Result<Recorded>>>> {
    let begun = Instant::now();
    let mut tx = app.db().begin().await?;
    let mut job_ids: Vec<Uuid> = events.iter().map(|event| event.job_id).collect();
    job_ids.sort_unstable();
    job_ids.dedup();
    let jobs: HashMap<Uuid, StoredJob> =
        state::lock_jobs(&mut tx, job_ids).await?.into_iter().map(|job| (job.id, job)).collect();
    let keys = valid_keys(&mut tx, events, app.clock().now()).await?;
    let Sorted { mut answers, fresh, repeating } = sort(&mut tx, &jobs, &keys, events).await?;
    let mut batch = tx.batch();
    let mut new_events = fold(app, &mut tx, &mut batch, &jobs, events, fresh).await?;
    if !new_events.is_empty() {
        let count = i64::try_from(new_events.len()).map_err(Error::internal)?;
        batch.take_positions(&mut tx, count);
        // Counted from the last position that is taken.
        for (position, event) in (1 - count..).zip(&mut new_events.events) {
            event.position = position;
        }
        hours::count(app, &mut batch, &new_events.events);
        queries::insert(&mut batch, &new_events.events);
        batch.run(&mut tx).await?;
        if !are_awaited() {
            return Ok(None);
        }
        tx.commit().await?;
        app.metrics().count_commit(new_events.len(), begun.elapsed().as_secs_f64());
    }
    for (index, StoredEvent { event, .. }) in new_events.indices.into_iter().zip(new_events.events) {
        answers[index] = Some(Ok(Recorded { event, is_new: true }));
    }
    for (index, first) in repeating {
        if let Some(Ok(recorded)) = &answers[first] {
            answers[index] = Some(repeat(events[index], &recorded.event, &events[first].request_hash));
        }
    }
    let unanswered = || Err(Error::internal("an event got no answer"));
    Ok(Some(answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()))
}

/// The keys that are valid, of those that are yet to be looked at.
async fn valid_keys(tx: &mut Tx, events: &[&Accepted], now: DateTime<Utc>) -> sqlx::Result<HashSet<Uuid>> {
    let mut ids: Vec<Uuid> = events.iter().filter_map(|event| event.known_key).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() { Ok(HashSet::new()) } else { credentials::valid_keys(tx, ids, now).await }
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

async fn sort<'a>(
    tx: &mut Tx,
    jobs: &HashMap<Uuid, StoredJob>,
    valid_keys: &HashSet<Uuid>,
    events: &[&'a Accepted],
) -> sqlx::Result<Sorted> {
    let key_of = |event: &'a Accepted| Some((event.job_id, event.idempotency_key.as_deref()?));
    let keys: Vec<(Uuid, &str)> = events.iter().copied().filter_map(key_of).collect();
    let recorded = queries::find_by_keys(tx, &keys).await?;
    let recorded: HashMap<(Uuid, &str), &StoredEvent> = recorded
        .iter()
        .filter_map(|stored| Some(((stored.event.job_id, stored.event.idempotency_key.as_deref()?), stored)))
        .collect();
    let mut answers = Vec::with_capacity(events.len());
    let mut fresh: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    let mut repeating = Vec::new();
    let mut firsts: HashMap<(Uuid, &str), usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        let key = key_of(event);
        let before = key.as_ref().and_then(|key| recorded.get(key));
        // Not there: it was deleted or anonymised just now.
        let is_open = jobs.get(&event.job_id).is_some_and(|job| !job.is_anonymised());
        answers.push(match before {
            _ if event.known_key.is_some_and(|key| !valid_keys.contains(&key)) => Some(Err(INVALID_KEY)),
            _ if !is_open => Some(Err(no_such_job(&event.provider_job_id))),
            Some(before) => Some(repeat(event, &before.event, before.request_hash.as_deref().unwrap_or_default())),
            None => {
                match key.as_ref().and_then(|key| firsts.get(key)) {
                    Some(first) => repeating.push((index, *first)),
                    None => fresh.entry(event.job_id).or_default().push(index),
                }
                if let Some(key) = key {
                    firsts.entry(key).or_insert(index);
                }
                None
            }
        });
    }
    Ok(Sorted { answers, fresh, repeating })
}

/// The answer to an event whose key was used before.
fn repeat(event: &Accepted, recorded: &Event, recorded_hash: &[u8]) -> Result<Recorded> {
    if event.request_hash == recorded_hash {
        return Ok(Recorded { event: recorded.clone(), is_new: false });
    }
    let detail = format!("was used before for another event, {}, with other content", recorded.id);
    Err(Error::invalid("/idempotency_key", detail))
}

/// Events that are yet to be written, and which of the group they are.
#[derive(Default)]
struct NewEvents {
    indices: Vec<usize>,
    events: Vec<StoredEvent>,
}

impl NewEvents {
    fn len(&self) -> usize {
        self.events.len()
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// Gives new events their sequences and times, and has the state that follows written.
async fn fold(
    app: &App,
    tx: &mut Tx,
    batch: &mut Batch,
    jobs: &HashMap<Uuid, StoredJob>,
    events: &[&Accepted],
    fresh: BTreeMap<Uuid, Vec<usize>>,
) -> sqlx::Result<NewEvents> {
    let now = app.clock().now();
    let mut named: Vec<(Uuid, Uuid)> = fresh
        .values()
        .flatten()
        .filter_map(|index| Some((events[*index].job_id, events[*index].step.as_ref()?.id)))
        .collect();
    named.sort_unstable();
    named.dedup();
    let mut steps: BTreeMap<(Uuid, Uuid), StepSummary> = state::load_some_steps(tx, &named)
        .await?
        .into_iter()
        .map(|step| ((step.job_id, step.step_configuration_id), step.summary()))
        .collect();
    let mut new_events = NewEvents::default();
    let mut changed = Vec::with_capacity(fresh.len());
    for (job_id, indices) in fresh {
        let Some(job) = jobs.get(&job_id) else { continue };
        let totals = job.totals();
        let mut summary = job.summary();
        // Never before the event before it, even if the clock was set back or another server's is ahead.
        let created_at = summary.last_event_at.map_or(now, |last| last.max(now));
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
            let step = event.step.as_ref().map(|step| (step.points, steps.remove(&(job_id, step.id))));
            let after = summary.apply(totals, fact, step);
            if let (Some(step), Some(after)) = (&event.step, after) {
                steps.insert((job_id, step.id), after);
            }
            new_events.indices.push(index);
            new_events.events.push(event.to_stored(app.clock().new_id(), moment, created_at));
        }
        changed.push(job.with(totals, &summary));
    }
    save(app, batch, jobs, &changed, steps, now);
    Ok(new_events)
}

fn save(
    app: &App,
    batch: &mut Batch,
    jobs: &HashMap<Uuid, StoredJob>,
    changed: &[StoredJob],
    steps: BTreeMap<(Uuid, Uuid), StepSummary>,
    now: DateTime<Utc>,
) {
    state::save_jobs(batch, changed, now);
    let rows: Vec<StepRow> = steps
        .into_iter()
        .filter_map(|((job_id, step_id), summary)| {
            Some(StepRow {
                id: app.clock().new_id(),
                job_configuration_id: jobs.get(&job_id)?.job_configuration_id,
                step: StoredStep::new(job_id, step_id, &summary),
            })
        })
        .collect();
    state::save_steps(batch, &rows, now);
}
