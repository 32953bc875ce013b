//! What can go wrong in answering a request, and the only place that chooses a status code. What a client reads
//! ([`Problem`], RFC 9457) and what the operator reads (the source of [`Error::Internal`]) are kept apart by type.

use std::fmt;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The most values that an answer names as bad: a small request must not get a large answer.
const MAX_ERRORS: usize = 100;

/// The result of a handler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An answer that is not the one asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body cannot be read as JSON.
    #[error("bad JSON: {0}")]
    BadJson(String),
    /// No credentials, or not valid ones.
    #[error("not signed in: {0}")]
    Unauthenticated(&'static str),
    /// Valid credentials that may not do this.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// There is no such thing, or it is not the caller's: nobody can tell which.
    #[error("not found")]
    NotFound,
    /// What the body refers to is not there, or not the caller's.
    #[error("not found: {}", .0.detail)]
    ReferenceNotFound(FieldError),
    /// The path is there, for other methods.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// It is there already, with other content.
    #[error("conflict: {detail}")]
    Conflict {
        /// What is there.
        detail: String,
        /// What differs, an entry for each path.
        differences: Vec<Difference>,
    },
    /// The body has more bytes than this.
    #[error("more than {0} bytes")]
    TooLarge(usize),
    /// The body's media type is none of these.
    #[error("the media type is not {0}")]
    UnsupportedMediaType(&'static str),
    /// `Accept` names none of these media types.
    #[error("none of the media types is acceptable")]
    NotAcceptable(Vec<&'static str>),
    /// The body is compressed in a way that is not taken.
    #[error("the content encoding is not gzip")]
    UnsupportedEncoding,
    /// What was sent is no request.
    #[error("not a request in HTTP/1.1")]
    BadRequest,
    /// The head of the request is too large, or has too many headers.
    #[error("the head is too large")]
    HeadTooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// It came by plain http, to a server that browsers reach by https.
    #[error("not by https")]
    HttpsRequired,
    /// Values that are not acceptable.
    #[error("invalid: {0:?}")]
    Invalid(Vec<FieldError>),
    /// The caller asks more often than it may.
    #[error("too many requests: {detail}")]
    TooManyRequests {
        /// What there is too much of.
        detail: &'static str,
        /// When to come back.
        retry_after: Duration,
    },
    /// More is under way than the server takes on at once.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// The database cannot be reached, or cannot write.
    #[error("database unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A defect of ours; logged, never sent.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The type of a problem, in the extensions of the answer that it is, for whoever counts answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemType(pub &'static str);

impl ProblemType {
    /// Without what all types begin with.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.0.rsplit(':').next().unwrap_or(self.0)
    }
}

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or `/name` for a query parameter; empty for the whole body.
    #[schema(example = "/step_configurations/0/points")]
    pub pointer: String,
    /// What is wrong, for a human.
    pub detail: String,
}

/// One path at which what was sent differs from what is there.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// Where, with steps by their tag and metadata by its name.
    #[schema(example = "/step_configurations/left/points")]
    pub pointer: String,
    /// What is there; null if nothing.
    pub registered: Value,
    /// What was sent; null if nothing.
    pub sent: Value,
}

/// The body of every error, RFC 9457.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is. It never changes, so programs can go by it.
    #[serde(rename = "type")]
    #[schema(example = "urn:milepost:problem:invalid")]
    pub kind: &'static str,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do, for a human.
    pub detail: String,
    /// For bad input: what is wrong where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// For a conflict: what differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

impl FieldError {
    /// An error at a pointer.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl Error {
    /// A single unacceptable value.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }

