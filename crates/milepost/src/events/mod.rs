//! Events: what providers report while a job runs. Taken in by `record.rs`, committed in groups by `commit.rs`, written by
//! `write.rs`, kept for ever, the source of all state.

mod commit;
pub mod hours;
mod known;
mod metadata;
mod queries;
mod rates;
mod record;
mod states;
mod write;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Actor, Part};
use crate::auth::Viewer;
use crate::db::Order;
use crate::error::{Error, Problem, Result};
use crate::http::{self, Json, PathId, Query, Several};
use crate::jobs;
use crate::paging::{Cursor, Limit, Page};
use crate::progress::EventKind;
use crate::values::{EventName, Fraction, IdempotencyKey, Instant, ProviderJobId, Tag, time_as_text};
pub use commit::Commits;
pub use hours::{EventHour, hour_of, load_hours_since};
pub use known::KnownJobs;
pub use metadata::measure;
pub(crate) use metadata::parse as parse_metadata;
pub use queries::{StoredEvent, load_after_position, load_after_sequence, load_feed};
pub use rates::EventRates;
pub(crate) use rates::admit_known;
use rates::{AdmittedBatch, AdmittedEvent};
pub(crate) use record::CLOCK_TOLERANCE;
pub use record::Recorded;
pub use states::JobStates;

/// The most events of a batch: more than a body can hold that are any.
const MAX_BATCH: usize = 30_000;

/// The header that makes repeating a request safe.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(post_event)).routes(routes!(post_events)).routes(routes!(list_events))
}

/// An event as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// The job, by the provider's own id.
    pub provider_job_id: ProviderJobId,
    /// What it says.
    #[serde(deserialize_with = "http::word")]
    pub kind: EventKind,
    /// The tag of the step it is about; needed by `step`.
    #[serde(default)]
    pub tag: Option<Tag>,
    /// What happened, for people; the step's name if absent.
    #[serde(default)]
    pub name: Option<EventName>,
    /// Name → text, number, true, false or null; a name the step defines must fit its kind.
    #[serde(default)]
    #[schema(value_type = Option<Map<String, Value>>)]
    pub event_metadata: Option<Box<RawValue>>,
    /// When it happened; when it arrives, if absent. At most 5 minutes ahead.
    #[serde(default)]
    pub occurred_at: Option<Instant>,
    /// How much of the step is done, 0..1; only in an `info` that names a step.
    #[serde(default)]
    pub fraction: Option<Fraction>,
    /// Makes repeating the request safe; may be sent as the header `Idempotency-Key` instead.
    #[serde(default)]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// The event's id.
    pub id: Uuid,
    /// The job it is of.
    pub job_id: Uuid,
    /// The provider's own id of that job.
    pub provider_job_id: String,
    /// What it says.
    pub kind: EventKind,
    /// What happened, for people.
    pub name: Option<String>,
    /// The tag of the step it is about.
    pub tag: Option<String>,
    /// The step it is about.
    pub step_configuration_id: Option<Uuid>,
    /// What was measured.
    #[schema(value_type = Option<Map<String, Value>>)]
    pub event_metadata: Option<Map<String, Value>>,
    /// How much of the step is done, 0..1.
    pub fraction: Option<Fraction>,
    /// Its place in the job's order of arrival, from 1.
    pub sequence: i64,
    /// When it happened.
    #[serde(serialize_with = "time_as_text")]
    pub occurred_at: DateTime<Utc>,
    /// What makes a repeated request recognisable as the same.
    pub idempotency_key: Option<String>,
    /// When it arrived.
    #[serde(serialize_with = "time_as_text")]
    pub created_at: DateTime<Utc>,
    /// The same, unless its job was anonymised since: nothing else changes an event.
    #[serde(serialize_with = "time_as_text")]
    pub updated_at: DateTime<Utc>,
}

/// The answers to a batch, one for each event in the order they were sent.
#[derive(Debug, Serialize, ToSchema)]
struct BatchAnswer {
    items: Vec<BatchItem>,
}

