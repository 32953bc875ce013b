//! What takes reports to the server.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SpoolSettings;
use super::noted::Noted;
use super::problem::{explain, is_recorded, is_without_job};
use super::spool::{Entry, Header, NotTaken, Report, Spool, is_to_be_opened, left_behind};
use crate::cli::server::{RequestError, Server, base};
use crate::cli::text::clean;
use crate::sources::Clock;

/// Of a request; the server takes 1 MiB.
const MOST_EVENTS: usize = 500;
const MOST_BYTES: usize = 512 * 1024;
/// How soon it is looked again whether a job is open.
const SOON: Duration = Duration::from_millis(200);
/// How many different refusals are told.
const MOST_REFUSALS: usize = 20;

/// Takes reports to a server, in their order.
#[derive(Debug)]
pub(super) struct Courier {
    server: Server,
    settings: SpoolSettings,
    noted: Noted,
    /// How far the server's clock is ahead; none before it has told its time.
    ahead: Option<TimeDelta>,
    /// What the server will never take, in a line each.
    refusals: Vec<String>,
    /// What was told of it already.
    told: HashSet<String>,
    /// Jobs that were not there when something was to be told of them.
    missed: HashSet<String>,
    sent: u64,
}

/// Why reports still wait.
#[derive(Debug)]
pub(super) struct NotNow {
    /// For people.
    pub(super) reason: String,
    /// When the server wants to be asked again.
    pub(super) after: Option<Duration>,
    pub(super) cause: Cause,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server has too much to do: it is asked again.
    Busy,
    /// It cannot be reached, or something else answers in its place: nobody waits for it.
    Unreachable,
    /// It does not take the key: nothing more needs to be tried.
    Key,
    /// Another process is still to open the job.
    Early,
}

/// What the folder holds beside our own file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Others {
    /// Files that wait for another server or key.
    pub(super) foreign: u64,
    /// Files that nobody can read.
    pub(super) unreadable: u64,
    /// Files that wait for a job to be opened.
    pub(super) early: u64,
}

/// What the server says to an event of a batch.
#[derive(Deserialize)]
struct Item {
    status: u16,
    #[serde(default)]
    problem: Value,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Item>,
}

/// What the server says to a job that is opened: that it answers so shows that it is ours.
#[derive(Deserialize)]
struct Opened {
    #[serde(rename = "provider_job_id")]
    _provider_job_id: String,
}

impl From<RequestError> for NotNow {
    fn from(error: RequestError) -> Self {
        let refused = matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN));
        let cause = match error.problem() {
            Some(_) if refused => Cause::Key,
            Some(_) => Cause::Busy,
            None => Cause::Unreachable,
        };
        Self { reason: clean(&error.to_string()), after: error.retry_after(), cause }
    }
}

impl Courier {
    pub(super) fn new(server: Server, settings: SpoolSettings) -> Self {
        Self {
            noted: Noted::load(&settings, server.address()),
            server,
            settings,
            ahead: None,
            refusals: Vec::new(),
            told: HashSet::new(),
            missed: HashSet::new(),
            sent: 0,
        }
    }

