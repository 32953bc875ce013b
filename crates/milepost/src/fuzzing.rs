//! What `make fuzz` feeds: each function reads what anybody may send and asserts what must hold, whatever it is. The
//! tests replay `fuzz/corpus` through the same functions.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue};
use chrono::DateTime;
use semver::Version as SemVer;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::caller::Caller;
use crate::configurations::diff::differences;
use crate::configurations::version::Version;
use crate::configurations::{MAX_METADATA, Metadata, MetadataKind, NewConfiguration, check};
use crate::error::{Error, Result};
use crate::events::{BatchForm, EventFilter, NewEvent, measure, parse_batch, parse_metadata};
use crate::http::{parse_json, parse_object, parse_query};
use crate::jobs::JobFilter;
use crate::live::Resume;
use crate::paging::{Cursor, Paging};
use crate::values::{Email, LONG_TEXT_LIMIT};

/// A function that takes anything.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const TARGETS: [(&str, Target); 9] = [
    ("event", event),
    ("batch", batch),
    ("metadata", metadata),
    ("configuration", configuration),
    ("version", version),
    ("cursor", cursor),
    ("email", email),
    ("forwarded", forwarded),
    ("query", query),
];

/// What is refused is the sender's mistake, and the answer says so in JSON.
fn expect_refusal(error: &Error) {
    let problem = error.problem();
    assert!((400..500).contains(&problem.status), "{error}");
    assert!(problem.errors.len() <= 100, "a large answer");
    assert!(serde_json::to_string(&problem).is_ok(), "{error}");
}

/// The value, if it is not refused.
fn accepted<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(expect_refusal).ok()
}

/// The body of `POST /events`.
pub fn event(bytes: &[u8]) {
    if let Some(event) = accepted(parse_object::<NewEvent>(bytes)) {
        expect_within_limits(&event);
    }
}

fn expect_within_limits(event: &NewEvent) {
    assert!((1..=200).contains(&event.provider_job_id.as_str().chars().count()));
    assert!(event.tag.as_ref().is_none_or(|tag| tag.as_str().len() <= 100 && tag.as_str().is_ascii()));
    assert!(event.name.as_ref().is_none_or(|name| name.as_str().len() <= LONG_TEXT_LIMIT));
    assert!(event.fraction.is_none_or(|fraction| (0..=1_000_000).contains(&fraction.millionths())));
    if let Some(raw) = &event.event_metadata {
        read_metadata(raw);
    }
}

/// The body of `POST /events/batch`, in both of its forms, which say the same of the same events.
pub fn batch(bytes: &[u8]) {
    let lines = accepted(parse_batch(bytes, BatchForm::Lines));
    lines.into_iter().flatten().filter_map(accepted).for_each(|event| expect_within_limits(&event));
    let Some(events) = accepted(parse_batch(bytes, BatchForm::Array)) else { return };
    let Ok(values) = serde_json::from_slice::<Vec<Value>>(bytes) else { return };
    let as_lines: String = values.iter().flat_map(|value| [value.to_string(), "\n".to_owned()]).collect();
    let Some(lines) = accepted(parse_batch(as_lines.as_bytes(), BatchForm::Lines)) else { return };
    assert_eq!(events.len(), lines.len(), "an event is lost between the two forms");
    events.into_iter().filter_map(accepted).for_each(|event| expect_within_limits(&event));
}

/// `event_metadata`, checked against a step that defines a field of each kind.
pub fn metadata(bytes: &[u8]) {
    if let Some(raw) = accepted(parse_json::<Box<RawValue>>(bytes)) {
        read_metadata(&raw);
    }
}

fn read_metadata(raw: &RawValue) {
    let Some(metadata) = accepted(parse_metadata(raw)) else { return };
    assert!(metadata.len() <= MAX_METADATA);
    for (name, value) in &metadata {
        assert!((1..=200).contains(&name.chars().count()) && !name.contains('\0'));
        assert!(!value.is_object() && !value.is_array());
        assert!(value.as_str().is_none_or(|text| text.len() <= LONG_TEXT_LIMIT && !text.contains('\0')));
        assert!(value.as_f64().is_none_or(f64::is_finite));
    }
    assert_eq!(accepted(as_sent_again(&metadata)).as_ref(), Some(&metadata), "it reads differently when sent again");
    let defined = [("n", MetadataKind::Number), ("t", MetadataKind::Text), ("l", MetadataKind::Link)];
    let Some(measured) = accepted(measure(&metadata, &defined.map(|(name, kind)| field(name, kind)))) else { return };
    assert!(measured.get("n").is_none_or(Value::is_number));
    assert!(measured.get("t").is_none_or(Value::is_string));
    let is_web = |link: &Value| link.as_str().is_some_and(|text| text.to_ascii_lowercase().starts_with("http"));
    assert!(measured.get("l").is_none_or(is_web));
}

fn as_sent_again(metadata: &Map<String, Value>) -> Result<Map<String, Value>> {
    let text = serde_json::to_string(metadata).map_err(Error::internal)?;
    parse_metadata(&parse_json::<Box<RawValue>>(text.as_bytes())?)
}

