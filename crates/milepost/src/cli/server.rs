//! The server that a client command talks to: its address, the key, and what it answers.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use clap::Args;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use url::Url;

use super::Failure;
use super::text::clean;
use crate::client;
use crate::sources::Clock;

/// Where the key is taken from. There is no flag for it: everybody on the machine can read a command line.
const KEY_VARIABLE: &str = "MILEPOST_API_KEY";
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take that is no stream.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a server that is busy is asked before giving up.
const TRIES: u32 = 5;
/// By how much the clocks must differ before it counts: the server tells its time in whole seconds.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);

/// Which server.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server's address, without /api/v1
    #[arg(long, value_name = "URL", env = "MILEPOST_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// A server and the key to show it.
#[derive(Debug, Clone)]
pub(super) struct Server {
    client: Client,
    base: String,
    clock: Clock,
}

/// Why there is no answer of the kind asked for.
#[derive(Debug)]
pub(super) enum RequestError {
    /// The server refuses, and says why.
    Refused {
        /// The status.
        status: StatusCode,
        /// The server's own words, or those of something between it and us.
        detail: String,
        /// After how long asking again makes sense, where the server says so.
        retry_after: Option<Duration>,
    },
    /// There was no answer, or it broke off.
    Unreachable(String),
    /// An answer that no Milepost server gives.
    Strange(String),
}

impl RequestError {
    /// Whether asking again later cannot help.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_client_error() && !passes.contains(status)
            }
            Self::Unreachable(_) => false,
            Self::Strange(_) => true,
        }
    }

    /// After how long the server wants to be asked again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unreachable(_) | Self::Strange(_) => None,
        }
    }

    /// The status, if there was an answer.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Unreachable(_) | Self::Strange(_) => None,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status: StatusCode::UNAUTHORIZED, detail, .. } => {
                write!(f, "the server does not accept {KEY_VARIABLE}: {detail}")
            }
            Self::Refused { status, detail, .. } => write!(f, "the server answers {}: {detail}", status.as_u16()),
            Self::Unreachable(reason) | Self::Strange(reason) => f.write_str(reason),
        }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        // The server's words are as little to be trusted as those in its data.
        Self(clean(&error.to_string()))
    }
}

impl ServerArgs {
    /// A client for the server, with the key of the environment. Nothing is sent yet.
    pub(super) fn connect(&self) -> Result<Server, Failure> {
        let base = base(&self.url)?;
        let key = std::env::var(KEY_VARIABLE).unwrap_or_default();
        if key.trim().is_empty() {
            return Err(Failure(format!("{KEY_VARIABLE} is not set; put one of your API keys for {base} into it")));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
            .map_err(|_| Failure(format!("{KEY_VARIABLE} is no API key: it has characters that none has")))?;
        bearer.set_sensitive(true);
        let client = client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .user_agent(concat!("milepost/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| Failure(cause(&error)))?;
        Ok(Server { client, base, clock: Clock::default() })
    }
}

/// The address in the form that paths are put behind. With `/api/v1` it is understood as well.
fn base(url: &str) -> Result<String, Failure> {
    let bad = |reason: &str| Failure(format!("--url (MILEPOST_URL): it {reason}, such as http://127.0.0.1:8080"));
    let parsed = Url::parse(url.trim()).map_err(|_| bad("is not an address"))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(bad("must be http:// or https:// and a host"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(bad("must name no user; the key goes into MILEPOST_API_KEY"));
    }
    let base = parsed.as_str().trim_end_matches('/');
    Ok(base.strip_suffix("/api/v1").unwrap_or(base).trim_end_matches('/').to_owned())
}

impl Server {
    /// The address, as it was given.
    pub(super) fn address(&self) -> &str {
        &self.base
    }

    /// The server's time, as far as its answers have told it.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Reads JSON from a path below `/api/v1`. A server that is busy is asked again when it says, for a while.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RequestError> {
        let mut tries = 1;
        let response = loop {
            match self.send(self.request(path).timeout(ANSWER_TIMEOUT)).await {
                Err(error) if tries < TRIES && error.retry_after().is_some_and(|wait| wait <= ANSWER_TIMEOUT) => {
                    tries += 1;
                    sleep(error.retry_after().unwrap_or_default()).await;
                }
                answered => break answered?,
            }
        };
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.strange(&error))
    }

    /// Opens a stream below `/api/v1`, behind the message of that id.
    pub(super) async fn open_stream(&self, path: &str, last_event_id: i64) -> Result<Response, RequestError> {
        let request = self.request(path).header("accept", "text/event-stream").header("last-event-id", last_event_id);
        // The answer begins at once; only what follows may take for ever.
        let opened = tokio::time::timeout(ANSWER_TIMEOUT, self.send(request)).await;
        opened.unwrap_or_else(|_| Err(RequestError::Unreachable(format!("{} does not answer", self.base))))
    }

    /// What to say of JSON that is not of the kind asked for.
    pub(super) fn strange(&self, error: &serde_json::Error) -> RequestError {
        RequestError::Strange(format!(
            "{} does not answer as a Milepost server of our version does: {error}",
            self.base
        ))
    }

    /// What to say of an answer that did not come, or broke off.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> RequestError {
        RequestError::Unreachable(format!("cannot reach {}: {}", self.base, cause(error)))
    }

    fn request(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/api/v1{path}", self.base))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, RequestError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.note_time(response.headers());
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(refusal(status, response).await) }
    }

    /// Sets our clock by the server's, so that durations of what is under way are right on a machine whose clock is not.
    fn note_time(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else { return };
        let ahead = date.to_utc() - Clock::default().now();
        self.clock.set_offset(if ahead.abs() > CLOCK_TOLERANCE { ahead } else { TimeDelta::zero() });
    }
}

/// The server's own words, or only the status where something else answers.
async fn refusal(status: StatusCode, response: Response) -> RequestError {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let seconds = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
    let problem = match response.bytes().await {
        Ok(body) => serde_json::from_slice::<Problem>(&body).ok(),
        Err(_) => None,
    };
    let detail = problem.map_or_else(|| status.to_string(), |problem| problem.detail);
    RequestError::Refused { status, detail, retry_after: seconds.map(Duration::from_secs) }
}

/// The innermost reason: what is around it only says that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { innermost.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_end_as_people_copy_it() {
        for url in [
            "https://jobs.example",
            "https://jobs.example/",
            "https://jobs.example/api/v1/",
            " https://jobs.example/api/v1",
        ] {
            assert_eq!(base(url).unwrap(), "https://jobs.example");
        }
        assert_eq!(base("http://[::1]:8080/milepost").unwrap(), "http://[::1]:8080/milepost");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_name_of_the_setting() {
        for url in ["", "localhost:8080", "ftp://jobs.example", "http://"] {
            assert!(base(url).unwrap_err().to_string().contains("MILEPOST_URL"), "{url}");
        }
    }
}