    /// What the server has refused since this was asked last, the same only once.
    pub(super) fn take_refusals(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refusals)
    }

    /// How many reports the server has answered for.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether it makes no sense to wait for the server.
    pub(super) fn is_away(&self) -> bool {
        self.noted.is_away(Clock::default().now())
    }

    /// Notes whether the server was waited for in vain.
    pub(super) fn note_away(&mut self, is_away: bool) {
        self.noted.note_away(&self.settings, is_away.then(|| Clock::default().now()));
    }

    /// Sends all that waits in a file.
    pub(super) async fn send_all(&mut self, spool: &Mutex<Spool>) -> Result<(), NotNow> {
        loop {
            let entries = lock(spool).read().map_err(|error| unreadable(&error))?;
            if entries.is_empty() {
                return Ok(());
            }
            self.send(spool, &entries).await?;
        }
    }

    /// Sends what others left behind for the same server and key.
    pub(super) async fn send_left_behind(&mut self, own: &Mutex<Spool>) -> Result<Others, NotNow> {
        let own_path = lock(own).path().to_owned();
        let mut others = Others::default();
        for path in left_behind(&self.settings.folder).into_iter().filter(|path| *path != own_path) {
            let spool = match Spool::take_over(&path) {
                Ok(spool) => spool,
                Err(NotTaken::Busy) => continue,
                Err(NotTaken::Unreadable) => {
                    others.unreadable += 1;
                    continue;
                }
            };
            if !self.is_ours(spool.header()) {
                others.foreign += u64::from(spool.has_unsent());
                spool.remove();
                continue;
            }
            let spool = Mutex::new(spool);
            let sent = self.send_all(&spool).await;
            spool.into_inner().unwrap_or_else(PoisonError::into_inner).remove();
            match sent {
                Err(NotNow { cause: Cause::Early, .. }) => others.early += 1,
                sent => sent?,
            }
        }
        Ok(others)
    }

    fn is_ours(&self, header: &Header) -> bool {
        let is_our_server = base(&header.url).is_ok_and(|url| url == self.server.address());
        is_our_server && header.key == Header::of("", self.server.api_key()).key
    }

    async fn send(&mut self, spool: &Mutex<Spool>, entries: &[Entry]) -> Result<(), NotNow> {
        if self.ahead.is_none() {
            self.server.get::<Value>("/server").await?;
        }
        let is_open = |entry: &Entry| matches!(entry.report, Report::Open(_));
        for run in entries.chunk_by(|one, next| is_open(one) == is_open(next)) {
            if run.first().is_some_and(is_open) {
                for entry in run {
                    self.open(spool, entry).await?;
                }
            } else {
                for part in parts(run) {
                    self.correct_clock();
                    self.send_events(spool, part).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes the server's time as it told it last; where it did not, as it was noted.
    fn correct_clock(&mut self) {
        let found = self.server.told_ahead();
        self.ahead = Some(self.noted.correct(&self.settings, found));
    }

    async fn open(&mut self, spool: &Mutex<Spool>, entry: &Entry) -> Result<(), NotNow> {
        let body = Value::Object(entry.report.body().clone());
        if let Err(error) = self.server.send_json::<Opened>(Method::POST, "/jobs", &body).await {
            self.refuse(spool, entry, error)?;
            // Nobody else will open it.
            self.missed.insert(entry.report.job().to_owned());
        }
        self.settle(spool, entry);
        Ok(())
    }

    async fn send_events(&mut self, spool: &Mutex<Spool>, entries: &[Entry]) -> Result<(), NotNow> {
        let events: Vec<Value> = {
            let spool = lock(spool);
            entries.iter().map(|entry| self.event(&spool, entry)).collect()
        };
        let answer = self.server.send_json::<Items>(Method::POST, "/events/batch", &Value::Array(events)).await;
        let items = match (answer, entries) {
            (Ok(Items { items }), _) if items.len() == entries.len() => items,
            (Ok(_), _) => return Err(NotNow::from(self.server.strange_answer())),
            (Err(error), [entry]) => {
                self.refuse(spool, entry, error)?;
                self.settle(spool, entry);
                return Ok(());
            }
            (Err(error), _) if error.is_final() && error.problem().is_some() => {
                // Not the fault of all of them: one by one it shows of which.
                for entry in entries {
                    Box::pin(self.send_events(spool, std::slice::from_ref(entry))).await?;
                }
                return Ok(());
            }
            (Err(error), _) => return Err(error.into()),
        };
        for (entry, Item { status, problem }) in entries.iter().zip(items) {
            match status {
                408 | 429 | 500.. => {
                    let reason = "the server is busy".to_owned();
                    return Err(NotNow { reason, after: None, cause: Cause::Busy });
                }
                400.. if is_recorded(&problem) => {}
                400.. if is_without_job(&problem) && self.is_early(entry) => {
                    let reason = format!("the job {} is not open yet", clean(entry.report.job()));
                    return Err(NotNow { reason, after: Some(SOON), cause: Cause::Early });
                }
                400.. => self.set_aside(spool, entry, &problem),
                _ => {}
            }
            self.settle(spool, entry);
        }
        Ok(())
    }

    /// Whether an event came before its job, which another process opens: `milepost event` in a script that `milepost
    /// exec` runs is often faster.
    fn is_early(&mut self, entry: &Entry) -> bool {
        let (job, header) = (entry.report.job(), Header::of(self.server.address(), self.server.api_key()));
        // Looked at once more in any case: it may have been opened just now, and its file be gone.
        is_to_be_opened(&self.settings.folder, &header, job) || self.missed.insert(job.to_owned())
    }

    /// An event as it is sent: with its time by the server's clock.
    fn event(&self, spool: &Spool, entry: &Entry) -> Value {
        let now = Clock::default().now();
        let reported = DateTime::<Utc>::from_timestamp_micros(micros(entry.at)).unwrap_or(now);
        // Whatever the clock said then, it was not later than now.
        let at = reported.min(now).checked_add_signed(self.ahead.unwrap_or_default()).unwrap_or(now);
        let mut event = entry.report.body().clone();
        event.entry("occurred_at").or_insert_with(|| json!(at.to_rfc3339_opts(SecondsFormat::Micros, true)));
        event.insert("idempotency_key".to_owned(), json!(spool.idempotency_key(entry)));
        Value::Object(event)
    }

    /// Sets a report aside if the server will never take it.
    fn refuse(&mut self, spool: &Mutex<Spool>, entry: &Entry, error: RequestError) -> Result<(), NotNow> {
        let passes = matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN));
        match error.problem() {
            Some(problem) if error.is_final() && !passes => {
                let problem = problem.clone();
                self.set_aside(spool, entry, &problem);
                Ok(())
            }
            _ => Err(error.into()),
        }
    }

    fn set_aside(&mut self, spool: &Mutex<Spool>, entry: &Entry, problem: &Value) {
        let place = match lock(spool).refuse(entry, problem) {
            Ok(path) => format!("it is kept in {}", path.display()),
            Err(error) => format!("it could not be set aside: {error}"),
        };
        let refusal =
            format!("the server refuses a report about the job {}: {}", entry.report.job(), explain(problem));
        if self.told.len() < MOST_REFUSALS && self.told.insert(refusal.clone()) {
            self.refusals.push(clean(&format!("{refusal} ({place})")));
        }
    }

    fn settle(&mut self, spool: &Mutex<Spool>, entry: &Entry) {
        lock(spool).settle(entry);
        self.sent += 1;
    }
}

/// Entries in requests of a size that the server takes.
fn parts(entries: &[Entry]) -> Vec<&[Entry]> {
    let (mut parts, mut begin, mut size) = (Vec::new(), 0, 0);
    for (index, entry) in entries.iter().enumerate() {
        let length = serde_json::to_vec(&entry.report).map_or(0, |text| text.len() + 200);
        if index > begin && (index - begin >= MOST_EVENTS || size + length > MOST_BYTES) {
            parts.push(&entries[begin..index]);
            (begin, size) = (index, 0);
        }
        size += length;
    }
    if begin < entries.len() {
        parts.push(&entries[begin..]);
    }
    parts
}

fn unreadable(error: &std::io::Error) -> NotNow {
    NotNow { reason: format!("what waits cannot be read: {error}"), after: None, cause: Cause::Unreachable }
}

#[expect(clippy::cast_possible_truncation, reason = "what does not fit is no time and becomes now")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

pub(super) fn lock(spool: &Mutex<Spool>) -> MutexGuard<'_, Spool> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}
