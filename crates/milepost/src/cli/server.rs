//! The server that a client command talks to: its address, the key, and what it answers.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use clap::Args;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use super::Failure;
use super::credentials::Credentials;
use super::terminal::note;
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
/// An answer that was longer under way does not tell what time it is.
const LONGEST_TRIP: Duration = Duration::from_secs(1);

/// Where a server is unless somebody says otherwise.
const USUAL_URL: &str = "http://127.0.0.1:8080";

/// Which server.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server's address, without /api/v1 [default: that of `milepost login`, else `http://127.0.0.1:8080`]
    #[arg(long, value_name = "URL", env = "MILEPOST_URL")]
    url: Option<String>,
}

/// A server and the key to show it.
#[derive(Debug, Clone)]
pub(super) struct Server {
    client: Client,
    base: String,
    key: Secret,
    clock: Clock,
    told_ahead: Arc<Mutex<Option<TimeDelta>>>,
}

/// Text that no `Debug` shows.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
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
        /// All that the server says; none where something else answers.
        problem: Option<Value>,
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

    /// What the server itself says of the refusal.
    pub(super) fn problem(&self) -> Option<&Value> {
        match self {
            Self::Refused { problem, .. } => problem.as_ref(),
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
    /// The server, in the form that paths are put behind.
    pub(super) fn address(&self) -> Result<String, Failure> {
        match self.url.as_deref().filter(|url| !url.trim().is_empty()) {
            Some(url) => base(url),
            None => base(Credentials::load()?.as_ref().map_or(USUAL_URL, |saved| &saved.url)),
        }
    }

    /// A client for the server, with the key of the environment or of `milepost login`. Nothing is sent yet.
    pub(super) fn connect(&self) -> Result<Server, Failure> {
        let base = self.address()?;
        match find_key(&base)? {
            Some(key) => Server::new(base, key),
            None => Err(Failure(format!(
                "{KEY_VARIABLE} is not set; put one of your API keys for {base} into it, or run `milepost login`"
            ))),
        }
    }

    /// The same, for programs that go on without: none, with a warning, where there is no key or reporting is turned off.
    pub(super) fn connect_if_possible(&self) -> Option<Server> {
        let is_disabled = std::env::var("MILEPOST_DISABLED")
            .is_ok_and(|value| ["1", "true", "yes"].iter().any(|yes| value.eq_ignore_ascii_case(yes)));
        if is_disabled {
            note!("nothing is reported: MILEPOST_DISABLED is set");
            return None;
        }
        self.connect().inspect_err(|reason| note!("nothing is reported: {reason}")).ok()
    }
}

/// The key for a server: that of the environment, else the one that was saved for this very server.
fn find_key(base_url: &str) -> Result<Option<String>, Failure> {
    let key = std::env::var(KEY_VARIABLE).unwrap_or_default().trim().to_owned();
    if !key.is_empty() {
        return Ok(Some(key));
    }
    let saved = Credentials::load()?;
    Ok(saved.filter(|saved| base(&saved.url).is_ok_and(|url| url == base_url)).map(|saved| saved.api_key))
}

impl Server {
    /// A client for a server.
    pub(super) fn new(base: String, key: String) -> Result<Self, Failure> {
        let is_possible = key.chars().all(|c| c.is_ascii_graphic());
        let bearer = HeaderValue::from_str(&format!("Bearer {key}")).ok().filter(|_| is_possible);
        let mut bearer =
            bearer.ok_or_else(|| Failure("this is no API key: it has characters that none has".to_owned()))?;
        bearer.set_sensitive(true);
        let client = client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .user_agent(concat!("milepost/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A report that is redirected becomes a question, and its answer looks like success.
            .redirect(Policy::none())
            .build()
            .map_err(|error| Failure(cause(&error)))?;
        Ok(Self { client, base, key: Secret(key), clock: Clock::default(), told_ahead: Arc::default() })
    }
}

/// The address in the form that paths are put behind. With `/api/v1` it is understood as well.
pub(super) fn base(url: &str) -> Result<String, Failure> {
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

    /// The key that is shown to it.
    pub(super) fn api_key(&self) -> &str {
        &self.key.0
    }

    /// The server's time, as far as its answers have told it.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How far its time is ahead of ours, to the letter, even where that may be nothing: it tells whole seconds. None: it
    /// has not told.
    pub(super) fn told_ahead(&self) -> Option<TimeDelta> {
        *self.told_ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads JSON from a path below `/api/v1`. A server that is busy is asked again when it says, for a while.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RequestError> {
        let response = self.send_patiently(|| self.send(self.request(path).timeout(ANSWER_TIMEOUT))).await?;
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.strange(&error))
    }

    /// Opens a file below `/api/v1`, which may take as long to come as it likes once it has begun. A server that is busy is
    /// asked again when it says, for a while.
    pub(super) async fn open_file(&self, path: &str) -> Result<Response, RequestError> {
        self.send_patiently(|| self.begin(self.request(path))).await
    }

    async fn send_patiently<F>(&self, send: impl Fn() -> F) -> Result<Response, RequestError>
    where
        F: Future<Output = Result<Response, RequestError>>,
    {
        let mut tries = 1;
        loop {
            match send().await {
                Err(error) if tries < TRIES && error.retry_after().is_some_and(|wait| wait <= ANSWER_TIMEOUT) => {
                    tries += 1;
                    sleep(error.retry_after().unwrap_or_default()).await;
                }
                answered => return answered,
            }
        }
    }

    /// Waits for the beginning of an answer; what follows may take for ever.
    async fn begin(&self, request: RequestBuilder) -> Result<Response, RequestError> {
        let begun = tokio::time::timeout(ANSWER_TIMEOUT, self.send(request)).await;
        begun.unwrap_or_else(|_| Err(RequestError::Unreachable(format!("{} does not answer", self.base))))
    }

    /// Sends JSON to a path below `/api/v1`, once.
    pub(super) async fn send_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, RequestError> {
        let request = self.client.request(method, format!("{}/api/v1{path}", self.base)).json(body);
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.strange(&error))
    }

    /// Opens a stream below `/api/v1`, behind the message of that id.
    pub(super) async fn open_stream(&self, path: &str, last_event_id: i64) -> Result<Response, RequestError> {
        let request = self.request(path).header("accept", "text/event-stream").header("last-event-id", last_event_id);
        self.begin(request).await
    }

    /// What to say of JSON that is not of the kind asked for.
    pub(super) fn strange(&self, error: &serde_json::Error) -> RequestError {
        RequestError::Strange(format!(
            "{} does not answer as a Milepost server of our version does: {error}",
            self.base
        ))
    }

    /// What to say of an answer that is JSON but makes no sense.
    pub(super) fn strange_answer(&self) -> RequestError {
        RequestError::Strange(format!("{} does not answer as a Milepost server does", self.base))
    }

    /// What to say of an answer that did not come, or broke off.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> RequestError {
        RequestError::Unreachable(format!("cannot reach {}: {}", self.base, cause(error)))
    }

    fn request(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/api/v1{path}", self.base))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, RequestError> {
        let asked = Instant::now();
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.note_time(response.headers(), asked.elapsed());
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(refusal(status, response).await) }
    }

    /// Sets our clock by the server's, so that durations of what is under way are right on a machine whose clock is not.
    fn note_time(&self, headers: &HeaderMap, trip: Duration) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else { return };
        let half_trip = TimeDelta::from_std(trip / 2).unwrap_or_default();
        // In the middle of the second that it names, and of the time that the answer was under way.
        let ahead = date.to_utc() + TimeDelta::milliseconds(500) + half_trip - Clock::default().now();
        // An answer that took long tells only of clocks that are far off.
        if trip > LONGEST_TRIP && ahead.abs() <= CLOCK_TOLERANCE + half_trip {
            return;
        }
        *self.told_ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        self.clock.set_offset(if ahead.abs() > CLOCK_TOLERANCE { ahead } else { TimeDelta::zero() });
    }
}

