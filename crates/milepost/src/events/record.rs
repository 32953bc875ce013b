//! Taking events in: the way from what was sent to what is durable.
//!
//! Each event is resolved against its job and configuration and checked; what passes is written in one transaction a
//! group: lock the jobs in the order of their ids, find what was recorded before under the same keys, fold the rest
//! into the state, write the state, take positions in the log, count the events by hours, write them, commit. Only then
//! is anybody answered.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Event, NewEvent, StoredEvent, hours, metadata, queries};
use crate::admission::Place;
use crate::app::App;
use crate::auth::ProviderId;
use crate::configurations::{Step, load_steps};
use crate::db::{Log, Select, Tx, take_positions};
use crate::error::{Error, FieldError, Result};
use crate::jobs::state::{self, StoredJob, StoredStep};
use crate::progress::{EventKind, Fact, Moment, StepSummary};
use crate::values::Fraction;

/// The most events of a transaction: others wait for it.
const GROUP: usize = 500;
/// How far ahead of ours a provider's clock may be.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// An event that is durable.
#[derive(Debug)]
pub struct Recorded {
    /// The event.
    pub event: Event,
    /// False if it was recorded before under the same idempotency key.
    pub is_new: bool,
}

/// An event that may be written.
#[derive(Debug, Clone)]
struct Accepted {
    job_id: Uuid,
    provider_job_id: String,
    kind: EventKind,
    name: Option<String>,
    step: Option<NamedStep>,
    metadata: Option<Map<String, Value>>,
    measured: BTreeMap<String, Value>,
    occurred_at: Option<DateTime<Utc>>,
    fraction: Option<Fraction>,
    idempotency_key: Option<String>,
    /// Stands for the request as it was sent.
    request_hash: Vec<u8>,
}

#[derive(Debug, Clone)]
struct NamedStep {
    id: Uuid,
    tag: String,
    points: i64,
}

/// Records events and answers each, in their order. What was refused before comes through as it is.
/// Each group waits for a turn, so that others come between the groups of a large batch.
pub(super) async fn record(
    app: &App,
    provider: ProviderId,
    place: &Place,
    events: Vec<Result<NewEvent>>,
) -> Vec<Result<Recorded>> {
    let now = app.clock().now();
    let accepted = match resolve(app, provider, &events).await {
        Ok(known) => events.into_iter().map(|event| accept(&known, event?, now)).collect::<Vec<_>>(),
        Err(error) => return fail_all(&error, events.len()),
    };
    let mut answers: Vec<Option<Result<Recorded>>> = Vec::with_capacity(accepted.len());
    let mut waiting = Vec::new();
    for (index, item) in accepted.into_iter().enumerate() {
        answers.push(match item {
            Ok(event) => {
                waiting.push((index, event));
                None
            }
            Err(error) => Some(Err(error)),
        });
    }
    let begun = Instant::now();
    for group in waiting.chunks(GROUP) {
        // What is written must be told before the request's time is up.
        if begun.elapsed() > app.settings().limits.request_timeout / 2 {
            for (index, _) in &waiting {
                answers[*index].get_or_insert(Err(LATE));
            }
            break;
        }
        let events: Vec<Accepted> = group.iter().map(|(_, event)| event.clone()).collect();
        let waiting = app.metrics().wait_for_turn(events.len());
        let turn = place.turn().await;
        drop(waiting);
        let written = match turn {
            Ok(_turn) => write_or_retry(app, provider, &events).await,
            Err(error) => fail_all(&error, events.len()),
        };
        let is_away = written.iter().any(|answer| matches!(answer, Err(Error::Busy(_))));
        for ((index, _), answer) in group.iter().zip(written) {
            answers[*index] = Some(answer);
        }
        // What comes behind must not be recorded before what could not be.
        if is_away {
            break;
        }
    }
    let answers: Vec<Result<Recorded>> = answers.into_iter().map(|answer| answer.unwrap_or(Err(AWAY))).collect();
    for Recorded { event, is_new } in answers.iter().flatten() {
        app.metrics().count_event(event, *is_new);
    }
    answers
}

/// What is said of events of a batch for which there was no time left.
const LATE: Error = Error::Busy("There was no time left for this event of the batch; send it again.");
/// What is said of events that could not be written for now.
const AWAY: Error = Error::Busy("The database cannot be reached at the moment; try again.");

/// The same failure for all of them; its cause is logged here, once.
fn fail_all(error: &Error, count: usize) -> Vec<Result<Recorded>> {
    error.log();
    let again = || match error {
        Error::Unavailable(_) => AWAY,
        Error::Busy(detail) => Error::Busy(detail),
        other => Error::internal(other.to_string()),
    };
    (0..count).map(|_| Err(again())).collect()
}

