//! Every setting, named once: a field of [`SettingArgs`] is `--flag`, `MILEPOST_FLAG` and a key of `milepost.toml`.
//! Flags beat variables, variables beat the file, the file beats the defaults.

mod values;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Source};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::db::DatabaseUrl;
use values::{Age, Count, Delay, ListenAddress, Networks, PublicUrl, Span, resolve_address};

/// The file that is read when no other is named and it exists.
const DEFAULT_FILE: &str = "milepost.toml";
/// Where the server listens unless told otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// The database unless told otherwise.
const DEFAULT_DATABASE: &str = "sqlite://milepost.db";

/// The settings as they are given. Each is a flag, a variable `MILEPOST_…` and a key of `milepost.toml`.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct SettingArgs {
    /// Read settings from this file [default: milepost.toml, if it exists]
    #[arg(long, value_name = "FILE", env = "MILEPOST_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,

    /// `sqlite://FILE` or `postgres://…` [default: `sqlite://milepost.db`]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,

    /// The address at which browsers reach the server [default: `http://LISTEN`]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,

    /// Who may make an account without an invitation: `invitation` (nobody) or `open` (anybody) [default: invitation]
    #[arg(long, value_name = "WHO")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup: Option<String>,

    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count: addresses or networks, separated by commas
    /// [default: none]
    #[arg(long, value_name = "NETWORKS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<String>,

    /// Address and port for `/metrics` alone [default: on the server's own address, for this machine only]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<String>,

    /// How the log is written: `text` or `json` [default: text]
    #[arg(long, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<String>,

    /// How many connections are open at once [default: 10000]
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,

    /// How many of them come from one address, of IPv6 from one network of 64 bits; trusted proxies apart [default: half]
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections_per_address: Option<u32>,

    /// How long a request's head may take to arrive [default: 10s]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_timeout: Option<String>,

    /// How long a request may take, streams apart, and how long a client may read nothing of an answer or a stream
    /// [default: 30s]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<String>,

    /// How long a connection may lie idle between two requests [default: 60s]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<String>,

    /// How long the server goes on serving after it was told to stop, while `/readyz` says that it is stopping
    /// [default: 0s]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_delay: Option<String>,

    /// How many events a second each key may report, over time [default: 500]
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_rate: Option<u32>,

    /// How many events each key may report at once; no fewer than in a second [default: 2000]
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_burst: Option<u32>,

    /// About how many events are made durable with one commit at most; 1 commits each request by itself [default: 500]
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_group: Option<u32>,

    /// After how long without use a session ends; no longer than its lifetime [default: 30m]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_idle: Option<String>,

    /// After how long a session ends in any case [default: 24h]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_lifetime: Option<String>,

    /// After how long without use a session ends whose owner asked to be remembered [default: 14d]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remembered_session_idle: Option<String>,

    /// After how long such a session ends in any case [default: 90d]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remembered_session_lifetime: Option<String>,

    /// Whether every reading of a job goes into the audit log [default: false]
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_reads: Option<bool>,

    /// After how long finished jobs are deleted or anonymised, such as 365d; a day at least [default: never]
    #[arg(long, value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,

    /// What is done with them then: `delete` or `anonymise` [default: anonymise]
    #[arg(long, value_name = "ACTION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_action: Option<String>,
}

/// The keys of the file and, in capitals behind `MILEPOST_`, the variables.
const KEYS: [&str; 23] = [
    "listen",
    "database_url",
    "public_url",
    "signup",
    "trusted_proxies",
    "metrics_listen",
    "log_format",
    "max_connections",
    "max_connections_per_address",
    "header_timeout",
    "request_timeout",
    "idle_timeout",
    "stop_delay",
    "event_rate",
    "event_burst",
    "event_group",
    "session_idle",
    "session_lifetime",
    "remembered_session_idle",
    "remembered_session_lifetime",
    "audit_reads",
    "retention",
    "retention_action",
];
/// The variables that are no settings of a server's.
const OTHER_VARIABLES: [&str; 4] = ["MILEPOST_CONFIG", "MILEPOST_LOG", "MILEPOST_URL", "MILEPOST_API_KEY"];
/// What all variables begin with.
const PREFIX: &str = "MILEPOST_";