/// The server's own words, or only the status where something else answers.
async fn refusal(status: StatusCode, response: Response) -> RequestError {
    /// What the `type` of our problems begins with.
    const OURS: &str = "urn:milepost:";
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let seconds = header(RETRY_AFTER).and_then(|wait| wait.parse().ok());
    let elsewhere = header(LOCATION).filter(|_| status.is_redirection());
    let elsewhere = elsewhere.map(|place| format!("{status}: it is elsewhere ({place}); give that address"));
    let problem = match response.bytes().await {
        Ok(body) => serde_json::from_slice::<Value>(&body).ok(),
        Err(_) => None,
    };
    // What stands between us and the server may say something too, which is not believed.
    let problem = problem.filter(|problem| problem["type"].as_str().is_some_and(|kind| kind.starts_with(OURS)));
    let detail = problem.as_ref().map(explain).or(elsewhere).unwrap_or_else(|| status.to_string());
    RequestError::Refused { status, detail, problem, retry_after: seconds.map(Duration::from_secs) }
}

/// A problem in the server's words, with the fields it is about.
fn explain(problem: &Value) -> String {
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let errors = problem["errors"].as_array().into_iter().flatten();
    let said = errors.map(|error| format!("; {}: {}", text(error, "pointer"), text(error, "detail")));
    said.fold(text(problem, "detail"), |so_far, next| so_far + &next)
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
