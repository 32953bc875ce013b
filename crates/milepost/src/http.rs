//! Extractors that answer with problem+json where axum's would answer with plain text.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_path_to_error::{Path as ErrorPath, Segment};
use uuid::Uuid;

use crate::error::{Error, FieldError, Result};

/// The largest body of one event, in bytes.
pub const EVENT_BODY_LIMIT: usize = 64 * 1024;
/// The largest body of a batch of events, in bytes.
pub const BATCH_BODY_LIMIT: usize = 1024 * 1024;
/// The largest body of a configuration, in bytes: 500 steps with 100 fields of ordinary names fit.
pub const CONFIGURATION_BODY_LIMIT: usize = 4 * 1024 * 1024;
/// The largest body of anything else, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;
/// How many objects and arrays may stand inside each other in a body, or in one event of a batch.
pub const DEPTH_LIMIT: usize = 64;

/// A body in JSON. A missing content type counts as JSON, since old scripts send none.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _state: &S) -> Result<Self> {
        if !matches!(media_type(request.headers()).as_deref(), None | Some("application/json")) {
            return Err(Error::UnsupportedMediaType("application/json"));
        }
        parse_object(&read_body(request).await?).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A body in JSON that may be missing, which is as good as `{}`.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _state: &S) -> Result<Self> {
        let is_json = matches!(media_type(request.headers()).as_deref(), None | Some("application/json"));
        let body = read_body(request).await?;
        match body.is_empty() {
            true => Ok(Self(T::default())),
            false if is_json => parse_object(&body).map(Self),
            false => Err(Error::UnsupportedMediaType("application/json")),
        }
    }
}

/// The media type without its parameters, in lower case.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The largest body that a path takes, in bytes.
fn body_limit(path: &str) -> usize {
    if path.ends_with("/events") {
        EVENT_BODY_LIMIT
    } else if path.ends_with("/events/batch") {
        BATCH_BODY_LIMIT
    } else if path.ends_with("/job-configurations") || path.ends_with("/job-configurations/check") {
        CONFIGURATION_BODY_LIMIT
    } else {
        BODY_LIMIT
    }
}

/// The whole body, unpacked, within the limit of its path. It is unpacked as it is read, so that of one that is too large
/// no more is unpacked than the limit.
pub async fn read_body(request: Request) -> Result<Bytes> {
    // Gzip has been taken care of, and its header away.
    if request.headers().get_all(CONTENT_ENCODING).iter().any(|encoding| encoding != "identity") {
        return Err(Error::UnsupportedEncoding);
    }
    let limit = body_limit(request.uri().path());
    let mut body = request.into_body();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Error::BadJson("the body ended early, or is not compressed as it says".to_owned()))?;
        let Some(data) = frame.data_ref() else { continue };
        if read.len() + data.len() > limit {
            return Err(Error::TooLarge(limit));
        }
        read.extend_from_slice(data);
    }
    Ok(read.into())
}

/// Reads JSON: 400 if it is none or too deep, 422 naming the field if a value does not fit.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if is_deeper_than(DEPTH_LIMIT, bytes) {
        return Err(Error::BadJson(format!("it is nested deeper than {DEPTH_LIMIT} levels")));
    }
    parse_json_of_any_depth(bytes)
}

/// Reads a JSON array without looking into its elements, each of which is to be read by itself.
pub fn parse_elements(bytes: &[u8]) -> Result<Vec<Box<RawValue>>> {
    parse_json_of_any_depth(bytes)
}

/// Whether objects and arrays stand deeper inside each other. What is no JSON is left to its reader to find out.
fn is_deeper_than(limit: usize, bytes: &[u8]) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

fn parse_json_of_any_depth<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // Where a value does not fit is found out in a second reading: keeping track of it costs as much as the reading itself.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        // Reading ended at the value that does not fit; what comes behind it may be no JSON.
        match serde_json::from_slice::<IgnoredAny>(bytes) {
            Err(no_json) => json_error("", &no_json),
            Ok(_) => json_error(&json_pointer(error.path()), error.inner()),
        }
    })?;
    deserializer.end().map_err(|error| json_error("", &error))?;
    Ok(value)
}

