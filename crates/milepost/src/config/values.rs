//! Values of settings as people write them, in any of the sources.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::DEFAULT_LISTEN;

/// A time that something may take, in words: `30m`, `14d`. From a second to ten years.
#[derive(Clone, Copy)]
pub(super) struct Span(pub(super) Duration);

/// The longest time that a setting may be.
const LONGEST: Duration = Duration::from_hours(24 * 3_653);

/// How long something is put off, in words: up to five minutes, or `0s`.
#[derive(Clone, Copy, Default)]
pub(super) struct Delay(pub(super) Duration);

/// The longest that something is put off.
const LONGEST_DELAY: Duration = Duration::from_mins(5);

/// So many events.
#[derive(Clone, Copy)]
pub(super) struct EventCount(pub(super) NonZeroU32);

/// As many as is as good as no limit; of more, the times between two are too short to count.
const MOST_EVENTS: u32 = 1_000_000;

impl<'de> Deserialize<'de> for EventCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = NonZeroU32::deserialize(deserializer)?;
        if count.get() > MOST_EVENTS {
            return Err(serde::de::Error::custom(format!("{count} is more than {MOST_EVENTS}")));
        }
        Ok(Self(count))
    }
}

/// Reads a duration in words.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(String, Duration), D::Error> {
    // A bare number is read as one.
    let value = serde_json::Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let Ok(duration) = humantime::parse_duration(&text) else {
        let detail = format!("{text:?} is not a duration, such as 30s, 15m, 24h or 14d");
        return Err(serde::de::Error::custom(detail));
    };
    Ok((text, duration))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (text, span) = duration(deserializer)?;
        if !(Duration::from_secs(1)..=LONGEST).contains(&span) {
            return Err(serde::de::Error::custom(format!("{text:?} is not between a second and ten years")));
        }
        Ok(Self(span))
    }
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (text, delay) = duration(deserializer)?;
        if delay > LONGEST_DELAY {
            return Err(serde::de::Error::custom(format!("{text:?} is longer than five minutes")));
        }
        Ok(Self(delay))
    }
}

impl Span {
    pub(super) fn as_delta(self) -> TimeDelta {
        TimeDelta::from_std(self.0).unwrap_or(TimeDelta::MAX)
    }
}

/// Networks or single addresses: a list, or text with commas.
#[derive(Default)]
pub(super) struct Networks(pub(super) Vec<IpNet>);

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "networks such as 10.0.0.0/8, separated by commas")]
        enum Form {
            Text(String),
            List(Vec<String>),
        }
        let parts = match Form::deserialize(deserializer)? {
            Form::Text(text) => text.split(',').map(str::to_owned).collect(),
            Form::List(list) => list,
        };
        let network = |part: &str| {
            let parsed = part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            parsed.map_err(|_| serde::de::Error::custom(format!("{part:?} is no network such as 10.0.0.0/8")))
        };
        let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

/// An address to listen on beside the first.
pub(super) struct ListenAddress(pub(super) SocketAddr);

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        resolve_address(deserializer).map(Self)
    }
}

/// An address to listen on, by number or by name.
pub(super) fn resolve_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    use serde::de::Error;
    // A bare port in a variable is read as a number.
    let value = serde_json::Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    resolved
        .ok_or_else(|| D::Error::custom(format!("{text:?} is not an address and a port, such as {DEFAULT_LISTEN}")))
}

/// An origin, such as `https://jobs.example`.
pub(super) struct PublicUrl(pub(super) Url);

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