/// Writes a group; if it fails for a reason of its own, one by one, so that an event that cannot be written fails
/// alone. Where the database goes away, nothing that comes behind is written.
async fn write_or_retry(app: &App, provider: ProviderId, events: &[Accepted]) -> Vec<Result<Recorded>> {
    let error = match write(app, provider, events).await {
        Ok(answers) => return answers,
        Err(error) => error,
    };
    if events.len() == 1 || matches!(error, Error::Unavailable(_)) {
        return fail_all(&error, events.len());
    }
    tracing::warn!(%error, events = events.len(), "a group of events failed; writing them one by one");
    let mut answers = Vec::with_capacity(events.len());
    for event in events {
        match write(app, provider, std::slice::from_ref(event)).await {
            Ok(answer) => answers.extend(answer),
            Err(error @ Error::Unavailable(_)) => {
                answers.extend(fail_all(&error, events.len() - answers.len()));
                break;
            }
            Err(error) => answers.extend(fail_all(&error, 1)),
        }
    }
    answers
}

/// What the events refer to.
struct Known {
    jobs: HashMap<String, KnownJob>,
    steps: HashMap<Uuid, Vec<Step>>,
}

#[derive(sqlx::FromRow)]
struct KnownJob {
    id: Uuid,
    provider_job_id: String,
    job_configuration_id: Uuid,
}

