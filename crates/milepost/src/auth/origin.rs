//! A page of another origin must not act with the cookie of ours: its unsafe requests are refused.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, Version, header};
use url::{Origin, Url};

use crate::app::App;
use crate::error::{Error, Result};

/// Refuses an unsafe request that a browser sent for a page of another origin.
pub fn refuse_other_origins(app: &App, request: &Request) -> Result<()> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_own_origin(request.headers(), &app.settings().public_url) {
        return Ok(());
    }
    Err(Error::Forbidden("This request comes from a page of another site."))
}

/// Refuses a request of HTTP/1.1 that does not name one host: what stands in front of us may have read another than we.
pub fn require_one_host(request: &Request) -> Result<()> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Err(Error::BadRequest);
    }
    Ok(())
}

/// Browsers send `Sec-Fetch-Site`, older ones `Origin`; programs send neither and are accepted.
fn is_own_origin(headers: &HeaderMap, public_url: &Url) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return false };
    // Whoever is on the line can put a page on http at our own address: it is no page of ours where that is https.
    if public_url.scheme() == "https" && origin.scheme() != "https" {
        return false;
    }
    let same_host = |host: &str| {
        Url::parse(&format!("{}://{host}", origin.scheme())).is_ok_and(|own| is_same(&own.origin(), &origin.origin()))
    };
    is_same(&origin.origin(), &public_url.origin())
        || headers.get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(same_host)
}

fn is_same(a: &Origin, b: &Origin) -> bool {
    a.is_tuple() && a == b
}
