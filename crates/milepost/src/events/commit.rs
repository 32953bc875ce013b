//! Group commit: what waits to be written is written together and becomes durable with one commit, however many requests
//! it came by. Nobody waits for a group to fill: a writer that is free takes what is there, and while it writes the next
//! group gathers.
//!
//! Providers take turns in a group, so that one that floods waits behind itself. How much may wait is limited where
//! requests are let in (`admission.rs`). Each request is answered after its own commit; an event that cannot be written
//! fails alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::record::{Accepted, Recorded};
use super::write::write;
use crate::admission::{PATIENCE, Refusal, Work, refuse};
use crate::app::App;
use crate::auth::ProviderId;
use crate::config::Limits;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::observe::metrics::Present;

/// How many events of a provider come into a group before the next provider's do.
const SHARE: usize = 32;

/// What is said of events that could not be written for now.
pub(super) const AWAY: Error = Error::Busy("The database cannot be reached at the moment; try again.");

/// What waits to be written, and how many are writing.
#[derive(Debug)]
pub struct Commits {
    queue: Mutex<Queue>,
    /// How many groups are written at once.
    writers: usize,
    /// With so many events a group is full.
    group: usize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: HashMap<Uuid, VecDeque<Submission>>,
    /// Whose turn it is next, of the providers that wait.
    turns: VecDeque<Uuid>,
    writing: usize,
}

/// Events of a request, which are written together.
#[derive(Debug)]
struct Submission {
    provider: ProviderId,
    events: Vec<Accepted>,
    answer: oneshot::Sender<Vec<Result<Recorded>>>,
    since: Instant,
    _waiting: Present,
}

impl Commits {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(db: &Db, limits: &Limits) -> Self {
        // SQLite has one writer. On PostgreSQL a second one prepares its group while the first one's is made durable.
        let writers = match db {
            Db::Sqlite { .. } => 1,
            Db::Postgres(_) => 2,
        };
        let group = usize::try_from(limits.event_group.get()).unwrap_or(usize::MAX);
        Self { queue: Mutex::default(), writers, group }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets events wait. True: a writer has to be started for them.
    fn add(&self, submission: Submission) -> bool {
        let mut queue = self.queue();
        queue.add(submission);
        let is_free = queue.writing < self.writers;
        queue.writing += usize::from(is_free);
        is_free
    }

    /// The next group; none: the writer that asks has ended.
    fn next_group(&self) -> Option<Vec<Submission>> {
        let mut queue = self.queue();
        let group = queue.take(self.group);
        if group.is_empty() {
            queue.writing -= 1;
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
pub(super) async fn commit(app: &App, provider: ProviderId, events: Vec<Accepted>) -> Vec<Result<Recorded>> {
    let count = events.len();
    let trace = app.traces().begin_commit(count);
    let (answer, answered) = oneshot::channel();
    let waiting = app.metrics().wait_for_turn(count);
    let submission = Submission { provider, events, answer, since: Instant::now(), _waiting: waiting };
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
        // In a task of its own, so that a group that panics is not the end of the writer.
        let written = tokio::spawn(write_group(app.clone(), group)).await;
        if let Err(error) = written {
            Error::internal(error.to_string()).log();
        }
    }
}

/// Writes a group and answers those who wait for it. Whoever does not wait any more was told that nothing is recorded, or
/// nothing at all, and so nothing is.
async fn write_group(app: App, group: Vec<Submission>) {
    let (mut timely, late): (Vec<Submission>, Vec<Submission>) =
        group.into_iter().partition(|submission| submission.since.elapsed() <= PATIENCE);
    for Submission { events, answer, .. } in late {
        let _ = answer.send(events.iter().map(|_| Err(refuse(Work::Writes, Refusal::ServerFull))).collect());
    }
    let answers = loop {
        timely.retain(|submission| !submission.answer.is_closed());
        if timely.is_empty() {
            return;
        }
        let events: Vec<&Accepted> = timely.iter().flat_map(|submission| &submission.events).collect();
        let are_awaited = || timely.iter().all(|submission| !submission.answer.is_closed());
        match write(&app, &events, are_awaited).await {
            Ok(Some(answers)) => break answers,
            Ok(None) => {}
            Err(error) if events.len() == 1 || matches!(error, Error::Unavailable(_)) => {
                break fail_all(&error, events.len());
            }
            Err(error) => {
                tracing::warn!(%error, events = events.len(), "a group of events failed; writing them one by one");
                break write_one_by_one(&app, &events).await;
            }
        }
    };
    let mut answers = answers.into_iter();
    for Submission { events, answer, .. } in timely {
        let _ = answer.send(answers.by_ref().take(events.len()).collect());
    }
}

/// Writes events each by itself, so that one that cannot be written fails alone. Where the database goes away, nothing that
/// comes behind is written.
async fn write_one_by_one(app: &App, events: &[&Accepted]) -> Vec<Result<Recorded>> {
    let mut answers = Vec::with_capacity(events.len());
    for event in events {
        match write(app, std::slice::from_ref(event), || true).await {
            Ok(answer) => answers.extend(answer.into_iter().flatten()),
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
