//! Live streams: Server-Sent Events of one job, and of all jobs the viewer may see. A reconnect with the id of the last
//! event misses nothing and repeats nothing.
//!
//! A stream registers with the [`Hub`] first and reads what it has missed second, so nothing falls between; what the
//! hub hands over of the part already read is passed over by its sequence or position.

mod hub;
mod log;

use std::fmt::Write;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use async_stream::try_stream;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Deserialize;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::admission::Place;
use crate::app::App;
use crate::audit::{self, Actor, Part};
use crate::auth::{Viewer, credentials, uses};
use crate::db::{Log, log_position};
use crate::error::{Error, Result};
use crate::events::load_after_sequence;
use crate::http::{PathId, Query};
use crate::jobs::{Job, find_as_of_now, queries};
pub use hub::Hub;
use hub::{LiveEvent, Signal, Watcher, silence_frame};
use log::Entry;

/// How often a comment keeps an idle line open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often an open stream looks at the use of its credentials, at most.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// How long an open stream waits for the database; its client comes again.
const READING: Duration = Duration::from_secs(15);
/// How many missed events are read at once.
const PAGE: i64 = 200;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(stream_job)).routes(routes!(stream_jobs))
}

/// What a reconnect names to go on behind a message.
#[derive(Debug, Clone, Copy)]
enum Id {
    /// A sequence, or a position.
    Number(i64),
    /// None, so that a browser keeps the one of the message before.
    AsBefore,
}

/// One message of a stream. The data has no line breaks: it is JSON on one line.
fn frame(event: &str, id: Id, data: &str) -> Bytes {
    let mut text = String::with_capacity(event.len() + data.len() + 44);
    // Writing to a string cannot fail.
    let _ = match id {
        Id::Number(id) => write!(text, "event: {event}\nid: {id}\ndata: {data}\n\n"),
        Id::AsBefore => write!(text, "event: {event}\ndata: {data}\n\n"),
    };
    text.into()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Resume {
    /// The id of the last message that was received; the header `Last-Event-ID` beats it.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
}

impl Resume {
    /// The sequence or position of the last message that was received. What is no id is refused wherever it stands.
    pub(crate) fn last_id(self, headers: &HeaderMap) -> Result<Option<i64>> {
        let read = |field: &str, text: &str| {
            let id = parse_id(text);
            id.ok_or_else(|| Error::invalid(format!("/{field}"), "is not the id of a message of this stream"))
        };
        let after = self.after.as_deref().map(|text| read("after", text)).transpose()?;
        let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
        let header = header.map(|text| read("Last-Event-ID", text)).transpose()?;
        Ok(header.or(after))
    }
}

/// The id of a message as we write it: digits, fewer than an `i64` may have.
pub(crate) fn parse_id(text: &str) -> Option<i64> {
    let is_id = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_id)
}

/// The events of one job, live
///
/// Begins with one `snapshot` of the job, or after `Last-Event-ID` with every event behind that sequence; then come
/// the events as they are recorded, each with its job as it is now. A message's id is the sequence. `silence`, without an
/// id, says that nothing has come for longer than usual; a stream that goes on behind an id says so again of a job that
/// is silent. The job of the next event is silent no more.
#[utoipa::path(get, path = "/jobs/{id}/stream", tag = "Live", operation_id = "stream_job",
    params(("id" = Uuid, Path, description = "The job"), Resume,
        ("Last-Event-ID" = Option<String>, Header, pattern = "^[0-9]{1,18}$",
            description = "The id of the last message received")),
    responses((status = 200, description = "Messages `snapshot` (the job with its steps), `event` ({event, job}) and `silence` ({job})",
        body = String, content_type = "text/event-stream")))]
async fn stream_job(
    State(app): State<App>,
    viewer: Viewer,
    actor: Actor,
    PathId(id): PathId,
    headers: HeaderMap,
    Query(resume): Query<Resume>,
) -> Result<Response> {
    let last_id = resume.last_id(&headers)?;
    let place = app.gates().streams.take(Some(viewer.user_id()), 1)?;
    let watcher = watch(&app, id, &viewer).await?;
    let mut visible = Visible { app: app.clone(), viewer, job_id: Some(id), _place: place };
    visible.expect_credentials().await?;
    let viewer = &visible.viewer;
    let job = find_as_of_now(&app, viewer.tenant(), id).await?;
    audit::record_read(&app, &actor, &job.job, Part::Stream).await?;
    let newest = job.job.last_sequence;
    // An id from the future belongs to a history that a restored database no longer has: begin anew.
    let (snapshot, after) = match last_id {
        Some(last) if last <= newest => (None, last),
        _ => {
            let data = serde_json::to_string(&job).map_err(Error::internal)?;
            (Some(frame("snapshot", Id::Number(newest), &data)), newest)
        }
    };
    Ok(event_stream(job_frames(visible, watcher, snapshot, after, &job.job)?))
}