/// Looks up the jobs and configurations that events refer to, among those of the provider.
async fn resolve(app: &App, provider: ProviderId, events: &[Result<NewEvent>]) -> Result<Known> {
    let _pass = app.gates().lookups.enter(Some(provider.id())).await?;
    let mut ids: Vec<&str> = events.iter().flatten().map(|event| event.provider_job_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut jobs = HashMap::new();
    for chunk in ids.chunks(GROUP) {
        let rows: Vec<KnownJob> = Select::new("select id, provider_job_id, job_configuration_id from jobs")
            .bind(" where anonymised_at is null and provider_id = ", provider.id())
            .bind_all(" and provider_job_id in", chunk.iter().map(|id| (*id).to_owned()))
            .fetch_all(app.db())
            .await?;
        jobs.extend(rows.into_iter().map(|job| (job.provider_job_id.clone(), job)));
    }
    let mut configurations: Vec<Uuid> = jobs.values().map(|job: &KnownJob| job.job_configuration_id).collect();
    configurations.sort_unstable();
    configurations.dedup();
    let mut steps = HashMap::new();
    for chunk in configurations.chunks(GROUP) {
        steps.extend(load_steps(app.db(), chunk).await?);
    }
    Ok(Known { jobs, steps })
}

/// Checks an event against its job's configuration.
fn accept(known: &Known, event: NewEvent, now: DateTime<Utc>) -> Result<Accepted> {
    let job =
        known.jobs.get(event.provider_job_id.as_str()).ok_or_else(|| no_such_job(event.provider_job_id.as_str()))?;
    let steps = known.steps.get(&job.job_configuration_id).map(Vec::as_slice).unwrap_or_default();
    let step = match &event.tag {
        None if event.kind == EventKind::Step => {
            return Err(Error::invalid("/tag", "a step event must name the step that has finished"));
        }
        None => None,
        Some(tag) => Some(steps.iter().find(|step| step.tag == *tag).ok_or_else(|| {
            Error::invalid("/tag", format!("the job has no step {tag}; its steps are {}", name_steps(steps)))
        })?),
    };
    if event.fraction.is_some() && (event.kind != EventKind::Info || step.is_none()) {
        return Err(Error::invalid("/fraction", "only an info event that names a step may carry it"));
    }
    if event.occurred_at.is_some_and(|at| at.0 > now + CLOCK_TOLERANCE) {
        let detail = format!("is more than 5 minutes ahead of the server, whose time is {}", now.to_rfc3339());
        return Err(Error::invalid("/occurred_at", detail));
    }
    let metadata = event.event_metadata.as_deref().map(metadata::parse).transpose()?;
    let measured = match (&metadata, step) {
        (Some(metadata), Some(step)) => metadata::measure(metadata, &step.metadata_configurations)?,
        _ => BTreeMap::new(),
    };
    Ok(Accepted {
        job_id: job.id,
        provider_job_id: job.provider_job_id.clone(),
        kind: event.kind,
        request_hash: hash_request(&event, metadata.as_ref()),
        name: event.name.map(|name| name.as_str().to_owned()).or_else(|| step.map(|step| step.name.to_string())),
        step: step.map(|step| NamedStep { id: step.id, tag: step.tag.to_string(), points: step.points }),
        metadata,
        measured,
        occurred_at: event.occurred_at.map(|at| at.0),
        fraction: event.fraction,
        idempotency_key: event.idempotency_key.map(|key| key.to_string()),
    })
}

fn no_such_job(provider_job_id: &str) -> Error {
    let detail = format!("you have no job {provider_job_id}; open it first");
    Error::ReferenceNotFound(FieldError::new("/provider_job_id", detail))
}

/// The tags of steps for a message; of many, the first ones.
fn name_steps(steps: &[Step]) -> String {
    const NAMED: usize = 10;
    let tags: Vec<&str> = steps.iter().take(NAMED).map(|step| step.tag.as_str()).collect();
    let more = if steps.len() > NAMED { format!(" and {} more", steps.len() - NAMED) } else { String::new() };
    tags.join(", ") + &more
}

/// The request as it was sent, whatever the order of its fields.
fn hash_request(event: &NewEvent, metadata: Option<&Map<String, Value>>) -> Vec<u8> {
    let content = json!([event.kind, event.tag, event.name, metadata, event.occurred_at, event.fraction]);
    Sha256::digest(content.to_string()).to_vec()
}

/// Writes a group in one transaction.
async fn write(app: &App, provider: ProviderId, events: &[Accepted]) -> Result<Vec<Result<Recorded>>> {
    let mut by_job: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        by_job.entry(event.job_id).or_default().push(index);
    }
    let mut answers: Vec<Option<Result<Recorded>>> = events.iter().map(|_| None).collect();
    let mut new_indices = Vec::new();
    let mut new_events = Vec::new();
    let (begun, trace) = (Instant::now(), app.traces().begin_commit(events.len()));
    let mut tx = app.db().begin().await?;
    for (job_id, indices) in by_job {
        let of_job: Vec<(usize, &Accepted)> = indices.iter().map(|index| (*index, &events[*index])).collect();
        let outcome = write_to_job(app, &mut tx, job_id, &of_job).await?;
        for (index, answer) in outcome.answers {
            answers[index] = Some(answer);
        }
        for (index, event) in outcome.new_events {
            new_indices.push(index);
            new_events.push(event);
        }
    }
    if !new_events.is_empty() {
        let count = i64::try_from(new_events.len()).map_err(Error::internal)?;
        let first = take_positions(&mut tx, Log::Events, count).await? - count + 1;
        for (position, event) in (first..).zip(&mut new_events) {
            event.position = position;
        }
        hours::count(app, &mut tx, provider, &new_events).await?;
        queries::insert(&mut tx, provider, &new_events).await?;
        tx.commit().await?;
        app.metrics().count_commit(new_events.len(), begun.elapsed().as_secs_f64());
    }
    trace.succeed();
    for (index, StoredEvent { event, .. }) in new_indices.into_iter().zip(new_events) {
        answers[index] = Some(Ok(Recorded { event, is_new: true }));
    }
    repeat_answers(events, &mut answers);
    let unanswered = || Err(Error::internal("an event got no answer"));
    Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect())
}

/// Answers the events that repeat one of the same group.
fn repeat_answers(events: &[Accepted], answers: &mut [Option<Result<Recorded>>]) {
    for index in 0..events.len() {
        if answers[index].is_some() {
            continue;
        }
        let same_key = |other: &usize| {
            events[*other].job_id == events[index].job_id
                && events[*other].idempotency_key == events[index].idempotency_key
        };
        let Some(first) = (0..index).find(same_key) else { continue };
        let repeated = match &answers[first] {
            Some(Ok(recorded)) => repeat(&events[index], &recorded.event, &events[first].request_hash),
            _ => continue,
        };
        answers[index] = Some(repeated);
    }
}

/// The answer to an event whose key was used before.
fn repeat(event: &Accepted, recorded: &Event, recorded_hash: &[u8]) -> Result<Recorded> {
    if event.request_hash == recorded_hash {
        return Ok(Recorded { event: recorded.clone(), is_new: false });
    }
    let detail = format!("was used before for another event, {}, with other content", recorded.id);
    Err(Error::invalid("/idempotency_key", detail))
}

/// What became of the events of one job.
struct JobOutcome {
    answers: Vec<(usize, Result<Recorded>)>,
    new_events: Vec<(usize, StoredEvent)>,
}

