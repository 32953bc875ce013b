//! Answers that leave before a request got as far as the router, in bytes.

use std::fmt::Write;

use axum::body::Bytes;
use axum::http::StatusCode;

use crate::app::App;
use crate::error::Error;
use crate::headers;
use crate::sources::Clock;

/// What is said to those who get no further.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    is_https: bool,
    clock: Clock,
}

impl Refusals {
    pub(super) fn new(app: &App) -> Self {
        Self { is_https: app.settings().is_https(), clock: app.clock().clone() }
    }

    /// Ours in the place of an answer that hyper makes to what is no request: a status line, and none of our headers.
    pub(super) fn in_place_of(&self, answer: &[u8]) -> Bytes {
        let status = answer.get(9..12).and_then(|status| StatusCode::from_bytes(status).ok());
        match status {
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG) => {
                self.of(&Error::HeadTooLarge)
            }
            _ => self.of(&Error::BadRequest),
        }
    }

    /// The whole answer, under an id of its own.
    pub(super) fn of(&self, error: &Error) -> Bytes {
        let (problem, id) = (error.problem(), self.clock.new_id());
        // They come in floods.
        tracing::debug!(%id, status = problem.status, problem = problem.kind, "answered");
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let (mut parts, _) = error.response().into_parts();
        headers::complete(&mut parts.headers, self.is_https);
        let mut answer = format!(
            "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\nx-request-id: {id}\r\n",
            parts.status,
            body.len()
        );
        for (name, value) in &parts.headers {
            // Writing to a string cannot fail, and our own headers are ASCII.
            let _ = write!(answer, "{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
        (answer + "\r\n" + &body).into()
    }
}