    /// A conflict without anything to compare.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::Conflict { detail: detail.into(), differences: Vec::new() }
    }

    /// A defect of ours.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// The status, type and title.
    fn class(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadJson(_) => (StatusCode::BAD_REQUEST, "urn:milepost:problem:bad-json", "Bad JSON"),
            Self::Unauthenticated(_) => {
                (StatusCode::UNAUTHORIZED, "urn:milepost:problem:unauthenticated", "Not signed in")
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "urn:milepost:problem:forbidden", "Not allowed"),
            Self::NotFound | Self::ReferenceNotFound(_) => {
                (StatusCode::NOT_FOUND, "urn:milepost:problem:not-found", "Not found")
            }
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "urn:milepost:problem:method-not-allowed", "Method not allowed")
            }
            Self::Conflict { .. } => (StatusCode::CONFLICT, "urn:milepost:problem:conflict", "Conflict"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "urn:milepost:problem:too-large", "Too large"),
            Self::UnsupportedMediaType(_) | Self::UnsupportedEncoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "urn:milepost:problem:unsupported-media-type",
                "Unsupported media type",
            ),
            Self::NotAcceptable(_) => {
                (StatusCode::NOT_ACCEPTABLE, "urn:milepost:problem:not-acceptable", "Not acceptable")
            }
            Self::BadRequest => (StatusCode::BAD_REQUEST, "urn:milepost:problem:bad-request", "Bad request"),
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "urn:milepost:problem:head-too-large", "Head too large")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "urn:milepost:problem:too-slow", "Too slow"),
            Self::HttpsRequired => (StatusCode::FORBIDDEN, "urn:milepost:problem:https-required", "Only by https"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "urn:milepost:problem:invalid", "Invalid values"),
            Self::TooManyRequests { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "urn:milepost:problem:too-many-requests", "Too many requests")
            }
            Self::Busy(_) | Self::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "urn:milepost:problem:unavailable", "Unavailable")
            }
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "urn:milepost:problem:internal", "Internal error")
            }
        }
    }

    /// After how many seconds trying again makes sense; none if it does not.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests { retry_after, .. } => {
                Some(retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0)).max(1))
            }
            Self::Busy(_) | Self::Unavailable(_) => Some(1),
            _ => None,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::BadJson(reason) => format!("The body is not valid JSON: {reason}."),
            Self::Unauthenticated(detail)
            | Self::Forbidden(detail)
            | Self::Busy(detail)
            | Self::TooManyRequests { detail, .. } => (*detail).to_owned(),
            Self::NotFound => "There is nothing here that you may see.".to_owned(),
            Self::ReferenceNotFound(error) => error.detail.clone(),
            Self::MethodNotAllowed => "This path does not take that method.".to_owned(),
            Self::Conflict { detail, .. } => detail.clone(),
            Self::TooLarge(limit) => format!("The body is larger than {limit} bytes."),
            Self::UnsupportedMediaType(wanted) => format!("Send the body as {wanted}."),
            Self::UnsupportedEncoding => "Send the body as it is, or compressed with gzip.".to_owned(),
            Self::NotAcceptable(types) => {
                format!("There is this as {}, and nothing that `Accept` names.", types.join(", "))
            }
            Self::BadRequest => "What was sent is not a request in HTTP/1.1.".to_owned(),
            Self::HeadTooLarge => {
                "The path, the query and the headers are too long together, or there are too many headers.".to_owned()
            }
            Self::TooSlow => "The body did not arrive in time; send it again, faster or in parts.".to_owned(),
            Self::HttpsRequired => "Use https. A key or password sent by plain http may have been read on the way: \
                replace it. Operators: if this did come by https, name the proxy that speaks it in trusted_proxies, \
                and let it send X-Forwarded-Proto."
                .to_owned(),
            Self::Invalid(errors) => match errors.as_slice() {
                [FieldError { pointer, detail }] if pointer.is_empty() => detail.clone(),
                [FieldError { pointer, detail }] => format!("{pointer}: {detail}"),
                errors if errors.len() > MAX_ERRORS => {
                    format!("{} values are not acceptable; the first {MAX_ERRORS} are named.", errors.len())
                }
                errors => format!("{} values are not acceptable.", errors.len()),
            },
            Self::Unavailable(_) => "The database cannot be reached at the moment; try again.".to_owned(),
            Self::Internal(_) => {
                "Something went wrong on our side; it has been logged under the X-Request-Id of this answer. Trying again may help.".to_owned()
            }
        }
    }

    /// What a client reads.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, kind, title) = self.class();
        Problem {
            kind,
            title,
            status: status.as_u16(),
            detail: self.detail(),
            errors: match self {
                Self::Invalid(errors) => errors.iter().take(MAX_ERRORS).cloned().collect(),
                Self::ReferenceNotFound(error) => vec![error.clone()],
                _ => Vec::new(),
            },
            differences: match self {
                Self::Conflict { differences, .. } => differences.clone(),
                _ => Vec::new(),
            },
        }
    }

    /// Writes what only the operator may read into the log.
    pub fn log(&self) {
        match self {
            Self::Internal(source) => {
                let cause =
                    source.downcast_ref().map_or_else(|| source.to_string(), |source| Cause(source).to_string());
                tracing::error!(error = cause, "internal error");
            }
            Self::Unavailable(source) => tracing::error!(error = %Cause(source), "database unavailable"),
            // Whoever refuses says so, now and then: a line for each would make an overload worse.
            Self::Busy(reason) => tracing::debug!(reason, "busy"),
            _ => {}
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        self.response()
    }
}

impl Error {
    /// The answer, without a word in the log.
    pub(crate) fn response(&self) -> Response {
        let (status, kind, _) = self.class();
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        response.extensions_mut().insert(ProblemType(kind));
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        if let Self::UnsupportedEncoding = self {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"milepost\""));
        }
        response
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Database(refusal) if cannot_write_now(refusal.code().as_deref()) => Self::Unavailable(error),
            _ => Self::Internal(Box::new(error)),
        }
    }
}

/// An error of the database as the log may have it: what PostgreSQL says of a value that does not fit its column repeats
/// the value.
pub(crate) struct Cause<'a>(pub(crate) &'a sqlx::Error);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// PostgreSQL's class of data exceptions.
        const DATA: &str = "22";
        let sqlx::Error::Database(refusal) = self.0 else { return fmt::Display::fmt(self.0, f) };
        let code = refusal.code().unwrap_or_default();
        if code.len() == 5 && code.starts_with(DATA) {
            return write!(f, "error {code} of the database, a value does not fit");
        }
        write!(f, "error {code} of the database: {}", refusal.message())
    }
}

/// Whether a database's error code says that it is full, locked, stopping or starting, rather than that we are wrong.
fn cannot_write_now(code: Option<&str>) -> bool {
    /// SQLite's primary codes: busy, locked, read-only, I/O error, full, cannot open.
    const SQLITE: [u32; 6] = [5, 6, 8, 10, 13, 14];
    let Some(code) = code else { return false };
    if code.len() == 5 {
        // PostgreSQL's classes: connection exceptions, insufficient resources, operator intervention, system errors.
        return ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
            || code == "40001"
            || code == "40P01"
            || code == "25006"
            || code == "55P03";
    }
    code.parse::<u32>().is_ok_and(|code| SQLITE.contains(&(code & 0xff)))
}
