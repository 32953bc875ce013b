//! What the flags, the variables and the file give, put together into [`Settings`].

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use clap::Args;
use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Source};
use serde::{Deserialize, Serialize};

use super::values::{Age, Count, Delay, ListenAddress, Networks, PublicUrl, Span, resolve_address};
use super::{BadSetting, Limits, LogFormat, Retention, RetentionAction, SessionLimits, Settings, Signup, as_written};
use crate::db::DatabaseUrl;

/// The file that is read when no other is named and it exists.
const DEFAULT_FILE: &str = "milepost.toml";
/// Where the server listens unless told otherwise.
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
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
const OTHER_VARIABLES: [&str; 9] = [
    "MILEPOST_CONFIG",
    "MILEPOST_LOG",
    "MILEPOST_URL",
    "MILEPOST_API_KEY",
    "MILEPOST_JOB",
    "MILEPOST_SPOOL",
    "MILEPOST_SPOOL_LIMIT",
    "MILEPOST_DISABLED",
    "MILEPOST_TEST_POSTGRES_URL",
];
/// What all variables begin with.
const PREFIX: &str = "MILEPOST_";

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
