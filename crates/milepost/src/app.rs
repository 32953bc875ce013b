//! The server: its state, and the router that merges the slices. `serve/` serves it.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::decompression::RequestDecompressionLayer;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;
use uuid::Uuid;

use crate::admission::Gates;
use crate::auth::origin::{refuse_other_origins, require_one_host};
use crate::auth::password::Passwords;
use crate::auth::throttle;
use crate::auth::uses::Uses;
use crate::caller::find_caller;
use crate::config::Settings;
use crate::db::{BACKGROUND, Db, on};
use crate::error::{Cause, Error, Result};
use crate::events::{Commits, EventRates, JobStates, KnownJobs};
use crate::headers::complete_answer;
use crate::https::insist_on_https;
use crate::jobs::PastRuns;
use crate::jobs::silence::{self, StepLimits};
use crate::live::Hub;
use crate::observe::metrics::Metrics;
use crate::observe::traces::Traces;
use crate::observe::{note_early_refusal, page, watch_request};
use crate::sources::Clock;
use crate::unread_body::{answer_in_time, discard};
use crate::{
    analytics, api_document, api_keys, audit, configurations, customers, events, export, jobs, live, reports, server,
    sessions, sign_in, ui, users,
};

/// Where the API lives.
pub const API: &str = "/api/v1";
/// Where single events are reported.
const EVENTS: &str = "/api/v1/events";
/// How often what has expired is cleared away.
const CLEARING: Duration = Duration::from_mins(10);
/// How long a change of rights is kept for servers to read.
const ACCESS_CHANGES_KEPT: TimeDelta = TimeDelta::hours(1);

/// What every request works with.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    settings: Settings,
    clock: Clock,
    passwords: Passwords,
    uses: Uses,
    gates: Gates,
    event_rates: EventRates,
    commits: Commits,
    known_jobs: KnownJobs,
    job_states: JobStates,
    step_limits: StepLimits,
    past_runs: PastRuns,
    hub: Hub,
    metrics: Metrics,
    traces: Traces,
    stopping: CancellationToken,
    closing: CancellationToken,
}

impl App {
    /// The state of a server over a migrated database.
    pub fn new(db: Db, settings: Settings, clock: Clock) -> Result<Self> {
        let metrics = Metrics::new(settings.database_url.kind())?;
        Ok(Self::observed(db, settings, clock, metrics, Traces::default()))
    }

    /// The same, counting here and tracing there.
    #[must_use]
    pub fn observed(db: Db, settings: Settings, clock: Clock, metrics: Metrics, traces: Traces) -> Self {
        let closing = CancellationToken::new();
        let hub = Hub::new(closing.clone(), metrics.clone());
        let gates = Gates::new(&db, &settings.limits);
        let passwords = Passwords::new(gates.passwords.clone());
        let event_rates = EventRates::new(&settings.limits, clock.clone());
        let commits = Commits::new(&settings.limits);
        let uses = Uses::default();
        let stopping = CancellationToken::new();
        Self(Arc::new(Inner {
            db,
            settings,
            clock,
            passwords,
            uses,
            gates,
            event_rates,
            commits,
            known_jobs: KnownJobs::default(),
            job_states: JobStates::default(),
            step_limits: StepLimits::default(),
            past_runs: PastRuns::default(),
            hub,
            metrics,
            traces,
            stopping,
            closing,
        }))
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What hashes passwords.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// How much is taken on at once.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.0.gates
    }

    /// How many events each key may report over time.
    #[must_use]
    pub fn event_rates(&self) -> &EventRates {
        &self.0.event_rates
    }

    /// The states of jobs that events were written of lately.
    #[must_use]
    pub fn job_states(&self) -> &JobStates {
        &self.0.job_states
    }

    /// How long steps usually take.
    #[must_use]
    pub fn step_limits(&self) -> &StepLimits {
        &self.0.step_limits
    }

    /// The events that wait to be written.
    #[must_use]
    pub fn commits(&self) -> &Commits {
        &self.0.commits
    }

    /// Jobs that events were reported of lately.
    #[must_use]
    pub fn known_jobs(&self) -> &KnownJobs {
        &self.0.known_jobs
    }

    /// How long past runs took that expected ends were asked for of lately.
    #[must_use]
    pub fn past_runs(&self) -> &PastRuns {
        &self.0.past_runs
    }

    /// Which keys and sessions were used lately.
    #[must_use]
    pub fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What is traced.
    #[must_use]
    pub fn traces(&self) -> &Traces {
        &self.0.traces
    }

    /// Cancelled when the server lets nobody in any more and its streams end.
    #[must_use]
    pub fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    /// What feeds the live streams.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Cancelled when the server was told to stop: it still serves, but is not ready any more.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }
}

