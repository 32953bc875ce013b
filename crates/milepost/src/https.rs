//! Where browsers reach us by https, nothing is said by plain http: a key that was sent so may have been read on the way,
//! and a redirect would let a program go on sending it.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::caller::Caller;
use crate::error::Error;

/// Asked for by machines beside us, without credentials.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// What a call of the API by plain http is answered with, and a browser that asks for the page, which is sent to https.
pub(crate) fn insist_on_https(app: &App, request: &Request) -> Option<Response> {
    let settings = app.settings();
    let path = request.uri().path();
    let is_https = request.extensions().get::<Caller>().is_some_and(|caller| caller.is_https);
    if !settings.is_https() || is_https || PROBES.contains(&path) {
        return None;
    }
    let is_api = path == "/api" || path.starts_with("/api/");
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    // It came by https and we do not believe it: the browser would be sent here again and again.
    if is_api || !only_reads || says_https(request.headers()) {
        return Some(Error::HttpsRequired.into_response());
    }
    let place = request.uri().path_and_query().map_or("/", |place| place.as_str());
    Some((StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, settings.url_of(place))]).into_response())
}

fn says_https(headers: &HeaderMap) -> bool {
    let says = |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"https");
    headers.get_all("x-forwarded-proto").iter().any(says)
}
