//! `event_metadata`: an object of name → scalar. A name that the event's step defines must fit its kind; the others
//! stay in the event as they are.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use url::Url;

use crate::configurations::{MAX_METADATA, Metadata, MetadataKind};
use crate::error::{Error, FieldError, Result};
use crate::http::{escape_pointer, json_error};
use crate::values::check_long_text;

/// The longest name, in characters.
const NAME_LIMIT: usize = 200;
/// Beyond this a double does not hold every integer.
const EXACT_INTEGER: u64 = 1 << 53;

/// Where errors point.
const POINTER: &str = "/event_metadata";

/// The fields of an object in their order, repeated ones included.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names and values, or null")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Reads metadata as it was sent and checks what holds for all of it: scalars, sizes, no name twice.
pub(crate) fn parse(raw: &RawValue) -> Result<Map<String, Value>> {
    let Fields(fields) = serde_json::from_str(raw.get()).map_err(|error| json_error(POINTER, &error))?;
    if fields.len() > MAX_METADATA {
        let detail = format!("must have at most {MAX_METADATA} fields, has {}", fields.len());
        return Err(Error::invalid(POINTER, detail));
    }
    let mut metadata = Map::new();
    let mut errors = Vec::new();
    for (name, raw) in fields {
        let mut refuse = |detail: String| errors.push(FieldError::new(pointer_to(&name), detail));
        if name.is_empty() || name.chars().count() > NAME_LIMIT || name.contains('\0') {
            refuse(format!("the name must have 1 to {NAME_LIMIT} characters, none of them NUL"));
            continue;
        }
        if metadata.contains_key(&name) {
            refuse("is there twice".to_owned());
            continue;
        }
        match parse_scalar(raw.get())? {
            Ok(value) => drop(metadata.insert(name, value)),
            Err(detail) => refuse(detail),
        }
    }
    if errors.is_empty() { Ok(metadata) } else { Err(Error::Invalid(errors)) }
}

fn pointer_to(name: &str) -> String {
    format!("{POINTER}/{}", escape_pointer(name))
}

/// A scalar, or why it is none we keep; the outer error is text that is no JSON.
fn parse_scalar(raw: &str) -> Result<Result<Value, String>> {
    match raw.as_bytes().first() {
        Some(b'{' | b'[') => Ok(Err("must be text, a number, true, false or null".to_owned())),
        Some(b'-' | b'0'..=b'9') => Ok(parse_number(raw)),
        _ => {
            let value: Value = serde_json::from_str(raw).map_err(|error| json_error(POINTER, &error))?;
            Ok(value.as_str().map_or(Ok(()), check_long_text).map(|()| value))
        }
    }
}

fn parse_number(raw: &str) -> Result<Value, String> {
    let is_integer = !raw.contains(['.', 'e', 'E']);
    if is_integer {
        return match raw.parse::<i64>() {
            Ok(integer) if integer.unsigned_abs() <= EXACT_INTEGER => Ok(Value::from(integer)),
            _ => Err("is an integer beyond ±2^53, which a number does not hold exactly; send it as text".to_owned()),
        };
    }
    match raw.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::from(number)),
        _ => Err("is beyond the range of a double; send it as text".to_owned()),
    }
}

/// Checks the fields that the step defines against their kinds and returns those that were measured.
pub fn measure(metadata: &Map<String, Value>, defined: &[Metadata]) -> Result<BTreeMap<String, Value>> {
    let mut measured = BTreeMap::new();
    let mut errors = Vec::new();
    for field in defined {
        match metadata.get(&field.name) {
            None | Some(Value::Null) => {}
            Some(value) if fits(field.kind, value) => drop(measured.insert(field.name.clone(), value.clone())),
            Some(value) => errors.push(misfit(field, value)),
        }
    }
    if errors.is_empty() { Ok(measured) } else { Err(Error::Invalid(errors)) }
}

fn fits(kind: MetadataKind, value: &Value) -> bool {
    match kind {
        MetadataKind::Number => value.is_number(),
        MetadataKind::Text => value.is_string(),
        MetadataKind::Link => value.as_str().is_some_and(is_absolute_web_url),
    }
}

fn is_absolute_web_url(text: &str) -> bool {
    // The reader of URLs mends what it can; what needed no mending begins like one, its host behind two slashes.
    let behind = |scheme: &str| {
        text.split_at_checked(scheme.len())
            .filter(|(start, _)| start.eq_ignore_ascii_case(scheme))
            .map(|(_, rest)| rest)
    };
    let rest = behind("http://").or_else(|| behind("https://"));
    let begins_well = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']));
    let has_blank = text.chars().any(|c| c.is_whitespace() || c.is_control());
    begins_well && !has_blank && Url::parse(text).is_ok_and(|url| url.has_host())
}

fn misfit(field: &Metadata, value: &Value) -> FieldError {
    let expected = match field.kind {
        MetadataKind::Number => "a JSON number",
        MetadataKind::Text => "text",
        MetadataKind::Link => "an absolute http or https URL",
    };
    let shown: String = value.to_string().chars().take(100).collect();
    FieldError::new(pointer_to(&field.name), format!("must be {expected}, got {shown}"))
}
