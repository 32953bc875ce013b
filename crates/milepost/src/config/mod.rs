//! Every setting, named once: a field of [`SettingArgs`] is `--flag`, `MILEPOST_FLAG` and a key of `milepost.toml`.
//! Flags beat variables, variables beat the file, the file beats the defaults.

mod given;
mod values;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::db::DatabaseUrl;
pub use given::{SettingArgs, warn_of_unknown_variables};

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

/// A setting that cannot be used; the text names it.
#[derive(Debug, thiserror::Error)]
#[error("bad setting: {0}")]
pub struct BadSetting(String);

/// A time as one writes it in a setting: `90d`.
#[must_use]
pub fn as_written(time: TimeDelta) -> String {
    let seconds = time.num_seconds();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds % length == 0);
    let (length, name) = unit.unwrap_or((1, "s"));
    format!("{}{name}", seconds / length)
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