/// The answer to one event of a batch.
#[derive(Debug, Serialize, ToSchema)]
struct BatchItem {
    /// The status that the event would have got alone: 201 recorded, 200 recorded before, 4xx refused, 5xx try again.
    status: u16,
    /// The event, if it is recorded.
    event: Option<Event>,
    /// Why it is not, if it is not.
    problem: Option<Problem>,
}

impl From<Result<Recorded>> for BatchItem {
    fn from(result: Result<Recorded>) -> Self {
        match result {
            Ok(Recorded { event, is_new }) => {
                Self { status: recorded_status(is_new).as_u16(), event: Some(event), problem: None }
            }
            Err(error) => {
                let problem = error.problem();
                Self { status: problem.status, event: None, problem: Some(problem) }
            }
        }
    }
}

fn recorded_status(is_new: bool) -> StatusCode {
    if is_new { StatusCode::CREATED } else { StatusCode::OK }
}

/// Report an event
///
/// The answer leaves after the event is on disk. The same idempotency key with the same content answers with the first
/// event.
#[utoipa::path(post, path = "/events", tag = "Events", operation_id = "post_event", request_body = NewEvent,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 200, pattern = "^[!-~]([ -~]*[!-~])?$",
        description = "Makes repeating the request safe")),
    responses((status = 201, description = "Recorded", body = Event),
        (status = 200, description = "Was recorded before", body = Event)))]
async fn post_event(
    State(app): State<App>,
    admitted: AdmittedEvent,
    headers: HeaderMap,
    sent: Result<Json<NewEvent>>,
) -> Result<Response> {
    let sender = admitted.sender();
    let recorded = async {
        let Json(mut event) = sent?;
        event.idempotency_key = idempotency_key(&headers, event.idempotency_key)?;
        record::record(&app, &sender, event).await
    };
    match recorded.await {
        Ok(Recorded { event, is_new }) => {
            admitted.vouch(&app);
            Ok((recorded_status(is_new), Json(event)).into_response())
        }
        Err(error) => {
            // Why it is refused is nothing for a key that has ended.
            if error.problem().status < 500 {
                sender.expect_valid(&app).await?;
            }
            Err(error)
        }
    }
}

/// The key from the header or the body, which must agree.
fn idempotency_key(headers: &HeaderMap, in_body: Option<IdempotencyKey>) -> Result<Option<IdempotencyKey>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(in_body) };
    let bad = |detail: &str| Error::invalid("/idempotency_key", format!("the header Idempotency-Key {detail}"));
    if values.next().is_some() {
        return Err(bad("is there twice"));
    }
    // A tab may stand in a header, but not in what the document says of this one.
    let text = value.to_str().ok().filter(|text| !text.contains('\t')).ok_or_else(|| bad("must be visible ASCII"))?;
    let in_header = IdempotencyKey::try_from(text.to_owned()).map_err(|reason| bad(&reason))?;
    match in_body {
        Some(in_body) if in_body != in_header => Err(bad("differs from the one in the body")),
        _ => Ok(Some(in_header)),
    }
}

/// Report many events
///
/// A JSON array or NDJSON (`application/x-ndjson`) of at most 1 MiB. Each has its own answer; one
/// that is refused does not spoil the rest. Events of one job are recorded in the order they are sent.
#[utoipa::path(post, path = "/events/batch", tag = "Events", operation_id = "post_events",
    request_body(content((Vec<NewEvent> = "application/json"), (String = "application/x-ndjson"))),
    responses((status = 200, description = "An answer for each event, in order", body = BatchAnswer)))]