fn field(name: &str, kind: MetadataKind) -> Metadata {
    let (id, now) = (Uuid::nil(), DateTime::UNIX_EPOCH);
    let name = name.to_owned();
    Metadata { id, step_configuration_id: id, kind, name, units: None, position: 0, created_at: now, updated_at: now }
}

/// The body of `POST /job-configurations`.
pub fn configuration(bytes: &[u8]) {
    let Some(sent) = accepted(parse_object::<NewConfiguration>(bytes)) else { return };
    if accepted(check(&sent)).is_none() {
        return;
    }
    assert!(sent.step_configurations.len() <= 500);
    let again = serde_json::to_vec(&sent).map_err(Error::internal).and_then(|text| parse_object(&text));
    assert_eq!(accepted(again).as_ref(), Some(&sent), "it reads differently when sent again");
    assert!(differences(&sent, &sent).is_empty(), "it differs from itself");
}

/// Two versions, a line each: they are in the order that `SemVer` gives them, releases behind all pre-releases.
pub fn version(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let read = |text: &str| Version::try_from(text.to_owned()).ok();
    let mut read_both = text.split('\n').map(|text| (read(text), SemVer::parse(text).ok(), text.len()));
    let mut known = Vec::new();
    for (ours, oracle, length) in read_both.by_ref().take(2) {
        assert_eq!(ours.is_some(), oracle.is_some() && length <= 200);
        known.extend(ours.zip(oracle));
    }
    let [(one, one_oracle), (other, other_oracle)] = known.as_slice() else { return };
    assert_eq!(read(&one.to_string()).as_ref(), Some(one), "it reads differently when sent again");
    let releases = (one_oracle.pre.is_empty(), other_oracle.pre.is_empty());
    let expected = match releases {
        (true, false) => std::cmp::Ordering::Greater,
        (false, true) => std::cmp::Ordering::Less,
        _ => one_oracle.cmp_precedence(other_oracle),
    };
    assert_eq!(one.precedence().cmp(&other.precedence()), expected, "{one} and {other}");
}

/// The cursors of all lists: each is written in one way only.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(cursor) = Cursor::try_from(text.to_owned()) {
        assert_eq!(cursor.to_string(), text);
        let in_order = cursor.in_order("-created_at");
        assert_eq!(accepted(Cursor::read_in_order(Some(&in_order), "-created_at")), Some(Some(cursor)));
        assert!(Cursor::read_in_order(Some(&in_order), "created_at").is_err(), "a cursor fits another order");
    }
    accepted(Cursor::read_in_order(Some(text), "asc"));
}

/// E-mail addresses: one address is one account.
pub fn email(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(email) = Email::try_from(text.to_owned()) else { return };
    let kept = email.as_str();
    assert!(kept.len() <= 254 && kept.matches('@').count() == 1);
    assert!(!kept.chars().any(|c| c.is_control() || c.is_whitespace()));
    assert_eq!(Email::try_from(kept.to_owned()).ok().as_ref(), Some(&email), "it reads differently when sent again");
}

/// `X-Forwarded-For`, a header a line: only a trusted proxy is believed, and never an address nobody named.
pub fn forwarded(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(20) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value.clone());
            headers.append("x-forwarded-proto", value);
        }
    }
    let (proxy, stranger) = (IpAddr::from([10, 0, 0, 9]), IpAddr::from([203, 0, 113, 7]));
    let Ok(trusted) = "10.0.0.0/8".parse() else { return };
    let from_stranger = Caller::find(stranger, &headers, &[trusted]);
    assert!(from_stranger.address == stranger && !from_stranger.is_https, "a stranger was believed");
    let caller = Caller::find(proxy, &headers, &[trusted]);
    let is_named = |address: &IpAddr| {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        // With brackets around it and a zone behind it, as IPv6 is written with a port.
        let bare = |part: &str| part.trim().trim_matches(['[', ']']).split('%').next().unwrap_or_default().to_owned();
        let canonical = |part: &str| bare(part).parse().map(|named: IpAddr| named.to_canonical());
        text.split([',', '\n']).any(|part| {
            let without_port = part.rsplit_once(':').map_or(part, |(address, _)| address);
            canonical(part).as_ref() == Ok(address) || canonical(without_port).as_ref() == Ok(address)
        })
    };
    assert!(caller.address == proxy || is_named(&caller.address), "{} was made up", caller.address);
}

/// The queries of all lists and streams, and `Last-Event-ID`.
pub fn query(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    accepted(parse_query::<JobFilter>(text));
    accepted(parse_query::<EventFilter>(text));
    if let Some(paging) = accepted(parse_query::<Paging>(text)) {
        assert!((1..=200).contains(&paging.limit.rows()));
    }
    let mut headers = HeaderMap::new();
    headers.extend(
        HeaderValue::from_bytes(bytes)
            .ok()
            .map(|value| (axum::http::HeaderName::from_static("last-event-id"), value)),
    );
    if let Some(resume) = accepted(parse_query::<Resume>(text)) {
        let id = accepted(resume.last_id(&headers));
        assert!(id.flatten().is_none_or(|id| id >= 0));
    }
}
