//! Answers that leave before a request got as far as the router: in bytes, made once.

use std::fmt::Write;

use axum::body::Bytes;
use axum::http::StatusCode;

use crate::config::Settings;
use crate::error::Error;
use crate::headers;

/// What is said to those who get no further.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    /// There are too many connections.
    pub(super) busy: Bytes,
    bad_request: Bytes,
    head_too_large: Bytes,
}

impl Refusals {
    pub(super) fn new(settings: &Settings) -> Self {
        let is_https = settings.is_https();
        Self {
            busy: in_bytes(&Error::Busy("More connections are open than the server takes; try again."), is_https),
            bad_request: in_bytes(&Error::BadRequest, is_https),
            head_too_large: in_bytes(&Error::HeadTooLarge, is_https),
        }
    }

    /// Ours in the place of an answer that hyper makes to what is no request: a status line, and none of our headers.
    pub(super) fn in_place_of(&self, answer: &[u8]) -> Bytes {
        let status = answer.get(9..12).and_then(|status| StatusCode::from_bytes(status).ok());
        match status {
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG) => {
                self.head_too_large.clone()
            }
            _ => self.bad_request.clone(),
        }
    }
}

fn in_bytes(error: &Error, is_https: bool) -> Bytes {
    let body = serde_json::to_string(&error.problem()).unwrap_or_default();
    let (mut parts, _) = error.response().into_parts();
    headers::complete(&mut parts.headers, is_https);
    let mut answer = format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", parts.status, body.len());
    for (name, value) in &parts.headers {
        // Writing to a string cannot fail, and our own headers are ASCII.
        let _ = write!(answer, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    (answer + "\r\n" + &body).into()
}