/// Reads a JSON object.
pub fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    parse_json(bytes).map(|Object(value)| value)
}

/// A value whose fields are sent by name. Left to itself serde takes an array for any struct as well, the fields by their
/// place.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Reads a list of JSON objects.
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// Reads a list of JSON objects, or null.
pub fn optional_objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let objects = Option::<Vec<Object<T>>>::deserialize(deserializer)?;
    Ok(objects.map(|objects| objects.into_iter().map(|Object(value)| value).collect()))
}

/// Reads one word of several from text. Left to itself serde takes `{"word": null}` as well, and for it null and numbers
/// are no JSON.
pub fn word<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// Reads one word of several from text, or null.
pub fn optional_word<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| T::deserialize(text.into_deserializer())).transpose()
}

/// Several values in one query parameter, separated by commas.
#[derive(Debug, Clone)]
pub struct Several<T>(pub Vec<T>);

/// The most values of one query parameter.
const MAX_SEVERAL: usize = 200;

impl<'de, T: Deserialize<'de> + PartialEq> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut values = Vec::new();
        for (index, part) in text.split(',').enumerate() {
            if index == MAX_SEVERAL {
                return Err(serde::de::Error::custom(format_args!("takes at most {MAX_SEVERAL} values")));
            }
            let value = T::deserialize(part.trim().to_owned().into_deserializer())?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(Self(values))
    }
}

/// Sorts an error of the JSON reader into bad JSON and bad values.
#[must_use]
pub fn json_error(pointer: &str, error: &serde_json::Error) -> Error {
    let message = error.to_string();
    let (reason, _place) = message.rsplit_once(" at line ").unwrap_or((&message, ""));
    // A number beyond a double is JSON all the same: it is the value that does not fit.
    if !error.is_data() && reason != "number out of range" {
        return Error::BadJson(message);
    }
    Error::Invalid(vec![field_error(pointer, reason)])
}

/// What is wrong with one value. Of a field that is missing, or there twice, the reader names the object by its path and
/// the field in words.
fn field_error(pointer: &str, reason: &str) -> FieldError {
    let field_that = |is: &str| reason.strip_prefix(is)?.strip_prefix(" field `")?.strip_suffix('`');
    match (field_that("missing"), field_that("duplicate")) {
        (Some(field), _) => FieldError::new(format!("{pointer}/{field}"), "is missing"),
        (_, Some(field)) => FieldError::new(format!("{pointer}/{field}"), "is there twice"),
        _ => FieldError::new(pointer, reason),
    }
}

/// A path into a document as a JSON pointer.
fn json_pointer(path: &ErrorPath) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", escape_pointer(key))),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(part).collect()
}

/// A key as one part of a JSON pointer.
#[must_use]
pub fn escape_pointer(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The query string; unknown parameters are refused, so that a typing error in a filter is noticed.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query string: 422 naming the parameter that does not fit.
pub(crate) fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T> {
    if percent_decoded_has_nul(query) {
        return Err(Error::invalid("", "a query parameter contains a NUL character"));
    }
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded(query));
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| Error::Invalid(vec![field_error(&json_pointer(error.path()), &error.inner().to_string())]))
}

fn form_urlencoded(query: &str) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(query.as_bytes())
}

/// PostgreSQL cannot hold NUL in text: it is refused where it enters.
fn percent_decoded_has_nul(query: &str) -> bool {
    form_urlencoded(query).any(|(key, value)| key.contains('\0') || value.contains('\0'))
}

/// An id in the path. One that is no UUID is an id that does not exist.
#[derive(Debug, Clone, Copy)]
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let axum::extract::Path(id) =
            axum::extract::Path::<String>::from_request_parts(parts, state).await.map_err(|_| Error::NotFound)?;
        id.parse().map(Self).map_err(|_| Error::NotFound)
    }
}

/// Distinguishes a field that is absent (outer `None`) from one that is null (inner `None`).
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
