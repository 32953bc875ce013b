//! What takes in traces: the standard's own format, over HTTP.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use tokio::net::TcpListener;

use super::hex;

/// A collector on a port of its own.
pub struct Collector {
    pub url: String,
    received: Arc<Mutex<Vec<Bytes>>>,
}

/// A span as it arrived.
#[derive(Debug, Clone)]
pub struct Traced {
    /// Of the service that sent it.
    pub service: String,
    pub span: Span,
}

impl Traced {
    pub fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// Whether it ended in an error.
    pub fn has_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }

    /// An attribute, as text.
    pub fn attribute(&self, name: &str) -> Option<String> {
        text_of(&self.span.attributes, name)
    }
}

fn text_of(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

impl Collector {
    pub async fn start() -> Self {
        Self::start_that_answers(http::StatusCode::OK).await
    }

    /// A collector that takes in what comes, but answers with this status.
    pub async fn start_that_answers(status: http::StatusCode) -> Self {
        let received = Arc::<Mutex<Vec<Bytes>>>::default();
        let to = received.clone();
        let take_in = move |body: Bytes| async move {
            to.lock().unwrap().push(body);
            status
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take_in));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, received }
    }

    /// All bytes that came.
    pub fn bytes(&self) -> Vec<u8> {
        self.received.lock().unwrap().concat()
    }

    /// All spans that came.
    pub fn spans(&self) -> Vec<Traced> {
        let received = self.received.lock().unwrap();
        let resources =
            received.iter().flat_map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap().resource_spans);
        let spans = resources.flat_map(|resource| {
            let service = text_of(&resource.resource.unwrap().attributes, "service.name").unwrap();
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.map(|span| Traced { service: service.clone(), span }).collect::<Vec<_>>()
        });
        spans.collect()
    }
}