/// Who may make an account without an invitation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signup {
    /// Nobody: customers are invited, providers are made with `milepost user add`.
    #[default]
    Invitation,
    /// Anybody.
    Open,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object on a line.
    Json,
}

/// What is done with finished jobs that are kept no longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum RetentionAction {
    /// They go, but for what they count for.
    Delete,
    /// They stay, without whatever names a person: names, metadata, the provider's id of the job, the customer.
    #[default]
    Anonymise,
}

/// How long finished jobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Counted from when a job finished.
    pub after: TimeDelta,
    /// What happens then.
    pub action: RetentionAction,
}

/// How much the server takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once.
    pub max_connections: NonZeroU32,
    /// Those of one address; half of all if none.
    pub max_connections_per_address: Option<NonZeroU32>,
    /// For a request's head to arrive.
    pub header_timeout: Duration,
    /// For a request to be answered, streams apart; and for a client to read nothing of an answer or a stream.
    pub request_timeout: Duration,
    /// For a connection to lie idle between two requests.
    pub idle_timeout: Duration,
    /// Events a second of each key, over time.
    pub event_rate: NonZeroU32,
    /// Events of each key at once.
    pub event_burst: NonZeroU32,
    /// Events of a commit, about.
    pub event_group: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        fn count(number: u32) -> NonZeroU32 {
            NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
        }
        Self {
            max_connections: count(10_000),
            max_connections_per_address: None,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            event_rate: count(500),
            event_burst: count(2_000),
            event_group: count(500),
        }
    }
}

impl Limits {
    /// Connections open at once from one address.
    #[must_use]
    pub fn connections_of_address(&self) -> u32 {
        self.max_connections_per_address.map_or(self.max_connections.get().div_ceil(2), NonZeroU32::get)
    }
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without use.
    pub idle: TimeDelta,
    /// In any case.
    pub lifetime: TimeDelta,
    /// Without use, where its owner asked to be remembered.
    pub remembered_idle: TimeDelta,
    /// In any case, where its owner asked to be remembered.
    pub remembered_lifetime: TimeDelta,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            idle: TimeDelta::minutes(30),
            lifetime: TimeDelta::hours(24),
            remembered_idle: TimeDelta::days(14),
            remembered_lifetime: TimeDelta::days(90),
        }
    }
}

/// The settings as they hold.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the data is.
    pub database_url: DatabaseUrl,
    /// Where browsers find us.
    pub public_url: Url,
    /// Who may make an account without an invitation.
    pub signup: Signup,
    /// Whose word counts on where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// Where `/metrics` is, apart from the rest.
    pub metrics_listen: Option<SocketAddr>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// How much the server takes on.
    pub limits: Limits,
    /// How long it goes on serving after it was told to stop, not ready any more.
    pub stop_delay: Duration,
    /// How long sessions last.
    pub sessions: SessionLimits,
    /// Whether every reading of a job goes into the audit log.
    pub audit_reads: bool,
    /// How long finished jobs are kept; for ever if none.
    pub retention: Option<Retention>,
}

/// What the sources give together, before anything is filled in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(deserialize_with = "resolve_address")]
    listen: SocketAddr,
    database_url: DatabaseUrl,
    #[serde(default)]
    public_url: Option<PublicUrl>,
    #[serde(default)]
    signup: Signup,
    #[serde(default)]
    trusted_proxies: Networks,
    #[serde(default)]
    metrics_listen: Option<ListenAddress>,
    #[serde(default)]
    log_format: LogFormat,
    max_connections: Option<Count>,
    max_connections_per_address: Option<Count>,
    header_timeout: Option<Span>,
    request_timeout: Option<Span>,
    idle_timeout: Option<Span>,
    #[serde(default)]
    stop_delay: Delay,
    event_rate: Option<Count>,
    event_burst: Option<Count>,
    event_group: Option<Count>,
    session_idle: Option<Span>,
    session_lifetime: Option<Span>,
    remembered_session_idle: Option<Span>,
    remembered_session_lifetime: Option<Span>,
    #[serde(default)]
    audit_reads: bool,
    retention: Option<Age>,
    #[serde(default)]
    retention_action: RetentionAction,
}

/// A setting that cannot be used; the text names it.
#[derive(Debug, thiserror::Error)]
#[error("bad setting: {0}")]
pub struct BadSetting(String);

