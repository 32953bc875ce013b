//! Taking events in: the way from what was sent to what may be written. Each event is resolved against its job and
//! configuration and checked; what passes is handed to `commit.rs`, which answers when it is durable.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::commit::{AWAY, commit, fail_all};
use super::known::{KnownJob, load_jobs};
use super::{Event, NewEvent, StoredEvent, metadata};
use crate::admission::Place;
use crate::app::App;
use crate::auth::credentials::{self, ENDED_SESSION, INVALID_KEY};
use crate::auth::{Credential, ProviderId, Viewer};
use crate::configurations::{Step, load_steps};
use crate::error::{Error, FieldError, Result};
use crate::progress::{EventKind, Moment};
use crate::values::Fraction;

/// The events of a batch that are handed on together, and the ids of a look-up.
const PART: usize = 500;
/// How far ahead of ours a provider's clock may be.
pub(crate) const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// An event that is durable.
#[derive(Debug)]
pub struct Recorded {
    /// The event.
    pub event: Event,
    /// False if it was recorded before under the same idempotency key.
    pub is_new: bool,
}

/// An event that may be written.
#[derive(Debug)]
pub(super) struct Accepted {
    provider: ProviderId,
    /// The key that has to be valid when it is written.
    pub(super) key: Option<Uuid>,
    pub(super) job_id: Uuid,
    pub(super) provider_job_id: String,
    pub(super) kind: EventKind,
    name: Option<String>,
    pub(super) step: Option<NamedStep>,
    metadata: Option<Map<String, Value>>,
    pub(super) measured: BTreeMap<String, Value>,
    pub(super) occurred_at: Option<DateTime<Utc>>,
    pub(super) fraction: Option<Fraction>,
    idempotency_key: Option<String>,
    /// Stands for the request as it was sent, where it has an idempotency key.
    pub(super) request_hash: Option<Vec<u8>>,
}

/// The step that an event names.
#[derive(Debug)]
pub(super) struct NamedStep {
    pub(super) id: Uuid,
    tag: String,
    pub(super) points: i64,
}

/// Records an event that was sent by itself.
pub(super) async fn record(app: &App, sender: &Sender, event: NewEvent) -> Result<Recorded> {
    sender.expect_valid_session(app).await?;
    let known = app.known_jobs().find(sender.provider, event.provider_job_id.as_str());
    let was_known = known.is_some();
    let mut recorded = try_record(app, sender, &event, known).await;
    // What was known of the job may be out of date: another one, of another configuration, may have its id by now.
    if was_known && matches!(recorded, Err(Error::ReferenceNotFound(_) | Error::Invalid(_))) {
        recorded = try_record(app, sender, &event, None).await;
    }
    if let Ok(Recorded { event, is_new }) = &recorded {
        app.metrics().count_event(event, *is_new);
    }
    recorded
}

/// Records an event of a job that is known, or is looked up.
async fn try_record(
    app: &App,
    sender: &Sender,
    event: &NewEvent,
    known: Option<(KnownJob, Arc<[Step]>)>,
) -> Result<Recorded> {
    let found = if known.is_some() {
        known
    } else {
        let _pass = app.gates().lookups.enter(Some(sender.provider.id())).await?;
        app.known_jobs().load(app, sender.provider, event.provider_job_id.as_str()).await?
    };
    let found = found.as_ref().map(|(job, steps)| (job, &**steps));
    let accepted = accept(sender, found, event, app.clock().now())?;
    let answers = commit(app, sender.provider, sender.place.clone(), vec![accepted]).await;
    answers.into_iter().next().unwrap_or_else(|| Err(Error::internal("an event got no answer")))
}

