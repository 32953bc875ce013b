//! The server: its state, the router that merges the slices, serving and stopping.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use axum::{Router, ServiceExt as _, routing};
use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequestLayer;
use tower::{Layer, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;
use uuid::Uuid;

use crate::auth::origin::refuse_other_origins;
use crate::auth::password::Passwords;
use crate::auth::uses::Uses;
use crate::caller::find_caller;
use crate::config::Settings;
use crate::db::{Db, on};
use crate::error::{Error, Result};
use crate::live::Hub;
use crate::sources::Clock;
use crate::{
    api_document, api_keys, configurations, customers, events, jobs, live, server, sessions, ui, unread_body, users,
};

/// Where the API lives.
pub const API: &str = "/api/v1";
/// How often what has expired is cleared away.
const CLEARING: Duration = Duration::from_mins(10);
/// How long a change of rights is kept for servers to read.
const ACCESS_CHANGES_KEPT: TimeDelta = TimeDelta::hours(1);
/// How long requests may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

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
    hub: Hub,
    closing: CancellationToken,
}

impl App {
    /// The state of a server over a migrated database.
    pub fn new(db: Db, settings: Settings, clock: Clock) -> Result<Self> {
        let closing = CancellationToken::new();
        let hub = Hub::new(closing.clone());
        let passwords = Passwords::new()?;
        Ok(Self(Arc::new(Inner { db, settings, clock, passwords, uses: Uses::default(), hub, closing })))
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

    /// Which keys and sessions were used lately.
    #[must_use]
    pub fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// What feeds the live streams.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }
}

/// The routes of all slices and the document that describes them.
fn api() -> OpenApiRouter<App> {
    let slices = OpenApiRouter::new()
        .merge(server::routes())
        .merge(users::routes())
        .merge(sessions::routes())
        .merge(api_keys::routes())
        .merge(customers::routes())
        .merge(configurations::routes())
        .merge(jobs::routes())
        .merge(events::routes())
        .merge(live::routes());
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
fn router(app: App) -> Router {
    let (api, _) = api().split_for_parts();
    api.merge(reader())
        .route("/livez", routing::get(|| async { "ok\n" }))
        .route("/readyz", routing::get(ready))
        .fallback(ui::answer)
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(CatchPanicLayer::custom(|_| Error::internal("a handler panicked").into_response()))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_other_origins))
        .layer(middleware::from_fn(no_store))
        .layer(middleware::from_fn(unread_body::discard))
        .layer(middleware::from_fn_with_state(app.clone(), name_request))
        .layer(middleware::from_fn_with_state(app.clone(), find_caller))
        .with_state(app)
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

/// Gives each request an id, under which the log has what went wrong. The log names the route, never the path: paths
/// may hold invitations.
async fn name_request(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = app.clock().new_id();
    request.extensions_mut().insert(RequestId(id));
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!("request", %id, method = %request.method(), route);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// What is private stays out of caches, and is what it says it is.
async fn no_store(request: Request, next: Next) -> Response {
    let is_data = request.uri().path().starts_with(API);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_data {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Existing scripts write `/job_configurations`: in the first part of an API path `_` is as good as `-`.
fn canonical_path<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
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
    if app.0.closing.is_cancelled() {
        return Err(Error::Busy("The server is stopping."));
    }
    app.db().ping().await?;
    Ok("ready\n")
}

/// Serves until told to stop, then ends the streams, lets the other requests finish and closes the database.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let seen = Hub::begin(app.db()).await.map_err(io::Error::other)?;
    let hub = tokio::spawn(app.hub().clone().run(app.db().clone(), seen));
    let clearing = tokio::spawn(clear_expired(app.clone()));
    let service = MapRequestLayer::new(canonical_path).layer(router(app.clone()));
    let make_service = ServiceExt::<Request>::map_err(service, |never| match never {});
    let closing = app.0.closing.clone();
    let stopping = async move {
        stop.await;
        closing.cancel();
    };
    // Small answers leave at once.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
    });
    let make_service = make_service.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, make_service).with_graceful_shutdown(stopping);
    let closed = app.0.closing.clone();
    let served = tokio::select! {
        served = serving.into_future() => served,
        () = async { closed.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    };
    app.0.closing.cancel();
    clearing.abort();
    // Only a panic in the hub could make this fail, and that has been logged.
    let _ = hub.await;
    // A connection whose query does not end is left to end with the process.
    let _ = tokio::time::timeout(GRACE, app.db().close()).await;
    served
}

/// Clears away expired sessions and changes of rights that every server has read.
async fn clear_expired(app: App) {
    let mut ticks = tokio::time::interval(CLEARING);
    loop {
        ticks.tick().await;
        if let Err(error) = clear_once(&app).await {
            tracing::warn!(%error, "could not clear away what has expired");
        }
    }
}

async fn clear_once(app: &App) -> sqlx::Result<()> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    sessions::clear(&mut tx, &app.settings().sessions, now).await?;
    on!(&mut tx, |c| {
        sqlx::query("delete from access_changes where created_at < $1")
            .bind(now - ACCESS_CHANGES_KEPT)
            .execute(c)
            .await
            .map(drop)
    })?;
    tx.commit().await
}