async fn post_events(State(app): State<App>, admitted: AdmittedBatch, request: Request) -> Result<Json<BatchAnswer>> {
    if request.headers().contains_key(IDEMPOTENCY_KEY) {
        let detail = "is for one event; in a batch give each event its own idempotency_key";
        return Err(Error::invalid("/Idempotency-Key", detail));
    }
    let media_type = http::media_type(request.headers());
    let body = http::read_body(request).await?;
    let form = match media_type.as_deref() {
        None | Some("application/json") => BatchForm::Array,
        Some("application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines") => {
            BatchForm::Lines
        }
        Some(_) => return Err(Error::UnsupportedMediaType("application/json or application/x-ndjson")),
    };
    let events = parse_batch(&body, form)?;
    admitted.spend(&app, events.len())?;
    let recorded = record::record_batch(&app, &admitted.sender(), events).await;
    let items: Vec<BatchItem> = recorded.into_iter().map(BatchItem::from).collect();
    items.iter().filter_map(|item| item.problem.as_ref()).for_each(|problem| app.metrics().count_refused(problem));
    Ok(Json(BatchAnswer { items }))
}

/// How a batch is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BatchForm {
    /// A JSON array.
    Array,
    /// A JSON object a line.
    Lines,
}

/// Reads the events of a batch, each by itself.
pub(crate) fn parse_batch(body: &[u8], form: BatchForm) -> Result<Vec<Result<NewEvent>>> {
    let array: Vec<Box<RawValue>>;
    let raw: Vec<&[u8]> = match form {
        BatchForm::Array => {
            array = http::parse_elements(body)?;
            array.iter().map(|raw| raw.get().as_bytes()).collect()
        }
        BatchForm::Lines => body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect(),
    };
    if raw.len() > MAX_BATCH {
        return Err(Error::invalid(
            "",
            format!("a batch has at most {MAX_BATCH} events, this one has {}", raw.len()),
        ));
    }
    Ok(raw.into_iter().map(http::parse_object).collect())
}

/// Which events of a job to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventFilter {
    /// The earliest first, or the latest.
    #[serde(default)]
    #[param(inline)]
    order: EventOrder,
    /// One kind or several, separated by commas.
    #[param(value_type = Option<String>, example = "step,error",
        pattern = "^(step|error|info|complete)(,(step|error|info|complete))*$")]
    kind: Option<Several<EventKind>>,
    /// Rows of a page, 1–200.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Limit,
    /// The `next` of the page before, in the same order.
    #[param(pattern = r"^(asc|desc)\.(0|[1-9a-f][0-9a-f]{0,13})-(0|[1-9a-f][0-9a-f]{0,31})$")]
    cursor: Option<String>,
}

/// The order of events in time.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum EventOrder {
    /// The earliest first.
    #[default]
    Asc,
    /// The latest first.
    Desc,
}

/// The events of a job
///
/// In the order they happened, or the latest first; equal times go by arrival.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "Events", operation_id = "list_events",
    params(("id" = Uuid, Path, description = "The job"), EventFilter),
    responses((status = 200, description = "A page of events", body = Page<Event>)))]
async fn list_events(
    State(app): State<App>,
    viewer: Viewer,
    actor: Actor,
    PathId(id): PathId,
    Query(filter): Query<EventFilter>,
) -> Result<Json<Page<Event>>> {
    let (name, order) = match filter.order {
        EventOrder::Asc => ("asc", Order::Ascending),
        EventOrder::Desc => ("desc", Order::Descending),
    };
    let cursor = Cursor::read_in_order(filter.cursor.as_deref(), name)?;
    let _pass = app.gates().searches.enter(Some(viewer.user_id())).await?;
    let job = jobs::queries::find(app.db(), viewer.tenant(), id).await?.ok_or(Error::NotFound)?;
    let kinds = filter.kind.map(|Several(kinds)| kinds);
    let events = queries::list_of_job(app.db(), job.id, kinds.as_deref(), order, cursor, filter.limit).await?;
    audit::record_read(&app, &actor, &job, Part::Events).await?;
    let cursor = |StoredEvent { event, .. }: &StoredEvent| {
        Cursor { at: event.occurred_at, tie: sequence_as_tie(event.sequence) }.in_order(name)
    };
    Ok(Json(Page::cut(events, filter.limit, cursor).map(|stored| stored.event)))
}

/// A sequence where a cursor has room for an id.
fn sequence_as_tie(sequence: i64) -> Uuid {
    Uuid::from_u128(u128::from(sequence.unsigned_abs()))
}