/// The events of all jobs the viewer may see, live
///
/// Begins with `ready`, whose id is the current position, or after `Last-Event-ID` with every event since; then come
/// the events in the order they are committed, and among them `silence` for each job from which nothing has come for
/// longer than usual. `access`, without an id, says that the viewer's rights may have changed: jobs may have come or gone,
/// so read again.
#[utoipa::path(get, path = "/jobs/stream", tag = "Live", operation_id = "stream_jobs",
    params(Resume, ("Last-Event-ID" = Option<String>, Header, pattern = "^[0-9]{1,18}$",
            description = "The id of the last message received")),
    responses((status = 200, description = "Messages `ready`, `event` ({event, job}), `silence` ({job}) and `access`",
        body = String, content_type = "text/event-stream")))]
async fn stream_jobs(
    State(app): State<App>,
    viewer: Viewer,
    actor: Actor,
    headers: HeaderMap,
    Query(resume): Query<Resume>,
) -> Result<Response> {
    let last_id = resume.last_id(&headers)?;
    let place = app.gates().streams.take(Some(viewer.user_id()), 1)?;
    let watcher = watch(&app, viewer.user_id(), &viewer).await?;
    let mut visible = Visible { app: app.clone(), viewer, job_id: None, _place: place };
    visible.expect_credentials().await?;
    audit::record_read_of_all(&app, &actor, visible.viewer.tenant(), Part::StreamOfAll).await?;
    let newest = log_position(app.db(), Log::Events).await?;
    let (ready, after) = match last_id {
        Some(last) if last <= newest => (None, last),
        _ => (Some(frame("ready", Id::Number(newest), "{}")), newest),
    };
    Ok(event_stream(feed_frames(visible, watcher, ready, after, newest)))
}

/// Registers a watcher before anything is read that it shows, so that nothing falls between.
async fn watch(app: &App, topic: Uuid, viewer: &Viewer) -> Result<Watcher> {
    let knows_access = log_position(app.db(), Log::Access).await?;
    Ok(app.hub().watch(topic, viewer, knows_access))
}

fn event_stream(frames: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that would collect the stream before passing it on, nginx among them, heed this.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}

/// What a stream shows, and to whom.
struct Visible {
    app: App,
    viewer: Viewer,
    job_id: Option<Uuid>,
    /// Held for as long as the stream is open.
    _place: Place,
}

impl Visible {
    /// Refuses a viewer whose credentials ended while the watcher was being registered: nobody would tell it later.
    async fn expect_credentials(&mut self) -> Result<()> {
        if self.has_credentials().await? {
            Ok(())
        } else {
            Err(Error::Unauthenticated("Your key or session has just ended."))
        }
    }

    async fn has_credentials(&mut self) -> Result<bool> {
        let now = self.app.clock().now();
        let is_valid = credentials::revalidate(self.app.db(), &mut self.viewer, now).await?;
        if is_valid {
            // So is reading what was missed.
            uses::note_use(&self.app, self.viewer.credential(), None, now);
        }
        Ok(is_valid)
    }

    /// Whether the viewer may still see it.
    async fn is_allowed(&mut self) -> Result<bool> {
        if !self.has_credentials().await? {
            return Ok(false);
        }
        match self.job_id {
            Some(id) => Ok(queries::find(self.app.db(), self.viewer.tenant(), id).await?.is_some()),
            None => Ok(true),
        }
    }

    /// Encodes what the stream has missed, with the jobs as they are now, leaving out those that the viewer may not see any
    /// more. None: the stream ends, since it is no longer allowed or the server stops; reading what was missed may take
    /// long.
    async fn read_on(&mut self, entries: Vec<Entry>) -> Result<Option<Vec<LiveEvent>>> {
        if self.app.hub().is_closing() || !self.is_allowed().await? {
            return Ok(None);
        }
        let mut jobs = queries::load_all(self.app.db(), entries.iter().map(Entry::job_id)).await?;
        jobs.retain(|_, job| job.is_visible_to(self.viewer.tenant()));
        let with_job = |entry: &Entry| LiveEvent::encode(entry, jobs.get(&entry.job_id())?).transpose();
        entries.iter().filter_map(with_job).collect::<Result<_>>().map(Some)
    }

    /// Whether the viewer may still see it, after a change of rights; if so, what waits of jobs that they may not see any
    /// more is taken away.
    async fn recheck(&mut self, watcher: &mut Watcher) -> Result<bool> {
        if !self.is_allowed().await? {
            return Ok(false);
        }
        let mut waiting = watcher.take_waiting();
        let jobs = queries::load_all(self.app.db(), waiting.iter().map(|event| event.job_id)).await?;
        waiting.retain(|event| jobs.get(&event.job_id).is_some_and(|job| job.is_visible_to(self.viewer.tenant())));
        watcher.put_back(waiting);
        Ok(true)
    }

    /// Resolves when the viewer's credentials end by themselves.
    async fn expiry(&self) {
        match self.viewer.valid_until() {
            None => future::pending().await,
            Some(until) => {
                let remaining = (until - self.app.clock().now()).to_std().unwrap_or_default();
                tokio::time::sleep(remaining).await;
            }
        }
    }
}

