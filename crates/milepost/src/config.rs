//! Every setting, named once: a field of [`SettingArgs`] is `--flag`, `MILEPOST_FLAG` and a key of `milepost.toml`.
//! Flags beat variables, variables beat the file, the file beats the defaults.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use clap::Args;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Source};
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::db::DatabaseUrl;

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
}

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
}

/// An address to listen on, by number or by name.
fn resolve_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    use serde::de::Error;
    // A bare port in a variable is read as a number.
    let value = serde_json::Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    resolved
        .ok_or_else(|| D::Error::custom(format!("{text:?} is not an address and a port, such as {DEFAULT_LISTEN}")))
}

struct PublicUrl(Url);

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let url = String::deserialize(deserializer)?;
        let url = Url::parse(&url).map_err(|error| D::Error::custom(format!("is not a URL: {error}")))?;
        let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !is_origin || has_user {
            return Err(D::Error::custom("must be http:// or https:// and a host, without a user or a path"));
        }
        Ok(Self(url))
    }
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
        let variables = ["listen", "database_url", "public_url", "signup"];
        self.fill_in(
            file.merge(Env::raw().only(&["DATABASE_URL"])).merge(Env::prefixed("MILEPOST_").only(&variables)),
        )
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
        Ok(Settings {
            public_url: match given.public_url {
                Some(PublicUrl(url)) => url,
                None => own_url(given.listen)?,
            },
            listen: given.listen,
            database_url: given.database_url,
            signup: given.signup,
        })
    }

    fn file(&self) -> Result<Option<&Path>, BadSetting> {
        match self.config.as_deref() {
            Some(file) if file.is_file() => Ok(Some(file)),
            Some(file) => Err(BadSetting(format!("config: there is no file {}", file.display()))),
            None => Ok(Some(Path::new(DEFAULT_FILE)).filter(|file| file.is_file())),
        }
    }
}

/// Each error with the setting it is about and where that was given; never the value of a URL with a password.
fn describe(errors: figment::Error) -> String {
    let one = |error: figment::Error| {
        let source = error.metadata.as_ref().map_or_else(String::new, |metadata| match &metadata.source {
            Some(Source::File(file)) => format!(" (in {})", file.display()),
            Some(Source::Code(_)) => " (on the command line)".to_owned(),
            _ => format!(" (in the {})", metadata.name),
        });
        let setting = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path.join(".")) };
        format!("{setting}{}{source}", without_excerpt(&error.kind.to_string()))
    };
    errors.into_iter().map(one).collect::<Vec<_>>().join("; ")
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