/// Records the events of a batch and answers each, in their order. What was refused before comes through as it is. A large
/// batch is handed on in parts, one after the other, so that others come between them.
pub(super) async fn record_batch(app: &App, sender: &Sender, events: Vec<Result<NewEvent>>) -> Vec<Result<Recorded>> {
    let now = app.clock().now();
    let provider = sender.provider;
    let resolved = async {
        sender.expect_valid_session(app).await?;
        resolve(app, provider, &events).await
    };
    let resolved = match resolved.await {
        Ok(resolved) => resolved,
        Err(error) => return fail_all(&error, events.len()),
    };
    let mut answers: Vec<Option<Result<Recorded>>> = Vec::with_capacity(events.len());
    let mut accepted = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        let accept = |event: NewEvent| accept(sender, resolved.find(event.provider_job_id.as_str()), &event, now);
        answers.push(match event.and_then(accept) {
            Ok(event) => {
                accepted.push((index, event));
                None
            }
            Err(error) => Some(Err(error)),
        });
    }
    let begun = Instant::now();
    let mut waiting = accepted.into_iter().peekable();
    while waiting.peek().is_some() {
        // What is written must be told before the request's time is up.
        if begun.elapsed() > app.settings().limits.request_timeout / 2 {
            waiting.by_ref().for_each(|(index, _)| answers[index] = Some(Err(LATE)));
            break;
        }
        let (indices, part): (Vec<usize>, Vec<Accepted>) = waiting.by_ref().take(PART).unzip();
        let written = commit(app, provider, sender.place.clone(), part).await;
        let is_away = written.iter().any(|answer| matches!(answer, Err(Error::Busy(_))));
        for (index, answer) in indices.into_iter().zip(written) {
            answers[index] = Some(answer);
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

/// The jobs that events refer to, by the provider's own ids, and the steps of their configurations.
struct Resolved {
    jobs: HashMap<String, KnownJob>,
    steps: HashMap<Uuid, Vec<Step>>,
}

impl Resolved {
    fn find(&self, provider_job_id: &str) -> Option<(&KnownJob, &[Step])> {
        let job = self.jobs.get(provider_job_id)?;
        Some((job, self.steps.get(&job.job_configuration_id).map(Vec::as_slice).unwrap_or_default()))
    }
}

/// Looks up the jobs and configurations that events refer to, among those of the provider.
async fn resolve(app: &App, provider: ProviderId, events: &[Result<NewEvent>]) -> Result<Resolved> {
    let _pass = app.gates().lookups.enter(Some(provider.id())).await?;
    let mut ids: Vec<&str> = events.iter().flatten().map(|event| event.provider_job_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut jobs = HashMap::new();
    for chunk in ids.chunks(PART) {
        let found = load_jobs(app, provider, chunk.iter().copied()).await?;
        jobs.extend(found.into_iter().map(|job| (job.provider_job_id.clone(), job)));
    }
    let mut configurations: Vec<Uuid> = jobs.values().map(|job: &KnownJob| job.job_configuration_id).collect();
    configurations.sort_unstable();
    configurations.dedup();
    let mut steps = HashMap::new();
    for chunk in configurations.chunks(PART) {
        steps.extend(load_steps(app.db(), chunk).await?);
    }
    Ok(Resolved { jobs, steps })
}

/// Who reports events.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) provider: ProviderId,
    pub(super) viewer: Viewer,
    pub(super) place: Arc<Place>,
}

impl Sender {
    /// The key that has to be valid still when their events are written.
    fn key(&self) -> Option<Uuid> {
        match self.viewer.credential() {
            Credential::Key { .. } => Some(self.viewer.credential().id()),
            Credential::Session { .. } => None,
        }
    }

    /// Refuses a key or a session that has ended since it was looked at.
    pub(super) async fn expect_valid(&self, app: &App) -> Result<()> {
        if credentials::revalidate(app.db(), &mut self.viewer.clone(), app.clock().now()).await? {
            return Ok(());
        }
        Err(if self.key().is_some() { INVALID_KEY } else { ENDED_SESSION })
    }

    /// The same of a session: keys are looked at by whoever writes.
    async fn expect_valid_session(&self, app: &App) -> Result<()> {
        if self.key().is_some() { Ok(()) } else { self.expect_valid(app).await }
    }
}

/// Checks an event against its job's configuration.
fn accept(
    sender: &Sender,
    found: Option<(&KnownJob, &[Step])>,
    event: &NewEvent,
    now: DateTime<Utc>,
) -> Result<Accepted> {
    let (job, steps) = found.ok_or_else(|| no_such_job(event.provider_job_id.as_str()))?;
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
    if event.occurred_at.as_ref().is_some_and(|at| at.0 > now + CLOCK_TOLERANCE) {
        let detail = format!("is more than 5 minutes ahead of the server, whose time is {}", now.to_rfc3339());
        return Err(Error::invalid("/occurred_at", detail));
    }
    let metadata = event.event_metadata.as_deref().map(metadata::parse).transpose()?;
    let measured = match (&metadata, step) {
        (Some(metadata), Some(step)) => metadata::measure(metadata, &step.metadata_configurations)?,
        _ => BTreeMap::new(),
    };
    Ok(Accepted {
        provider: sender.provider,
        key: sender.key(),
        job_id: job.id,
        provider_job_id: job.provider_job_id.clone(),
        kind: event.kind,
        request_hash: event.idempotency_key.as_ref().map(|_| hash_request(event, metadata.as_ref())),
        name: event
            .name
            .as_ref()
            .map(|name| name.as_str().to_owned())
            .or_else(|| step.map(|step| step.name.to_string())),
        step: step.map(|step| NamedStep { id: step.id, tag: step.tag.to_string(), points: step.points }),
        metadata,
        measured,
        occurred_at: event.occurred_at.as_ref().map(|at| at.0),
        fraction: event.fraction,
        idempotency_key: event.idempotency_key.as_ref().map(ToString::to_string),
    })
}

pub(super) fn no_such_job(provider_job_id: &str) -> Error {
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

impl Accepted {
    /// Its idempotency key, which is one of its job.
    pub(super) fn idempotency_key(&self) -> Option<(Uuid, &str)> {
        Some((self.job_id, self.idempotency_key.as_deref()?))
    }

    /// As it is written, but for its position.
    pub(super) fn to_stored(&self, id: Uuid, moment: Moment, created_at: DateTime<Utc>) -> StoredEvent {
        StoredEvent {
            provider_id: self.provider.id(),
            position: 0,
            request_hash: self.request_hash.clone(),
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
