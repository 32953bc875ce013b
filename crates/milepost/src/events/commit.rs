//! Group commit: what waits to be written is written together and becomes durable with one commit, however many requests
//! it came by. Nobody waits for a group to fill: the writer takes what is there, and while it writes the next group gathers.
//! A process has one writer: a second would make the groups smaller, and wait for the first one's commit anyway.
//!
//! Providers take turns in a group, so that one that floods waits behind itself. How much may wait is limited where
//! requests are let in (`admission.rs`). Each request is answered after its own commit; an event that cannot be written
//! fails alone.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::record::{Accepted, Recorded};
use super::write::{Attempt, Way, write};
use crate::admission::{Gate, PATIENCE, Place, Refusal, Room, WRITE_PLACES, Work, refuse};
use crate::app::App;
use crate::auth::ProviderId;
use crate::config::Limits;
use crate::error::{Error, Result};
use crate::observe::metrics::Present;

/// How many events of a provider come into a group before the next provider's do.
const SHARE: usize = 32;

/// How many groups that need their jobs locked are written beside the others, and how many of them of one provider.
const BESIDE: u32 = 6;
const BESIDE_OF_PROVIDER: u32 = 3;

/// What is said of events that could not be written for now.
pub(super) const AWAY: Error = Error::Busy("The database cannot be reached at the moment; try again.");

/// What waits to be written.
#[derive(Debug)]
pub struct Commits {
    queue: Mutex<Queue>,
    /// With so many events a group is full.
    group: usize,
    /// For groups that are written beside the others: one provider's, whose jobs somebody holds, wait behind themselves.
    beside: Gate,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: HashMap<Uuid, VecDeque<Submission>>,
    /// Whose turn it is next, of the providers that wait.
    turns: VecDeque<Uuid>,
    is_writing: bool,
}

/// Events of a request, which are written together.
#[derive(Debug)]
struct Submission {
    provider: ProviderId,
    events: Vec<Accepted>,
    answer: oneshot::Sender<Vec<Result<Recorded>>>,
    since: Instant,
    /// Held as long as they are here, whether anybody waits for the answer or not.
    _place: Arc<Place>,
    _waiting: Present,
}

impl Submission {
    /// Nobody came to write it in time.
    fn refuse(self) {
        let _ =
            self.answer.send(self.events.iter().map(|_| Err(refuse(Work::Writes, Refusal::ServerFull))).collect());
    }
}

impl Commits {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let group = usize::try_from(limits.event_group.get()).unwrap_or(usize::MAX);
        // As many may wait as there may be: each event has one of the places already.
        let room = |turns| Room { turns, places: WRITE_PLACES };
        let beside = Gate::new(Work::Writes, room(BESIDE), room(BESIDE_OF_PROVIDER));
        Self { queue: Mutex::default(), group, beside }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets events wait. True: the writer has to be started for them.
    fn add(&self, submission: Submission) -> bool {
        let mut queue = self.queue();
        queue.add(submission);
        !mem::replace(&mut queue.is_writing, true)
    }

    /// The next group; none: the writer has ended.
    fn next_group(&self) -> Option<Vec<Submission>> {
        let mut queue = self.queue();
        let group = queue.take(self.group);
        if group.is_empty() {
            queue.is_writing = false;
            return None;
        }
        Some(group)
    }
}

impl Queue {
    fn add(&mut self, submission: Submission) {
        let provider = submission.provider.id();
        let of_provider = self.waiting.entry(provider).or_default();
        if of_provider.is_empty() {
            self.turns.push_back(provider);
        }
        of_provider.push_back(submission);
    }

    /// Takes what comes next, until there is enough or nothing left.
    fn take(&mut self, enough: usize) -> Vec<Submission> {
        let mut group = Vec::new();
        let mut count = 0;
        while count < enough {
            let Some(provider) = self.turns.pop_front() else { break };
            let Some(mut of_provider) = self.waiting.remove(&provider) else { continue };
            let mut share = 0;
            while share < SHARE && count < enough {
                let Some(submission) = of_provider.pop_front() else { break };
                share += submission.events.len();
                count += submission.events.len();
                group.push(submission);
            }
            if !of_provider.is_empty() {
                self.turns.push_back(provider);
                self.waiting.insert(provider, of_provider);
            }
        }
        group
    }
}

/// Makes events durable, in their order, and answers each.
pub(super) async fn commit(
    app: &App,
    provider: ProviderId,
    place: Arc<Place>,
    events: Vec<Accepted>,
) -> Vec<Result<Recorded>> {
    let count = events.len();
    let trace = app.traces().begin_commit(count);
    let (answer, answered) = oneshot::channel();
    let waiting = app.metrics().wait_for_turn(count);
    let submission = Submission { provider, events, answer, since: Instant::now(), _place: place, _waiting: waiting };
    if app.commits().add(submission) {
        tokio::spawn(write_groups(app.clone()));
    }
    match answered.await {
        Ok(answers) => {
            let failed =
                |answer: &Result<Recorded>| answer.as_ref().is_err_and(|error| error.problem().status >= 500);
            if !answers.iter().any(failed) {
                trace.succeed();
            }
            answers
        }
        Err(_) => fail_all(&Error::internal("a group of events was given up"), count),
    }
}

