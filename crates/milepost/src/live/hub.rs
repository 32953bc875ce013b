//! One hub a process: it reads each new event once, in the order of the commits, encodes it once, and hands it to the
//! queue of every watcher that may see it. So it does with the jobs that are found to be silent.
//!
//! It is woken by each commit (PostgreSQL's NOTIFY; on SQLite by the transaction itself) and looks by itself every
//! half second, so that a lost notification, or another process that writes to the same SQLite file, delays a stream
//! but never silences it. What it has read is a position in the log of all events, so it misses and repeats nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgListener;
use sqlx::{Executor, PgPool};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::log::{self, Entry};
use super::{Id, frame};
use crate::auth::Viewer;
use crate::db::{CHANNEL, Db, Select, on, postgres_within};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::jobs::{self, Job};
use crate::observe::metrics::Metrics;

/// How many events may wait for a watcher before it is cut off; it resumes with the id of its last one. Several times
/// [`PAGE`], so that a large batch does not cut off those who keep up.
const QUEUE: usize = 1024;
/// How often the hub looks without being woken.
const LOOK: Duration = Duration::from_millis(500);
/// How many events it reads at once.
const PAGE: i64 = 250;
/// How long it waits after an error of the database.
const PAUSE: Duration = Duration::from_millis(500);

/// How long PostgreSQL may take over a look before the connection is given up as lost.
const LOST: Duration = Duration::from_secs(10);
/// How long nothing is heard of PostgreSQL before it is asked whether it is there.
const QUIET: Duration = Duration::from_secs(30);

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum Signal {
    /// An event of a job that it watches, or that the job was found to be silent.
    Event(Arc<LiveEvent>),
    /// Somebody's rights changed: look whether the stream is still allowed.
    Recheck,
}

/// An event, or that a job was found to be silent, encoded once for all watchers.
#[derive(Debug)]
pub struct LiveEvent {
    /// Its job.
    pub job_id: Uuid,
    /// Its place in its job; of a silence, that of the job's last event.
    pub sequence: i64,
    /// Of a silence, since when the job is silent.
    pub silent_since: Option<DateTime<Utc>>,
    /// Its place in the log of all events.
    pub position: i64,
    /// As a job's stream sends it.
    pub job_frame: Bytes,
    /// As the stream of all jobs sends it.
    pub feed_frame: Bytes,
}

/// The message about one event.
#[derive(Debug, Serialize)]
struct Message<'a> {
    event: &'a Event,
    /// As it is now: never older than the event.
    job: &'a Job,
}

/// The message that a job was found to be silent.
#[derive(Debug, Serialize)]
struct SilenceMessage<'a> {
    job: &'a Job,
}

impl LiveEvent {
    /// Encodes an entry of the log and its job. None: the job was silent and is no more, as an event behind it says.
    pub(super) fn encode(entry: &Entry, job: &Job) -> Result<Option<Self>> {
        let position = Id::Number(entry.position());
        let (sequence, silent_since, job_frame, feed_frame) = match entry {
            Entry::Event(stored) => {
                let data = to_json(&Message { event: &stored.event, job })?;
                let sequence = stored.event.sequence;
                (sequence, None, frame("event", Id::Number(sequence), &data), frame("event", position, &data))
            }
            Entry::Silence(_) => {
                if job.silent_since.is_none() {
                    return Ok(None);
                }
                let data = to_json(&SilenceMessage { job })?;
                let feed_frame = frame("silence", position, &data);
                (job.last_sequence, job.silent_since, frame("silence", Id::AsBefore, &data), feed_frame)
            }
        };
        let position = entry.position();
        Ok(Some(Self { job_id: job.id, sequence, silent_since, position, job_frame, feed_frame }))
    }
}

/// What a job's stream says of a job that is silent.
pub(super) fn silence_frame(job: &Job) -> Result<Bytes> {
    Ok(frame("silence", Id::AsBefore, &to_json(&SilenceMessage { job })?))
}

fn to_json(message: &impl Serialize) -> Result<String> {
    serde_json::to_string(message).map_err(Error::internal)
}

/// The hub of a process.
#[derive(Debug, Clone)]
pub struct Hub {
    watchers: Arc<Mutex<Watchers>>,
    metrics: Metrics,
    closing: CancellationToken,
}

/// How many watchers there are.
#[derive(Debug, Clone, Copy)]
pub struct StreamCount {
    /// Of one job.
    pub of_a_job: usize,
    /// Of all jobs of somebody.
    pub of_all_jobs: usize,
}

#[derive(Debug, Default)]
struct Watchers {
    next_id: u64,
    queues: HashMap<u64, Registered>,
    /// Who watches what: by the id of a job, or of the user whose jobs all are watched.
    by_topic: HashMap<Uuid, Vec<u64>>,
}