/// What a stream does next.
enum Next {
    Event(Arc<LiveEvent>),
    /// Rights may have changed; the stream itself is still allowed.
    Access,
    Heartbeat,
    End,
}

/// What an open stream does whether anything happens or not.
struct Pulse {
    heartbeat: Interval,
    use_is_due: Interval,
}

impl Pulse {
    fn of(visible: &Visible) -> Self {
        let precision = uses::precision(visible.viewer.credential(), visible.app.settings());
        // Twice as often as it is written down, so that nothing falls between.
        let pause = (precision / 2).to_std().unwrap_or_default().max(SHORTEST_PAUSE);
        Self { heartbeat: every(HEARTBEAT), use_is_due: every(pause) }
    }
}

fn every(pause: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + pause, pause);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next thing to send; the end when the stream is no longer allowed, was too slow, or the server stops.
async fn next(visible: &mut Visible, watcher: &mut Watcher, pulse: &mut Pulse) -> Next {
    let signal = loop {
        tokio::select! {
            biased;
            () = visible.expiry() => return Next::End,
            // An open stream is a use of its credentials.
            _ = pulse.use_is_due.tick() => {
                uses::note_use(&visible.app, visible.viewer.credential(), None, visible.app.clock().now());
            }
            signal = watcher.next() => break signal,
            _ = pulse.heartbeat.tick() => return Next::Heartbeat,
        }
    };
    match signal {
        None => Next::End,
        Some(Signal::Event(event)) => Next::Event(event),
        Some(Signal::Recheck) => {
            let db = visible.app.db().clone();
            match db.within(READING, visible.recheck(watcher)).await {
                Ok(true) => Next::Access,
                // An error of the database is no answer: ending the stream makes the client ask again.
                Ok(false) | Err(_) => Next::End,
            }
        }
    }
}

const COMMENT: Bytes = Bytes::from_static(b": still here\n\n");
/// Without an id, so that a browser keeps the one of the last event.
const ACCESS: Bytes = Bytes::from_static(b"event: access\ndata: {}\n\n");

/// The messages of one job behind `after`; up to its last event as it was found they are read from the database.
fn job_frames(
    mut visible: Visible,
    mut watcher: Watcher,
    snapshot: Option<Bytes>,
    mut after: i64,
    job: &Job,
) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>> {
    let (job_id, newest) = (job.id, job.last_sequence);
    let db = visible.app.db().clone();
    // The snapshot tells it as well.
    let mut told_silence = job.silent_since;
    let silence = match (&snapshot, told_silence) {
        (None, Some(_)) => Some(silence_frame(job)?),
        _ => None,
    };
    Ok(try_stream! {
        if let Some(snapshot) = snapshot {
            yield snapshot;
        }
        let mut goes_on = true;
        while goes_on && after < newest {
            let read = async {
                let missed = load_after_sequence(&db, job_id, after, PAGE.min(newest - after)).await?;
                visible.read_on(missed.into_iter().map(Entry::Event).collect()).await
            };
            let events = db.within(READING, read).await?.unwrap_or_default();
            goes_on = !events.is_empty();
            for event in events {
                after = event.sequence;
                yield event.job_frame;
            }
        }
        if let Some(silence) = silence.filter(|_| goes_on) {
            yield silence;
        }
        let mut pulse = Pulse::of(&visible);
        while goes_on {
            match next(&mut visible, &mut watcher, &mut pulse).await {
                Next::Event(event) if event.silent_since.is_some() => {
                    if event.sequence >= after && event.silent_since != told_silence {
                        told_silence = event.silent_since;
                        yield event.job_frame.clone();
                    }
                }
                Next::Event(event) if event.sequence > after => {
                    after = event.sequence;
                    yield event.job_frame.clone();
                }
                Next::Event(_) | Next::Access => {}
                Next::Heartbeat => yield COMMENT,
                Next::End => goes_on = false,
            }
        }
    })
}

/// The messages of all jobs of the viewer behind `after`; up to `newest` they are read from the database.
fn feed_frames(
    mut visible: Visible,
    mut watcher: Watcher,
    ready: Option<Bytes>,
    mut after: i64,
    newest: i64,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    let db = visible.app.db().clone();
    try_stream! {
        if let Some(ready) = ready {
            yield ready;
        }
        let mut goes_on = true;
        while goes_on && after < newest {
            let read = async {
                let missed = log::read(&db, Some(visible.viewer.tenant()), after, newest, PAGE).await?;
                Ok::<_, Error>((missed.upto, visible.read_on(missed.entries).await?))
            };
            let (upto, events) = db.within(READING, read).await?;
            after = upto;
            goes_on = events.is_some();
            for event in events.into_iter().flatten() {
                yield event.feed_frame;
            }
        }
        let mut pulse = Pulse::of(&visible);
        while goes_on {
            match next(&mut visible, &mut watcher, &mut pulse).await {
                Next::Event(event) if event.position > after => {
                    after = event.position;
                    yield event.feed_frame.clone();
                }
                Next::Event(_) => {}
                Next::Access => yield ACCESS,
                Next::Heartbeat => yield COMMENT,
                Next::End => goes_on = false,
            }
        }
    }
}