/// Writes one group after the other until nothing waits.
async fn write_groups(app: App) {
    while let Some(group) = app.commits().next_group() {
        let Some(unwritten) = settle_guarded(&app, group, Way::IfUnchanged).await else { continue };
        // Somebody else may hold one of its jobs for a while, or what fails has to be found: neither the next groups wait, nor
        // other providers.
        for (provider, submissions) in by_provider(unwritten) {
            tokio::spawn(write_beside(app.clone(), provider, submissions));
        }
    }
}

fn by_provider(group: Vec<Submission>) -> HashMap<Uuid, Vec<Submission>> {
    let mut by_provider: HashMap<Uuid, Vec<Submission>> = HashMap::new();
    for submission in group {
        by_provider.entry(submission.provider.id()).or_default().push(submission);
    }
    by_provider
}

/// Writes what could not be written with its group, its jobs locked.
async fn write_beside(app: App, provider: Uuid, submissions: Vec<Submission>) {
    match app.commits().beside.enter(Some(provider)).await {
        Ok(_turn) => drop(settle_guarded(&app, submissions, Way::Locked).await),
        Err(_) => submissions.into_iter().for_each(Submission::refuse),
    }
}

/// The same as [`settle`], in a task of its own, so that a group that panics is not the end of the writer.
async fn settle_guarded(app: &App, group: Vec<Submission>, way: Way) -> Option<Vec<Submission>> {
    let app = app.clone();
    tokio::spawn(async move { settle(&app, group, way).await }).await.unwrap_or_else(|error| {
        Error::internal(error.to_string()).log();
        None
    })
}

/// Writes a group and answers those who wait for it; what cannot be written in this way comes back. Whoever does not wait
/// any more was told that nothing is recorded, or nothing at all, and so nothing is.
async fn settle(app: &App, group: Vec<Submission>, way: Way) -> Option<Vec<Submission>> {
    let (mut timely, late): (Vec<Submission>, Vec<Submission>) =
        group.into_iter().partition(|submission| submission.since.elapsed() <= PATIENCE);
    late.into_iter().for_each(Submission::refuse);
    let answers = loop {
        timely.retain(|submission| !submission.answer.is_closed());
        if timely.is_empty() {
            return None;
        }
        let events: Vec<&Accepted> = timely.iter().flat_map(|submission| &submission.events).collect();
        let are_awaited = || timely.iter().all(|submission| !submission.answer.is_closed());
        match write(app, &events, way, are_awaited).await {
            Ok(Attempt::Written(answers)) => break answers,
            Ok(Attempt::Unawaited) => {}
            Ok(Attempt::Changed) => return Some(timely),
            Err(error) if events.len() == 1 || matches!(error, Error::Unavailable(_)) => {
                break fail_all(&error, events.len());
            }
            Err(_) if matches!(way, Way::IfUnchanged) => return Some(timely),
            Err(error) => {
                tracing::warn!(%error, events = events.len(), "a group of events failed; writing them one by one");
                break Box::pin(write_one_by_one(app, &events)).await;
            }
        }
    };
    let mut answers = answers.into_iter();
    for Submission { events, answer, .. } in timely {
        let _ = answer.send(answers.by_ref().take(events.len()).collect());
    }
    None
}

/// Writes events each by itself, so that one that cannot be written fails alone. Where the database goes away, nothing that
/// comes behind is written.
async fn write_one_by_one(app: &App, events: &[&Accepted]) -> Vec<Result<Recorded>> {
    let mut answers = Vec::with_capacity(events.len());
    for event in events {
        match write(app, std::slice::from_ref(event), Way::Locked, || true).await {
            Ok(Attempt::Written(answer)) => answers.extend(answer),
            Ok(Attempt::Changed | Attempt::Unawaited) => {
                answers.push(Err(Error::internal("an event was neither written nor refused")));
            }
            Err(error @ Error::Unavailable(_)) => {
                answers.extend(fail_all(&error, events.len() - answers.len()));
                break;
            }
            Err(error) => answers.extend(fail_all(&error, 1)),
        }
    }
    answers
}

/// The same failure for all of them; its cause is logged here, once.
pub(super) fn fail_all(error: &Error, count: usize) -> Vec<Result<Recorded>> {
    error.log();
    let again = || match error {
        Error::Unavailable(_) => AWAY,
        Error::Busy(detail) => Error::Busy(detail),
        other => Error::internal(other.to_string()),
    };
    (0..count).map(|_| Err(again())).collect()
}
