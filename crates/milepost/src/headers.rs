//! The headers that every answer carries, whoever makes it: what a browser may do with it, and who may keep it.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use crate::app::App;

/// Of an answer that is data a browser loads nothing and no site frames it. The page and its reader have their own.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// Two years: from then on a browser that has been here by https comes by nothing else.
const HTTPS_ONLY: &str = "max-age=63072000; includeSubDomains";

/// What holds unless the answer itself says otherwise.
const USUAL: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, DATA_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Adds what an answer does not have yet.
pub(crate) fn complete(headers: &mut HeaderMap, is_https: bool) {
    for (name, value) in USUAL {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
}

/// Completes an answer; data is kept by nobody, whatever its handler says.
pub(crate) fn complete_answer(app: &App, is_data: bool, response: &mut Response) {
    let headers = response.headers_mut();
    if is_data {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    complete(headers, app.settings().is_https());
}