#[derive(Debug)]
struct Registered {
    topic: Uuid,
    /// Who watches.
    user_id: Uuid,
    /// A change of one of these may end the stream.
    subjects: Vec<Uuid>,
    /// The position of the last change of rights that it knows of.
    knows_access: i64,
    queue: mpsc::Sender<Arc<LiveEvent>>,
    recheck: Arc<Notify>,
}

/// A registered watcher; dropped, it is registered no more.
#[derive(Debug)]
pub struct Watcher {
    id: u64,
    hub: Hub,
    /// Taken from the queue and put back; older than what is in it.
    waiting: VecDeque<Arc<LiveEvent>>,
    events: mpsc::Receiver<Arc<LiveEvent>>,
    recheck: Arc<Notify>,
}

impl Watcher {
    /// The next signal; none once the watcher was too slow or the server stops: what still waits then comes again
    /// when it resumes. A recheck overtakes events: they are not for somebody who has lost the right to see them.
    pub async fn next(&mut self) -> Option<Signal> {
        if self.events.is_closed() {
            return None;
        }
        let waiting = &mut self.waiting;
        tokio::select! {
            biased;
            () = self.recheck.notified() => Some(Signal::Recheck),
            Some(event) = async { waiting.pop_front() } => Some(Signal::Event(event)),
            event = self.events.recv() => event.map(Signal::Event),
        }
    }

    /// The events that wait. When there was a recheck, those from before it are among them.
    pub fn take_waiting(&mut self) -> VecDeque<Arc<LiveEvent>> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend(std::iter::from_fn(|| self.events.try_recv().ok()));
        waiting
    }

    /// Lets events that were taken wait again, before all others.
    pub fn put_back(&mut self, waiting: VecDeque<Arc<LiveEvent>>) {
        self.waiting = waiting;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.hub.watchers().remove(self.id);
    }
}

impl Watchers {
    /// Those who watch a job, or all jobs of one of its sides, and may see it.
    fn allowed(&self, job: &Job) -> Vec<u64> {
        let sides = [Some(job.provider_id), job.customer_id];
        let is_side = |id: &&u64| self.queues.get(id).is_some_and(|r| sides.contains(&Some(r.user_id)));
        let topics = [Some(job.id), sides[0], sides[1]];
        topics
            .iter()
            .flatten()
            .filter_map(|topic| self.by_topic.get(topic))
            .flatten()
            .filter(is_side)
            .copied()
            .collect()
    }

    fn remove(&mut self, id: u64) {
        let Some(registered) = self.queues.remove(&id) else { return };
        if let Some(ids) = self.by_topic.get_mut(&registered.topic) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_topic.remove(&registered.topic);
            }
        }
    }

    /// Queues an event for some watchers and cuts off those whose queue is full; gives how many.
    fn send(&mut self, ids: &[u64], event: &Arc<LiveEvent>) -> u64 {
        let mut cut_off = 0;
        for id in ids {
            let is_full = self.queues.get(id).is_some_and(|r| r.queue.try_send(event.clone()).is_err());
            if is_full {
                self.remove(*id);
                cut_off += 1;
            }
        }
        cut_off
    }
}

impl Hub {
    /// A hub whose streams end when `closing` is cancelled.
    #[must_use]
    pub fn new(closing: CancellationToken, metrics: Metrics) -> Self {
        Self { watchers: Arc::default(), metrics, closing }
    }

    /// How many streams are open.
    #[must_use]
    pub fn count_streams(&self) -> StreamCount {
        let watchers = self.watchers();
        let of_all_jobs = watchers.queues.values().filter(|r| r.topic == r.user_id).count();
        StreamCount { of_a_job: watchers.queues.len() - of_all_jobs, of_all_jobs }
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a watcher of a topic: a job, or the user whose jobs all are watched. A change of the topic, the user
    /// or the credential makes it look again whether it is allowed, unless it is one of those up to `knows_access`,
    /// the position of the log of changes before the watcher reads what it may see.
    #[must_use]
    pub fn watch(&self, topic: Uuid, viewer: &Viewer, knows_access: i64) -> Watcher {
        let user_id = viewer.user_id();
        let subjects = vec![topic, user_id, viewer.credential().id()];
        let (queue, events) = mpsc::channel(QUEUE);
        let recheck = Arc::new(Notify::new());
        let mut watchers = self.watchers();
        let id = watchers.next_id;
        watchers.next_id += 1;
        // A hub that is closing has forgotten its watchers: this one ends at once.
        if !self.closing.is_cancelled() {
            watchers
                .queues
                .insert(id, Registered { topic, user_id, subjects, knows_access, queue, recheck: recheck.clone() });
            watchers.by_topic.entry(topic).or_default().push(id);
        }
        Watcher { id, hub: self.clone(), waiting: VecDeque::new(), events, recheck }
    }

    /// Whether the server is stopping.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Where to begin. To be asked before the first watcher can come: one that had read less than this would miss what
    /// lies between.
    pub async fn begin(db: &Db) -> sqlx::Result<Seen> {
        on!(db, |c| {
            sqlx::query_as(
                "select (select position from log_positions where log = 'events') as events,
                     (select position from log_positions where log = 'access') as access",
            )
            .fetch_one(c)
            .await
        })
    }

    /// Follows the logs until the server stops; then all streams end.
    pub async fn run(self, db: Db, seen: Seen) {
        let follow = async {
            match &db {
                Db::Sqlite { committed, .. } => self.follow(&db, seen, committed).await,
                Db::Postgres { shared, .. } => {
                    let wake = Notify::new();
                    tokio::join!(self.follow(&db, seen, &wake), listen(shared, &wake));
                }
            }
        };
        self.closing.run_until_cancelled(follow).await;
        let mut watchers = self.watchers();
        watchers.queues.clear();
        watchers.by_topic.clear();
    }

    async fn follow(&self, db: &Db, mut seen: Seen, wake: &Notify) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_away = false;
        loop {
            match db.within(LOST, self.look(db, seen)).await {
                Ok((now, is_more)) => {
                    seen = now;
                    is_away = false;
                    if is_more {
                        continue;
                    }
                }
                Err(error) => {
                    // An outage is told once, not twice a second.
                    if !is_away {
                        tracing::warn!(%error, "live streams are waiting for the database");
                    }
                    is_away = true;
                    sleep(PAUSE).await;
                }
            }
            tokio::select! {
                () = wake.notified() => {}
                _ = ticks.tick() => {}
            }
        }
    }

