//! What an operator sees of the server: a line in the log, a span of the trace and numbers for each request. None of it
//! ever holds what people sent: routes instead of paths, ids instead of names, kinds of problems instead of their texts.

pub mod log;
pub mod metrics;
pub mod page;
pub mod traces;

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use opentelemetry::context::FutureExt;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::app::{App, RequestId};
use crate::error::ProblemType;
use traces::RequestTrace;

/// The route of requests that no route takes: the page's own paths, and whatever else somebody tries.
const NO_ROUTE: &str = "other";
/// The status of a request whose client went away before the answer, as nginx has it.
const CLIENT_GONE: u16 = 499;

/// Gives each request an id, and watches it to its end. The log names the route, never the path: paths may hold
/// invitations.
pub(crate) async fn watch_request<F: Future<Output = Response>>(
    app: &App,
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let id = app.clock().new_id();
    request.extensions_mut().insert(RequestId(id));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = known_method(request.method());
    let watched = Watched::begin(app.clone(), request.headers(), id, method, route);
    let answering = answer(request).instrument(watched.span.clone());
    let mut response = answering.with_context(watched.trace.context()).await;
    watched.finish(&response);
    name_request(id, &mut response);
    response
}

/// Counts a POST that was refused before it was routed, and gives it an id.
pub(crate) fn note_early_refusal(app: &App, route: &str, since: Instant, response: &mut Response) {
    let (id, status) = (app.clock().new_id(), response.status().as_u16());
    let problem = response.extensions().get::<ProblemType>().map(|problem| problem.label());
    app.metrics().count_request(route, "POST", status, problem);
    app.metrics().request_duration.with_label_values(&[route, "POST"]).observe(since.elapsed().as_secs_f64());
    tracing::debug!(%id, route, status, problem, "refused before it was routed");
    name_request(id, response);
}

/// Tells the client under which id the log has its request.
fn name_request(id: Uuid, response: &mut Response) {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("x-request-id", id);
    }
}

/// The name of a method; those that anybody may make up share one.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("OTHER")
}

/// A request under way. Dropped before its answer, its client went away.
struct Watched {
    app: App,
    method: &'static str,
    route: Option<MatchedPath>,
    since: Instant,
    span: Span,
    trace: RequestTrace,
    is_finished: bool,
}

impl Watched {
    fn begin(
        app: App,
        headers: &axum::http::HeaderMap,
        id: Uuid,
        method: &'static str,
        route: Option<MatchedPath>,
    ) -> Self {
        let name = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        let trace = app.traces().begin_request(headers, method, name, id);
        // Who asks is put in by `auth`, once that is known.
        let span = tracing::info_span!("request", %id, method, route = name, account = Empty, trace_id = Empty);
        if let Some(trace_id) = trace.id() {
            span.record("trace_id", tracing::field::display(trace_id));
        }
        app.metrics().requests_in_flight.inc();
        Self { app, method, route, since: Instant::now(), span, trace, is_finished: false }
    }

    fn finish(mut self, response: &Response) {
        let is_stream =
            response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"text/event-stream");
        let problem = response.extensions().get::<ProblemType>().map(|problem| problem.label());
        self.end(response.status().as_u16(), problem, is_stream);
    }

    fn end(&mut self, status: u16, problem: Option<&'static str>, is_stream: bool) {
        self.is_finished = true;
        let route = self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        let duration = self.since.elapsed();
        let metrics = self.app.metrics();
        metrics.requests_in_flight.dec();
        metrics.count_request(route, self.method, status, problem);
        // A stream is answered when it begins; how long it lasts is up to who watches.
        if !is_stream {
            metrics.request_duration.with_label_values(&[route, self.method]).observe(duration.as_secs_f64());
        }
        self.trace.end(status, problem);
        self.span.in_scope(|| log_answer(status, problem, duration.as_secs_f64()));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.is_finished {
            self.end(CLIENT_GONE, None, false);
        }
    }
}

/// The one line of a finished request: what went well is for those who ask for it, and so is what comes in floods. Why
/// the server is unavailable has been told by whoever said so.
fn log_answer(status: u16, problem: Option<&str>, seconds: f64) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(status, duration_ms = (seconds * 1e6).round() / 1e3, problem, "answered")
        };
    }
    let is_one_of_many = matches!(status, 429 | 503 | CLIENT_GONE);
    match status {
        500.. if !is_one_of_many => line!(warn),
        400.. if !is_one_of_many => line!(info),
        _ => line!(debug),
    }
}