/// The routes of all slices and the document that describes them.
fn api() -> OpenApiRouter<App> {
    let slices = OpenApiRouter::new()
        .merge(server::routes())
        .merge(users::routes())
        .merge(sign_in::routes())
        .merge(export::routes())
        .merge(sessions::routes())
        .merge(api_keys::routes())
        .merge(customers::routes())
        .merge(configurations::routes())
        .merge(jobs::routes())
        .merge(events::routes())
        .merge(live::routes())
        .merge(analytics::routes())
        .merge(reports::routes())
        .merge(audit::routes());
    OpenApiRouter::with_openapi(api_document::Milepost::openapi()).nest(API, slices)
}

/// The OpenAPI 3.1 document, generated from the handlers.
#[must_use]
pub fn openapi() -> &'static Document {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
        let mut document = api().into_openapi();
        api_document::complete(&mut document);
        document
    });
    &DOCUMENT
}

/// Everything the server answers.
pub(crate) fn router(app: App) -> Router {
    let (api, _) = api().split_for_parts();
    api.merge(reader())
        .route("/livez", routing::get(|| async { "ok\n" }))
        .route("/readyz", routing::get(ready))
        .route("/metrics", routing::get(page::read_beside))
        .fallback(ui::answer)
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(
            // The outermost first, all in one layer: a route that is asked copies all layers that were put on it singly.
            ServiceBuilder::new()
                .layer(middleware::from_fn_with_state(app.clone(), receive))
                // What is compressed in another way comes through as it is, and is refused by whoever reads it.
                .layer(RequestDecompressionLayer::new().pass_through_unaccepted(true))
                .layer(CatchPanicLayer::custom(|_| Error::internal("a handler panicked").into_response())),
        )
        .with_state(app)
}

/// Answers an event that is one too many before it is routed, as most are of a flood. It is counted, but not traced.
pub(crate) async fn refuse_early(app: &App, request: &mut Request) -> Option<Response> {
    if request.method() != Method::POST || request.uri().path() != EVENTS {
        return None;
    }
    let since = Instant::now();
    find_caller(app, request);
    // What is refused whatever it asks for is not let in either, and spends nothing.
    if refuse(app, request).is_some() {
        return None;
    }
    let mut response = events::admit_known(app, request).err()?.into_response();
    note_early_refusal(app, EVENTS, since, &mut response);
    complete_answer(app, true, &mut response);
    Some(discard(std::mem::take(request.body_mut()), response).await)
}

/// What every other request goes through on its way to its handler, and its answer on the way back. Layers of their own would
/// each copy and move all that lies within them, for each request.
async fn receive(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let is_data = request.uri().path().starts_with(API);
    find_caller(&app, &mut request);
    let answer = async |request| match refuse(&app, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let mut response = watch_request(&app, request, |request| answer_in_time(&app, request, answer)).await;
    complete_answer(&app, is_data, &mut response);
    response
}

/// The answer to a request that is refused whatever it asks for.
fn refuse(app: &App, request: &Request) -> Option<Response> {
    insist_on_https(app, request).or_else(|| {
        let checked = require_one_host(request).and_then(|()| refuse_other_origins(app, request));
        checked.err().map(IntoResponse::into_response)
    })
}

/// The page that reads the document; what it does not have is not found as everywhere.
fn reader() -> Router<App> {
    let reader = SwaggerUi::new("/api/docs").url("/api/openapi.json", openapi().clone());
    Router::from(reader).layer(middleware::map_response(async |response: Response| match response.status() {
        StatusCode::NOT_FOUND => Error::NotFound.into_response(),
        _ => (ui::reader_headers(), response).into_response(),
    }))
}

/// The id of a request, under which the log and the audit log have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

/// Existing scripts write `/job_configurations`: in the first part of an API path `_` is as good as `-`.
pub(crate) fn canonical_path<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let Some(rest) = request.uri().path().strip_prefix(API).and_then(|rest| rest.strip_prefix('/')) else {
        return request;
    };
    let (collection, tail) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !collection.contains('_') {
        return request;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{API}/{}{tail}{query}", collection.replace('_', "-"));
    if let Ok(uri) = path.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
}

/// Ready once the database is migrated, which it is before we listen, and answers.
async fn ready(State(app): State<App>) -> Result<&'static str> {
    if app.stopping().is_cancelled() {
        return Err(Error::Busy("The server is stopping."));
    }
    app.db().ping().await?;
    Ok("ready\n")
}

/// Clears away expired sessions, and what every server has read of the logs.
pub(crate) async fn clear_expired(app: App) {
    let mut ticks = tokio::time::interval(CLEARING);
    loop {
        ticks.tick().await;
        app.event_rates().forget_idle();
        if let Err(error) = app.db().within(BACKGROUND, clear_once(&app)).await {
            tracing::warn!(error = %Cause(&error), "could not clear away what has expired");
        }
    }
}

async fn clear_once(app: &App) -> sqlx::Result<()> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    throttle::clear(&mut tx, now).await?;
    sessions::clear(&mut tx, &app.settings().sessions, now).await?;
    silence::clear(&mut tx, now).await?;
    on!(&mut tx, |c| {
        sqlx::query("delete from access_changes where created_at < $1")
            .bind(now - ACCESS_CHANGES_KEPT)
            .execute(c)
            .await
            .map(drop)
    })?;
    tx.commit().await
}