    /// Hands out what was committed since the last look, at most a page of it, so that changes of rights do not wait
    /// behind a backlog. True: there is more.
    async fn look(&self, db: &Db, seen: Seen) -> Result<(Seen, bool)> {
        let now = Self::begin(db).await?;
        if now.access != seen.access {
            self.recheck(db, seen.access, now.access).await?;
        }
        if now.events == seen.events || !self.is_watched() {
            return Ok((now, false));
        }
        let stretch = log::read(db, None, seen.events, now.events, PAGE).await?;
        self.hand_out(db, &stretch.entries).await?;
        Ok((Seen { events: stretch.upto, access: now.access }, stretch.upto < now.events))
    }

    fn is_watched(&self) -> bool {
        !self.watchers().queues.is_empty()
    }

    async fn hand_out(&self, db: &Db, entries: &[Entry]) -> Result<()> {
        let jobs = jobs::queries::load_all(db, entries.iter().map(Entry::job_id)).await?;
        for entry in entries {
            let Some(job) = jobs.get(&entry.job_id()) else { continue };
            let mut watchers = self.watchers();
            let ids = watchers.allowed(job);
            if ids.is_empty() {
                continue;
            }
            if let Some(event) = LiveEvent::encode(entry, job)? {
                let cut_off = watchers.send(&ids, &Arc::new(event));
                self.metrics.streams_cut_off.inc_by(cut_off);
            }
        }
        Ok(())
    }

    /// Tells those whose rights changed to look again.
    async fn recheck(&self, db: &Db, after: i64, upto: i64) -> Result<()> {
        let changed: Vec<(Uuid, i64)> = Select::new("select subject_id, position from access_changes")
            .bind(" where position > ", after)
            .bind(" and position <= ", upto)
            .fetch_all(db)
            .await?;
        // Some were cleared away before we read them: we cannot tell whose, so all look.
        let all = i64::try_from(changed.len()).is_ok_and(|count| count < upto - after);
        let concerned = |r: &&Registered| {
            let is_news =
                |(subject, position): &(Uuid, i64)| *position > r.knows_access && r.subjects.contains(subject);
            (all && upto > r.knows_access) || changed.iter().any(is_news)
        };
        self.watchers().queues.values().filter(concerned).for_each(|r| r.recheck.notify_one());
        Ok(())
    }
}

/// How far the hub has read.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Seen {
    events: i64,
    access: i64,
}

/// Waits for the next notification. Where none comes for a while, PostgreSQL is asked whether it is there.
async fn hear(listener: &mut PgListener) -> sqlx::Result<()> {
    loop {
        if let Ok(heard) = timeout(QUIET, listener.recv()).await {
            return heard.map(drop);
        }
        postgres_within(LOST, listener.execute("select 1")).await?;
    }
}

/// Wakes the hub whenever PostgreSQL says that something was committed to a log; connects again when that breaks off.
async fn listen(pool: &PgPool, wake: &Notify) {
    loop {
        // Without notifications the hub looks by itself, and tells of a database that is away.
        if let Ok(mut listener) = PgListener::connect_with(pool).await {
            let mut heard = listener.listen(CHANNEL).await;
            while heard.is_ok() {
                wake.notify_one();
                heard = hear(&mut listener).await;
            }
        }
        sleep(PAUSE).await;
    }
}
