//! Serves the web page that `milepost-web` embeds. Every path that is not the API's or a file's answers with the one
//! page, which finds its way by the path itself.

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use milepost_web::File;

use crate::error::Error;
use crate::sources::random_bytes;

/// A browser keeps what carries its content's hash in its name, and asks again for anything else.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
const NEVER: &str = "no-store";

/// What the page may load and do: only what comes from here, and styles that its script adds under the nonce.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-__CSP_NONCE__'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// The same for the reader of the API document. The hash is of the style inside its logo, which is dark on dark without.
const READER_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The same for a file of the page. A worker goes by the policy of its own script, and asks us for the live stream.
const FILE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'";

/// Paths may hold invitations, which no other site may learn; and no other site may frame or hold our window.
const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Answers what no route of the API takes.
pub(crate) async fn answer(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let response = match place(path) {
        Place::Api => return Error::NotFound.into_response(),
        Place::File(path) => match milepost_web::file(path) {
            Some(file) => send_file(file, &headers),
            // A cache must not remember that a file is missing which the next version brings.
            None => return ([(header::CACHE_CONTROL, NEVER)], Error::NotFound).into_response(),
        },
        Place::Page => send_page(),
    };
    if method == Method::GET || method == Method::HEAD {
        return response;
    }
    ([(header::ALLOW, "GET,HEAD")], Error::MethodNotAllowed).into_response()
}

/// The headers of the reader of the API document.
pub(crate) fn reader_headers() -> impl axum::response::IntoResponseParts {
    ([(header::CONTENT_SECURITY_POLICY, READER_POLICY)], PAGE_HEADERS)
}

/// What a path is for.
enum Place<'a> {
    Api,
    /// Below the root, without the leading slash.
    File(&'a str),
    Page,
}

fn place(path: &str) -> Place<'_> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (first, rest) {
        // A probe that is asked for wrongly must not succeed by getting the page.
        ("api" | "livez" | "readyz", _) => Place::Api,
        ("assets", _) => Place::File(path),
        (_, None) if first.contains('.') => Place::File(path),
        // Browsers look below `.well-known` for things whose absence they must be told.
        _ if first.starts_with('.') => Place::File(path),
        _ => Place::Page,
    }
}

/// The page under a nonce of its own, and so anew each time; it is too small to be worth compressing.
fn send_page() -> Response {
    let nonce = format!("{:032x}", u128::from_ne_bytes(random_bytes()));
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, NEVER.to_owned()),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY.replace(milepost_web::NONCE, &nonce)),
    ];
    (headers, PAGE_HEADERS, milepost_web::PAGE.replace(milepost_web::NONCE, &nonce)).into_response()
}

/// A file in the best encoding that is accepted, or nothing but its headers if the browser has it.
fn send_file(file: &'static File, headers: &HeaderMap) -> Response {
    let (coding, content) = match (file.brotli, file.gzip) {
        (Some(brotli), _) if accepts(headers, "br") => ("br", brotli),
        (_, Some(gzip)) if accepts(headers, "gzip") => ("gzip", gzip),
        _ => ("identity", file.identity),
    };
    let etag = format!("\"{}-{coding}\"", file.digest);
    let kept = if file.path.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    let is_known = is_known(headers, &etag);
    let named = [
        (header::CONTENT_SECURITY_POLICY, FILE_POLICY.to_owned()),
        (header::CACHE_CONTROL, kept.to_owned()),
        (header::ETAG, etag),
        (header::VARY, header::ACCEPT_ENCODING.to_string()),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, named).into_response();
    }
    let mut response = (named, [(header::CONTENT_TYPE, file.content_type)], Body::from(content)).into_response();
    if coding != "identity" {
        response.headers_mut().insert(header::CONTENT_ENCODING, axum::http::HeaderValue::from_static(coding));
    }
    response
}

/// Whether `Accept-Encoding` admits a coding, by its name or else by `*`.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let mut by_wildcard = false;
    for choice in parts(headers, &header::ACCEPT_ENCODING) {
        let (name, weight) = choice.split_once(';').unwrap_or((choice, ""));
        let weight = weight.trim().to_ascii_lowercase();
        let weight = weight.strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let is_admitted = weight.is_ok_and(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return is_admitted,
            "*" => by_wildcard = is_admitted,
            _ => {}
        }
    }
    by_wildcard
}

/// Whether `If-None-Match` names the tag; for reading, weak tags are as good.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    parts(headers, &header::IF_NONE_MATCH).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// The parts of a header that lists.
fn parts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
