//! Values of settings as people write them, in any of the sources.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::given::DEFAULT_LISTEN;

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

/// How many, from one to a million.
#[derive(Clone, Copy)]
pub(super) struct Count(pub(super) NonZeroU32);

/// As many is as good as no limit; of more events, the times between two are too short to count.
const MOST: u32 = 1_000_000;

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text(deserializer)?;
        let count = text.parse().ok().filter(|count: &NonZeroU32| count.get() <= MOST);
        count
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no whole number from 1 to {MOST}")))
    }
}

/// How long jobs are kept. A day at least: `1m` is a minute, and what is deleted stays so.
pub(super) struct Age(pub(super) TimeDelta);

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (text, age) = duration(deserializer)?;
        if age > LONGEST {
            return Err(serde::de::Error::custom(format!("{text:?} is longer than ten years")));
        }
        match TimeDelta::from_std(age) {
            Ok(age) if age >= TimeDelta::days(1) => Ok(Self(age)),
            _ => Err(serde::de::Error::custom(format!(
                "{text:?} is less than a day; m is for minutes, write days such as 30d"
            ))),
        }
    }
}

/// Reads what may be written as text or, where it looks like one, is read as a number.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Reads a duration in words.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(String, Duration), D::Error> {
    let text = text(deserializer)?;
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
    let text = text(deserializer)?;
    let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    resolved
        .ok_or_else(|| D::Error::custom(format!("{text:?} is not an address and a port, such as {DEFAULT_LISTEN}")))
}

/// An origin, such as `https://jobs.example`.
pub(super) struct PublicUrl(pub(super) Url);

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let url = Url::parse(&String::deserialize(deserializer)?).ok().filter(|url| {
            let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            let has_user = !url.username().is_empty() || url.password().is_some();
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && is_origin && !has_user
        });
        let wanted = "is no address such as https://milepost.example.org: http:// or https:// and a host, without a user or a path";
        url.map(Self).ok_or_else(|| D::Error::custom(wanted))
    }
}