impl SettingArgs {
    /// Reads all sources and fills in what none of them gives.
    pub fn resolve(&self) -> Result<Settings, BadSetting> {
        let file = match self.file()? {
            Some(file) => Figment::from(Toml::file_exact(file)),
            None => Figment::new(),
        };
        self.fill_in(file.merge(Env::raw().only(&["DATABASE_URL"])).merge(Env::prefixed(PREFIX).only(&KEYS)))
    }

    /// The same from these flags alone.
    pub fn resolve_alone(&self) -> Result<Settings, BadSetting> {
        self.fill_in(Figment::new())
    }

    fn fill_in(&self, sources: Figment) -> Result<Settings, BadSetting> {
        let given: Given = Figment::new()
            .merge(Serialized::default("listen", DEFAULT_LISTEN))
            .merge(Serialized::default("database_url", DEFAULT_DATABASE))
            .merge(sources)
            .merge(Serialized::defaults(self))
            .extract()
            .map_err(|errors| BadSetting(describe(errors)))?;
        let usual = Settings::new(given.listen, given.database_url)?;
        let duration = |span: Option<Span>, usual| span.map_or(usual, |span| span.0);
        let delta = |span: Option<Span>, usual| span.map_or(usual, Span::as_delta);
        let (lifetime, remembered_lifetime) = (
            delta(given.session_lifetime, usual.sessions.lifetime),
            delta(given.remembered_session_lifetime, usual.sessions.remembered_lifetime),
        );
        let event_rate = given.event_rate.map_or(usual.limits.event_rate, |rate| rate.0);
        Ok(Settings {
            public_url: given.public_url.map_or(usual.public_url, |PublicUrl(url)| url),
            signup: given.signup,
            trusted_proxies: given.trusted_proxies.0,
            metrics_listen: given.metrics_listen.map(|ListenAddress(address)| address),
            log_format: given.log_format,
            limits: Limits {
                max_connections: given.max_connections.map_or(usual.limits.max_connections, |count| count.0),
                max_connections_per_address: given.max_connections_per_address.map(|count| count.0),
                header_timeout: duration(given.header_timeout, usual.limits.header_timeout),
                request_timeout: duration(given.request_timeout, usual.limits.request_timeout),
                idle_timeout: duration(given.idle_timeout, usual.limits.idle_timeout),
                event_rate,
                event_burst: burst_of(event_rate, given.event_burst, usual.limits.event_burst)?,
                event_group: given.event_group.map_or(usual.limits.event_group, |group| group.0),
            },
            stop_delay: given.stop_delay.0,
            sessions: SessionLimits {
                idle: idle_of("session", lifetime, given.session_idle, usual.sessions.idle)?,
                lifetime,
                remembered_idle: idle_of(
                    "remembered_session",
                    remembered_lifetime,
                    given.remembered_session_idle,
                    usual.sessions.remembered_idle,
                )?,
                remembered_lifetime,
            },
            audit_reads: given.audit_reads,
            retention: given.retention.map(|Age(after)| Retention { after, action: given.retention_action }),
            ..usual
        })
    }

    /// The file to read, which can be read.
    fn file(&self) -> Result<Option<&Path>, BadSetting> {
        let file = self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read(file) {
            Ok(_) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.config.is_none() => Ok(None),
            Err(error) => Err(BadSetting(format!("config: cannot read {}: {error}", file.display()))),
        }
    }
}

/// Says which variables look like settings and are none. They stop nothing: systems set variables by the names of
/// services, as Kubernetes does.
pub fn warn_of_unknown_variables() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let is_unknown = |name: &String| {
        let key = name.strip_prefix(PREFIX);
        let is_known = |key: &str| KEYS.iter().any(|known| known.eq_ignore_ascii_case(key));
        key.is_some_and(|key| !is_known(key)) && !OTHER_VARIABLES.contains(&name.as_str())
    };
    for name in names.filter(is_unknown) {
        tracing::warn!("there is no setting {}: the variable is not heeded", name.escape_debug());
    }
}

/// After how long without use a session ends; where that is not set, no later than in any case.
fn idle_of(
    session: &str,
    lifetime: TimeDelta,
    given: Option<Span>,
    usual: TimeDelta,
) -> Result<TimeDelta, BadSetting> {
    match given.map(Span::as_delta) {
        None => Ok(usual.min(lifetime)),
        Some(idle) if idle <= lifetime => Ok(idle),
        Some(idle) => Err(BadSetting(format!(
            "{session}_idle: {} is longer than {session}_lifetime, {}, after which a session ends in any case",
            as_written(idle),
            as_written(lifetime)
        ))),
    }
}

