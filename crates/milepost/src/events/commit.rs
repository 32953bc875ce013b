//! Group commit: what waits to be written is written together and becomes durable with one commit, however many requests
//! it came by. Nobody waits for a group to fill: a writer takes what is there, and while it writes the next group gathers.
//! SQLite has one writer. On PostgreSQL a second one begins beside the first once enough has gathered, with events of other
//! jobs: it gets as far as taking positions, and goes on from there when the first has committed.
//!
//! Providers take turns in a group, so that one that floods waits behind itself. How much may wait is limited where
//! requests are let in (`admission.rs`). Each request is answered after its own commit; an event that cannot be written
//! fails alone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use super::record::{Accepted, Recorded};
use super::write::{Attempt, Way, write};
use crate::admission::{PATIENCE, Refusal, Work, refuse};
use crate::app::App;
use crate::auth::ProviderId;
use crate::config::Limits;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::observe::metrics::Present;

/// How many events of a provider come into a group before the next provider's do.
const SHARE: usize = 32;

/// How many events must wait before a group is begun beside another: smaller ones cost more than is gained.
const ENOUGH: usize = 16;

/// How many submissions of a provider are passed over at most, where others are writing their jobs.
const MOST_LEFT: usize = 256;

/// How many groups that need their jobs locked are written beside the others.
const BESIDE: usize = 4;

/// What is said of events that could not be written for now.
pub(super) const AWAY: Error = Error::Busy("The database cannot be reached at the moment; try again.");

/// What waits to be written.
#[derive(Debug)]
pub struct Commits {
    queue: Mutex<Queue>,
    /// With so many events a group is full.
    group: usize,
    /// How many groups are written at once.
    writers: usize,
    /// A permit for each group that is written beside the others.
    beside: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: HashMap<Uuid, VecDeque<Submission>>,
    /// Whose turn it is next, of the providers that wait.
    turns: VecDeque<Uuid>,
    /// How many events wait.
    events: usize,
    /// The jobs of the groups that are being written.
    jobs: HashSet<Uuid>,
    /// How many writers there are.
    writers: usize,
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

impl Submission {
    fn job_ids(&self) -> impl Iterator<Item = Uuid> {
        self.events.iter().map(|event| event.job_id)
    }
}

impl Commits {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(db: &Db, limits: &Limits) -> Self {
        let group = usize::try_from(limits.event_group.get()).unwrap_or(usize::MAX);
        let writers = match db {
            Db::Sqlite { .. } => 1,
            Db::Postgres(_) => 2,
        };
        Self { queue: Mutex::default(), group, writers, beside: Arc::new(Semaphore::new(BESIDE)) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets events wait. True: a writer has to be started for them.
    fn add(&self, submission: Submission) -> bool {
        let mut queue = self.queue();
        queue.add(submission);
        queue.wants_writer(self.writers)
    }

    /// The next group, once its writer is done with the one before, and whether another writer has to be started for what is
    /// left; none: the writer has ended.
    fn next_group(&self, written: &[Uuid]) -> Option<(Vec<Submission>, bool)> {
        let mut queue = self.queue();
        for job_id in written {
            queue.jobs.remove(job_id);
        }
        let group = queue.take(self.group);
        if group.is_empty() {
            queue.writers -= 1;
            return None;
        }
        Some((group, queue.wants_writer(self.writers)))
    }
}

impl Queue {
    fn add(&mut self, submission: Submission) {
        let provider = submission.provider.id();
        let of_provider = self.waiting.entry(provider).or_default();
        if of_provider.is_empty() {
            self.turns.push_back(provider);
        }
        self.events += submission.events.len();
        of_provider.push_back(submission);
    }

    /// Whether there shall be one more writer, which there is then.
    fn wants_writer(&mut self, most: usize) -> bool {
        let wants = self.writers == 0 || (self.writers < most && self.events >= ENOUGH);
        self.writers += usize::from(wants);
        wants
    }

    /// Takes what comes next, until there is enough or nothing left but events of jobs that others are writing.
    fn take(&mut self, enough: usize) -> Vec<Submission> {
        let (mut group, mut count) = (Vec::new(), 0);
        let mut passed_over: VecDeque<Uuid> = VecDeque::new();
        while count < enough {
            let Some(provider) = self.turns.pop_front() else { break };
            let Some(of_provider) = self.waiting.get_mut(&provider) else { continue };
            let share = take_share(of_provider, &self.jobs, enough - count);
            let events: usize = share.iter().map(|submission| submission.events.len()).sum();
            if of_provider.is_empty() {
                self.waiting.remove(&provider);
            } else if share.is_empty() {
                passed_over.push_back(provider);
            } else {
                self.turns.push_back(provider);
            }
            count += events;
            group.extend(share);
        }
        passed_over.append(&mut self.turns);
        self.turns = passed_over;
        self.events -= count;
        self.jobs.extend(group.iter().flat_map(Submission::job_ids));
        group
    }
}

/// Takes what comes next of a provider, but for events of jobs that others are writing, and those behind them of the same
/// jobs.
fn take_share(waiting: &mut VecDeque<Submission>, others: &HashSet<Uuid>, enough: usize) -> Vec<Submission> {
    let (mut share, mut count) = (Vec::new(), 0);
    let (mut left, mut jobs_left) = (VecDeque::new(), HashSet::new());
    while count < enough.min(SHARE) && left.len() < MOST_LEFT {
        let Some(submission) = waiting.pop_front() else { break };
        if submission.job_ids().any(|id| others.contains(&id) || jobs_left.contains(&id)) {
            jobs_left.extend(submission.job_ids());
            left.push_back(submission);
        } else {
            count += submission.events.len();
            share.push(submission);
        }
    }
    left.append(waiting);
    *waiting = left;
    share
}

/// Makes events durable, in their order, and answers each.
pub(super) async fn commit(app: &App, provider: ProviderId, events: Vec<Accepted>) -> Vec<Result<Recorded>> {
    let count = events.len();
    let trace = app.traces().begin_commit(count);
    let (answer, answered) = oneshot::channel();
    let waiting = app.metrics().wait_for_turn(count);
    let submission = Submission { provider, events, answer, since: Instant::now(), _waiting: waiting };
    if app.commits().add(submission) {
        start_writer(app);
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

fn start_writer(app: &App) {
    tokio::spawn(write_groups(app.clone()));
}

/// Writes one group after the other until nothing waits.
async fn write_groups(app: App) {
    let mut written = Vec::new();
    while let Some((group, wants_writer)) = app.commits().next_group(&written) {
        if wants_writer {
            start_writer(&app);
        }
        written = group.iter().flat_map(Submission::job_ids).collect();
        let Some(unwritten) = settle_guarded(&app, group, Way::IfUnchanged).await else { continue };
        // Somebody else may hold one of its jobs for a while, or what fails has to be found: the next groups do not wait.
        let app = app.clone();
        let turn = app.commits().beside.clone().acquire_owned().await;
        tokio::spawn(async move {
            settle_guarded(&app, unwritten, Way::Locked).await;
            drop(turn);
        });
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
    for Submission { events, answer, .. } in late {
        let _ = answer.send(events.iter().map(|_| Err(refuse(Work::Writes, Refusal::ServerFull))).collect());
    }
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
            Err(_) if way == Way::IfUnchanged => return Some(timely),
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
