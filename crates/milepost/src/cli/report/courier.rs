//! What takes reports to the server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SpoolSettings;
use super::spool::{Entry, Report, Spool, left_behind};
use crate::cli::server::{RequestError, Server};
use crate::cli::text::clean;
use crate::sources::Clock;

/// Of a request; the server takes 1 MiB.
const MOST_EVENTS: usize = 500;
const MOST_BYTES: usize = 512 * 1024;

/// Takes reports to a server, in their order.
#[derive(Debug)]
pub(super) struct Courier {
    server: Server,
    /// Whether the server has told its time.
    knows_time: bool,
    /// What the server will never take, in a line each.
    refusals: Vec<String>,
    sent: u64,
}

/// Why reports still wait.
#[derive(Debug)]
pub(super) struct NotNow {
    /// For people.
    pub(super) reason: String,
    /// When the server wants to be asked again.
    pub(super) after: Option<Duration>,
    /// Whether the server cannot be reached, or something else answers in its place.
    pub(super) is_unreachable: bool,
    /// Whether the key is not taken: nothing more needs to be tried.
    pub(super) is_over: bool,
}

/// What the folder holds beside our own file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Others {
    /// Files of processes that are at it.
    pub(super) busy: u64,
    /// Files that wait for another server or key.
    pub(super) foreign: u64,
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

impl From<RequestError> for NotNow {
    fn from(error: RequestError) -> Self {
        let refused = matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN));
        let is_over = refused && error.problem().is_some();
        let is_unreachable = is_over || error.status().is_none() || error.problem().is_none();
        Self { reason: clean(&error.to_string()), after: error.retry_after(), is_unreachable, is_over }
    }
}

impl Courier {
    pub(super) fn new(server: Server) -> Self {
        Self { server, knows_time: false, refusals: Vec::new(), sent: 0 }
    }

    /// What the server has refused since this was asked last.
    pub(super) fn take_refusals(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refusals)
    }

    /// How many reports the server has answered for.
    pub(super) fn sent(&self) -> u64 {
        self.sent
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
    pub(super) async fn send_left_behind(
        &mut self,
        settings: &SpoolSettings,
        own: &Mutex<Spool>,
    ) -> Result<Others, NotNow> {
        let (own_path, header) = {
            let own = lock(own);
            (own.path().to_owned(), own.header().clone())
        };
        let mut others = Others::default();
        for path in left_behind(&settings.folder).into_iter().filter(|path| *path != own_path) {
            let Some(spool) = Spool::take_over(&path) else {
                others.busy += 1;
                continue;
            };
            if *spool.header() != header {
                others.foreign += u64::from(spool.has_unsent());
                spool.remove();
                continue;
            }
            let spool = Mutex::new(spool);
            let sent = self.send_all(&spool).await;
            spool.into_inner().unwrap_or_else(PoisonError::into_inner).remove();
            sent?;
        }
        Ok(others)
    }

    async fn send(&mut self, spool: &Mutex<Spool>, entries: &[Entry]) -> Result<(), NotNow> {
        if !self.knows_time {
            self.server.get::<Value>("/server").await?;
            self.knows_time = true;
        }
        let is_open = |entry: &Entry| matches!(entry.report, Report::Open(_));
        for run in entries.chunk_by(|one, next| is_open(one) == is_open(next)) {
            if run.first().is_some_and(is_open) {
                for entry in run {
                    self.open(spool, entry).await?;
                }
            } else {
                for part in parts(run) {
                    self.send_events(spool, part).await?;
                }
            }
        }
        Ok(())
    }

    async fn open(&mut self, spool: &Mutex<Spool>, entry: &Entry) -> Result<(), NotNow> {
        let body = Value::Object(entry.report.body().clone());
        match self.server.send_json::<Value>(Method::POST, "/jobs", &body).await {
            Ok(_) => {}
            Err(error) => self.refuse(spool, entry, error)?,
        }
        self.settle(spool, entry);
        Ok(())
    }

    async fn send_events(&mut self, spool: &Mutex<Spool>, entries: &[Entry]) -> Result<(), NotNow> {
        let events: Vec<Value> = {
            let spool = lock(spool);
            entries.iter().map(|entry| self.event(&spool, entry)).collect()
        };
        let items = match self.server.send_json::<Items>(Method::POST, "/events/batch", &Value::Array(events)).await {
            Ok(Items { items }) if items.len() == entries.len() => items,
            Ok(_) => return Err(NotNow::from(self.server.strange_answer())),
            Err(error) if error.is_final() && error.problem().is_some() && entries.len() > 1 => {
                // Not the fault of all of them: one by one it shows of which.
                for entry in entries {
                    Box::pin(self.send_events(spool, std::slice::from_ref(entry))).await?;
                }
                return Ok(());
            }
            Err(error) => {
                for entry in entries {
                    self.refuse(spool, entry, error)?;
                    self.settle(spool, entry);
                    break;
                }
                return Ok(());
            }
        };
        for (entry, Item { status, problem }) in entries.iter().zip(items) {
            match status {
                408 | 429 | 500.. => {
                    let reason = "the server is busy".to_owned();
                    return Err(NotNow { reason, after: None, is_unreachable: false, is_over: false });
                }
                400.. if !is_recorded(&problem) => self.set_aside(spool, entry, &problem),
                _ => {}
            }
            self.settle(spool, entry);
        }
        Ok(())
    }

    /// An event as it is sent: with its time by the server's clock.
    fn event(&self, spool: &Spool, entry: &Entry) -> Value {
        let now = Clock::default().now();
        let reported = DateTime::<Utc>::from_timestamp_micros(micros(entry.at)).unwrap_or(now);
        // Whatever the clock said then, it was not later than now.
        let at = reported.min(now) + (self.server.clock().now() - now).max(-FAR).min(FAR);
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
        if let Err(error) = lock(spool).refuse(entry, problem) {
            tracing::warn!(%error, "a report that the server refuses could not be set aside");
        }
        let job = entry.report.body().get("provider_job_id").and_then(Value::as_str).unwrap_or_default();
        self.refusals.push(clean(&format!("the server refuses a report about the job {job}: {}", explain(problem))));
    }

    fn settle(&mut self, spool: &Mutex<Spool>, entry: &Entry) {
        lock(spool).settle(entry);
        self.sent += 1;
    }
}

/// A clock that is farther off is not corrected.
const FAR: TimeDelta = TimeDelta::days(3650);

/// A problem in one line.
fn explain(problem: &Value) -> String {
    let text = |value: &Value, field: &str| value[field].as_str().map(str::to_owned);
    let errors = problem["errors"].as_array().into_iter().flatten();
    let said: Vec<String> =
        errors.filter_map(|error| Some(format!("{}: {}", text(error, "pointer")?, text(error, "detail")?))).collect();
    let first = if said.is_empty() { text(problem, "detail") } else { text(problem, "title") };
    let first = first.or_else(|| text(problem, "title")).unwrap_or_else(|| "refused".to_owned());
    [vec![first], said].concat().join("; ")
}

/// Whether an event is there already under its idempotency key, with its time by another clock.
fn is_recorded(problem: &Value) -> bool {
    problem["errors"].as_array().into_iter().flatten().any(|error| error["pointer"] == "/idempotency_key")
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
    NotNow {
        reason: format!("what waits cannot be read: {error}"),
        after: None,
        is_unreachable: true,
        is_over: false,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what does not fit is no time and becomes now")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

pub(super) fn lock(spool: &Mutex<Spool>) -> MutexGuard<'_, Spool> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}
