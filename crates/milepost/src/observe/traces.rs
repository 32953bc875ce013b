//! Traces by OpenTelemetry: a span for each request and each commit of events, sent by OTLP over HTTP to where the
//! standard `OTEL_*` variables say. Without an endpoint there is nothing of it. Spans are made by hand here, not out of
//! the log, so that a line of the log never becomes part of a trace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use uuid::Uuid;

use super::metrics::Metrics;
use crate::client;

/// How long the last spans may take to leave when the server stops.
const FLUSH: Duration = Duration::from_secs(3);

/// Where spans go; nowhere unless told.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Sending>);

#[derive(Debug, Clone)]
struct Sending {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// A variable of OpenTelemetry that cannot be used; the text names it.
#[derive(Debug, thiserror::Error)]
#[error("bad setting: {0}")]
pub struct BadTraceSetting(String);

/// The value of a variable; one that is empty counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Traces {
    /// What the variables say.
    pub fn from_env(metrics: &Metrics) -> Result<Self, BadTraceSetting> {
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        let Some(endpoint) = endpoints.into_iter().find(|name| variable(name).is_some()).filter(|_| !is_off) else {
            return Ok(Self::default());
        };
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            if variable(name).is_some_and(|value| value != "http/protobuf") {
                return Err(BadTraceSetting(format!("{name}: only http/protobuf can be sent")));
            }
        }
        client::choose_cryptography();
        // The address is not repeated: it may hold a password.
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .build()
            .map_err(|_| BadTraceSetting(format!("{endpoint}: is not an address that spans can be sent to")))?;
        Ok(Self::sending(Telling { exporter, is_away: AtomicBool::new(false), metrics: metrics.clone() }))
    }

    fn sending(exporter: impl SpanExporter + 'static) -> Self {
        let mut resource = Resource::builder_empty()
            .with_service_name("milepost")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_detector(Box::new(EnvResourceDetector::new()));
        if let Some(name) = variable("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name(name);
        }
        let provider =
            SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build();
        let tracer = provider.tracer("milepost");
        Self(Some(Sending { provider, tracer }))
    }

    /// Begins the span of a request, within the trace that its `traceparent` names.
    pub(super) fn begin_request(
        &self,
        headers: &HeaderMap,
        method: &'static str,
        route: &str,
        id: Uuid,
    ) -> RequestTrace {
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Parent(headers));
        let Some(Sending { tracer, .. }) = &self.0 else { return RequestTrace(parent) };
        let span = tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method),
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new("milepost.request_id", id.to_string()),
            ])
            .start_with_context(tracer, &parent);
        RequestTrace(parent.with_span(span))
    }

    /// Begins the span of a commit, within that of the request that is being answered.
    #[must_use]
    pub fn begin_commit(&self, events: usize) -> CommitTrace {
        let Some(Sending { tracer, .. }) = &self.0 else { return CommitTrace(None) };
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        let builder =
            tracer.span_builder("commit events").with_attributes([KeyValue::new("milepost.events", events)]);
        CommitTrace(Some(builder.start_with_context(tracer, &Context::current())))
    }

    /// Sends what waits; what cannot be sent in a few seconds is given up.
    pub async fn flush(self) {
        let Some(Sending { provider, .. }) = self.0 else { return };
        // Whether it worked has been told by the exporter.
        let _ = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await;
    }
}

/// The header that says which trace a request belongs to. `tracestate` beside it is for those who pass requests on.
struct Parent<'a>(&'a HeaderMap);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        let value = values.next().filter(|_| key == "traceparent")?;
        values.next().is_none().then(|| value.to_str().ok())?
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// The span of a request, or of who sent it.
pub(super) struct RequestTrace(Context);

impl RequestTrace {
    /// What spans within the request belong to.
    pub(super) fn context(&self) -> Context {
        self.0.clone()
    }

    /// The trace that the request belongs to.
    pub(super) fn id(&self) -> Option<TraceId> {
        Some(self.0.span().span_context().trace_id()).filter(|id| *id != TraceId::INVALID)
    }

    pub(super) fn end(&self, status: u16, problem: Option<&'static str>) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_status(Status::error(""));
        }
        if let Some(problem) = problem {
            span.set_attribute(KeyValue::new("error.type", problem));
        }
        span.end();
    }
}

/// The span of a commit; it ends when it is dropped, and has failed unless it was told otherwise.
#[derive(Debug)]
pub struct CommitTrace(Option<opentelemetry_sdk::trace::Span>);

impl CommitTrace {
    /// The events are durable.
    pub fn succeed(mut self) {
        if let Some(mut span) = self.0.take() {
            span.end();
        }
    }
}

impl Drop for CommitTrace {
    fn drop(&mut self) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(""));
            span.end();
        }
    }
}

/// Tells once when spans cannot be sent, and once when they can again.
#[derive(Debug)]
struct Telling<E> {
    exporter: E,
    is_away: AtomicBool,
    metrics: Metrics,
}

impl<E: SpanExporter> SpanExporter for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let was_away = self.is_away.swap(result.is_err(), Ordering::Relaxed);
        if result.is_err() {
            self.metrics.trace_export_failures.inc();
        }
        match (&result, was_away) {
            (Err(error), false) => {
                tracing::warn!(%error, "spans cannot be sent; they are dropped until they can again");
            }
            (Ok(()), true) => tracing::info!("spans are sent again"),
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