/// A time as one writes it in a setting: `90d`.
#[must_use]
pub fn as_written(time: TimeDelta) -> String {
    let seconds = time.num_seconds();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds % length == 0);
    let (length, name) = unit.unwrap_or((1, "s"));
    format!("{}{name}", seconds / length)
}

/// How many events may come at once; where that is not set, at least those of a second.
fn burst_of(rate: NonZeroU32, given: Option<Count>, usual: NonZeroU32) -> Result<NonZeroU32, BadSetting> {
    match given {
        None => Ok(usual.max(rate)),
        Some(Count(burst)) if burst >= rate => Ok(burst),
        Some(Count(burst)) => Err(BadSetting(format!(
            "event_burst: {burst} is less than event_rate, {rate}: what may come in a second must be able to come at once"
        ))),
    }
}

/// Each error with the setting it is about and where that was given; never the value of a URL with a password.
fn describe(errors: figment::Error) -> String {
    let one = |error: figment::Error| {
        let setting = error.path.join(".");
        let source = match error.metadata.as_ref().map(|metadata| (&metadata.source, &metadata.name)) {
            None => String::new(),
            Some((Some(Source::File(file)), _)) => format!(" (in {})", file.display()),
            Some((Some(Source::Code(_)), _)) => format!(" (from --{})", setting.replace('_', "-")),
            Some((_, name)) => {
                let prefix = if name.contains(PREFIX) { PREFIX } else { "" };
                format!(" (from the environment variable {prefix}{})", setting.to_uppercase())
            }
        };
        let setting = if setting.is_empty() { setting } else { format!("{setting}: ") };
        format!("{setting}{}{source}", in_words(&error.kind))
    };
    errors.into_iter().map(one).collect::<Vec<_>>().join("; ")
}

fn in_words(kind: &Kind) -> String {
    let quoted = |found: &figment::error::Actual| found.to_string().replace('`', "\"");
    match kind {
        Kind::UnknownField(_, known) => format!("there is no such setting, but {}", known.join(", ")),
        Kind::UnknownVariant(found, known) => format!("{found:?} is not {}", known.join(" or ")),
        Kind::InvalidType(found, wanted) if wanted.starts_with("enum") => {
            format!("{} is no text", quoted(found))
        }
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            format!("{} is not {wanted}", quoted(found))
        }
        other => without_excerpt(&other.to_string()),
    }
}

/// The reader of TOML shows the line that is wrong, which may hold a password: only the place and the reason are kept.
fn without_excerpt(message: &str) -> String {
    let is_excerpt = |line: &&str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    message.lines().filter(|line| !is_excerpt(line)).collect::<Vec<_>>().join(": ")
}

fn own_url(listen: SocketAddr) -> Result<Url, BadSetting> {
    // An unspecified address is no place to point a browser at.
    let host = if listen.ip().is_unspecified() {
        "127.0.0.1".to_owned() + ":" + &listen.port().to_string()
    } else {
        listen.to_string()
    };
    Url::parse(&format!("http://{host}")).map_err(|error| BadSetting(format!("listen: {error}")))
}

impl Settings {
    /// What holds unless told otherwise.
    pub fn new(listen: SocketAddr, database_url: DatabaseUrl) -> Result<Self, BadSetting> {
        Ok(Self {
            listen,
            database_url,
            public_url: own_url(listen)?,
            signup: Signup::default(),
            trusted_proxies: Vec::new(),
            metrics_listen: None,
            log_format: LogFormat::default(),
            limits: Limits::default(),
            stop_delay: Duration::ZERO,
            sessions: SessionLimits::default(),
            audit_reads: false,
            retention: None,
        })
    }

    /// Whether browsers reach us by https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// An address of ours for people.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// Puts the port that the system chose for port 0 into the public address, where that was not set otherwise.
    pub fn listening_on(&mut self, address: SocketAddr) {
        if self.listen.port() == 0 && self.public_url.port_or_known_default() == Some(0) {
            // A port of an http URL with a host can always be set.
            let _ = self.public_url.set_port(Some(address.port()));
        }
        self.listen = address;
    }
}