/// Folds the events of one job into its state, which it writes; the events themselves are yet to be written.
async fn write_to_job(app: &App, tx: &mut Tx, job_id: Uuid, events: &[(usize, &Accepted)]) -> Result<JobOutcome> {
    let now = app.clock().now();
    let Some(job) = state::lock_job(tx, job_id).await?.filter(|job| !job.is_anonymised()) else {
        // It was deleted or anonymised just now.
        let gone = |(index, event): &(usize, &Accepted)| (*index, Err(no_such_job(&event.provider_job_id)));
        return Ok(JobOutcome { answers: events.iter().map(gone).collect(), new_events: Vec::new() });
    };
    let mut keys: Vec<String> = events.iter().filter_map(|(_, event)| event.idempotency_key.clone()).collect();
    let recorded = queries::find_by_keys(tx, job_id, keys.clone()).await?;
    let mut outcome = JobOutcome { answers: Vec::new(), new_events: Vec::new() };
    keys.clear();
    let mut fresh = Vec::new();
    for (index, event) in events {
        let before = recorded
            .iter()
            .find(|r| r.event.idempotency_key.is_some() && r.event.idempotency_key == event.idempotency_key);
        if let Some(before) = before {
            let hash = before.request_hash.as_deref().unwrap_or_default();
            outcome.answers.push((*index, repeat(event, &before.event, hash)));
        } else if event.idempotency_key.as_ref().is_none_or(|key| !keys.contains(key)) {
            keys.extend(event.idempotency_key.clone());
            fresh.push((*index, *event));
        }
    }
    if !fresh.is_empty() {
        outcome.new_events = fold(app, tx, &job, &fresh, now).await?;
    }
    Ok(outcome)
}

/// Gives new events their sequences and times, and writes the state that follows.
async fn fold(
    app: &App,
    tx: &mut Tx,
    job: &StoredJob,
    events: &[(usize, &Accepted)],
    now: DateTime<Utc>,
) -> Result<Vec<(usize, StoredEvent)>> {
    let step_ids: Vec<Uuid> =
        events.iter().filter_map(|(_, event)| event.step.as_ref().map(|step| step.id)).collect();
    let mut steps: HashMap<Uuid, StepSummary> = HashMap::new();
    if !step_ids.is_empty() {
        let stored = state::load_steps(&mut *tx, job.id, Some(&step_ids)).await?;
        steps.extend(stored.into_iter().map(|step| (step.step_configuration_id, step.summary())));
    }
    let totals = job.totals();
    let mut summary = job.summary();
    // Never before the event before it, even if the clock was set back or another server's is ahead.
    let created_at = summary.last_event_at.map_or(now, |last| last.max(now));
    let mut stored = Vec::with_capacity(events.len());
    for (index, event) in events {
        let moment = Moment { at: event.occurred_at.unwrap_or(created_at), sequence: summary.last_sequence + 1 };
        let fact = Fact {
            kind: event.kind,
            moment,
            created_at,
            fraction: event.fraction.map(Fraction::millionths),
            metadata: event.measured.clone(),
        };
        let named = event.step.as_ref().map(|step| (step.points, steps.remove(&step.id)));
        let after = summary.apply(totals, fact, named);
        if let (Some(step), Some(after)) = (&event.step, after) {
            steps.insert(step.id, after);
        }
        stored.push((*index, event.to_stored(app.clock().new_id(), moment, created_at)));
    }
    state::save_job(tx, &job.with(totals, &summary), now).await?;
    for (step_id, step) in steps {
        let stored = StoredStep::new(job.id, step_id, &step);
        state::save_step(tx, app.clock().new_id(), job, &stored, now).await?;
    }
    Ok(stored)
}

impl Accepted {
    fn to_stored(&self, id: Uuid, moment: Moment, created_at: DateTime<Utc>) -> StoredEvent {
        StoredEvent {
            position: 0,
            request_hash: self.idempotency_key.as_ref().map(|_| self.request_hash.clone()),
            event: Event {
                id,
                job_id: self.job_id,
                provider_job_id: self.provider_job_id.clone(),
                kind: self.kind,
                name: self.name.clone(),
                tag: self.step.as_ref().map(|step| step.tag.clone()),
                step_configuration_id: self.step.as_ref().map(|step| step.id),
                event_metadata: self.metadata.clone(),
                fraction: self.fraction,
                sequence: moment.sequence,
                occurred_at: moment.at,
                idempotency_key: self.idempotency_key.clone(),
                created_at,
                updated_at: created_at,
            },
        }
    }
}
