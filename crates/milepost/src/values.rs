//! The values that people write: each type admits only what `docs/API.md` allows, says so in the OpenAPI document, and is
//! checked where it enters, so that nothing behind it checks again.

use std::fmt;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::auth::common_passwords::is_common;
use crate::progress::MILLION;

/// Text of so many characters; NUL, which PostgreSQL cannot hold, is refused.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $min:tt to $max:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
        #[serde(try_from = "String")]
        #[sqlx(transparent)]
        #[schema(value_type = String, min_length = $min, max_length = $max, pattern = r"^[^\x00]*$")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                check_text(&text, $min, $max)?;
                Ok(Self(text))
            }
        }

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn check_text(text: &str, min: usize, max: usize) -> Result<(), String> {
    let characters = text.chars().count();
    if text.contains('\0') {
        return Err("must not contain a NUL character".to_owned());
    }
    if characters < min || characters > max {
        return Err(format!("must have {min} to {max} characters, has {characters}"));
    }
    Ok(())
}

text! {
    /// The name of a configuration, step, metadata field, job or person.
    Name, 1 to 200
}
text! {
    /// The provider's own id of a job.
    ProviderJobId, 1 to 200
}
text! {
    /// The unit of a metadata field.
    Units, 0 to 200
}
text! {
    /// Text to search for.
    SearchText, 0 to 200
}
text! {
    /// What a key is for.
    Note, 0 to 500
}
text! {
    /// What makes a repeated request recognisable as the same.
    IdempotencyKey, 1 to 200
}

/// The name of a kind of job or of a step, for programs: `[A-Za-z0-9._-]{1,100}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._-]+$")]
pub struct Tag(String);

impl Tag {
    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Tag {
    type Error = String;

    fn try_from(tag: String) -> Result<Self, String> {
        check_text(&tag, 1, 100)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match tag.chars().find(|c| !allowed(*c)) {
            Some(c) => Err(format!("may have letters, digits and . _ - only, has {c:?}")),
            None => Ok(Self(tag)),
        }
    }
}

/// The most bytes of an event's name or of a metadata text.
pub const LONG_TEXT_LIMIT: usize = 4096;

/// What an event says: text of at most 4 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
#[schema(value_type = String, max_length = 4096, pattern = r"^[^\x00]*$")]
pub struct EventName(String);

impl EventName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EventName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        check_long_text(&text)?;
        Ok(Self(text))
    }
}

/// Whether text may be an event's name or a metadata value.
pub fn check_long_text(text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("must not contain a NUL character".to_owned());
    }
    if text.len() > LONG_TEXT_LIMIT {
        return Err(format!("must have at most {LONG_TEXT_LIMIT} bytes, has {}", text.len()));
    }
    Ok(())
}

/// An e-mail address, in lower case: one address is one account.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
#[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.org")]
pub struct Email(String);

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    /// Addresses stay out of the logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(address: String) -> Result<Self, String> {
        let address = address.trim().to_lowercase();
        if address.len() > 254 {
            return Err("must have at most 254 bytes".to_owned());
        }
        let well_formed = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && domain.split('.').all(|label| !label.is_empty())
                && !address.chars().any(|c| c.is_whitespace() || is_invisible(c) || "<>()[],;:\\\"".contains(c))
        });
        if well_formed { Ok(Self(address)) } else { Err("is not an e-mail address".to_owned()) }
    }
}

/// Whether nobody can see a character: two addresses must not look the same.
fn is_invisible(c: char) -> bool {
    let is_formatting = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || is_formatting
}

/// A password as it is typed; never shown, never kept.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = Password, min_length = 8, max_length = 256, pattern = r"^[^\x00]*$")]
pub struct Password(String);

impl Password {
    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Stands in for text that can be no password, so that refusing it takes as long.
    #[must_use]
    pub fn decoy() -> Self {
        Self("no password at all".to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl TryFrom<String> for Password {
    type Error = String;

    fn try_from(password: String) -> Result<Self, String> {
        check_text(&password, 8, 256).map_err(|_| "must have 8 to 256 characters, none of them NUL".to_owned())?;
        Ok(Self(password))
    }
}

/// A password that somebody chooses: none that whoever guesses tries first.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
pub struct NewPassword(Password);

impl NewPassword {
    /// The password for the account of an address, unless it is that address or what stands before the @.
    pub fn of(self, email: &Email) -> Result<Password, &'static str> {
        let password = self.0.0.to_lowercase();
        let local = email.as_str().split('@').next().unwrap_or_default();
        if password == email.as_str() || password == local {
            return Err("must not be your e-mail address");
        }
        Ok(self.0)
    }
}

impl TryFrom<String> for NewPassword {
    type Error = String;

    fn try_from(password: String) -> Result<Self, String> {
        let password = Password::try_from(password)?;
        if is_common(&password.0) {
            return Err("is one of the most common passwords; choose another".to_owned());
        }
        Ok(Self(password))
    }
}

/// What a step is worth: a whole number from 0 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = i64, minimum = 0, maximum = 1_000_000)]
pub struct Points(u32);

impl Points {
    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_whole_number(deserializer, 1_000_000).map(Self)
    }
}

/// Reads a whole number up to `most`, which may be written as `2.0`, as JSON Schema has it.
pub(crate) fn read_whole_number<'de, D: Deserializer<'de>>(deserializer: D, most: u32) -> Result<u32, D::Error> {
    let number = read_number(deserializer)?;
    if number.fract() == 0.0 && (0.0..=f64::from(most)).contains(&number) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and within 0..=u32::MAX"
        )]
        return Ok(number as u32);
    }
    Err(serde::de::Error::custom(format!("must be a whole number from 0 to {most}, is {number}")))
}

/// Reads a JSON number, and calls it that where there is none.
fn read_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    value.as_f64().ok_or_else(|| serde::de::Error::custom(format!("must be a number, is {value}")))
}

/// A number as it was sent. PostgreSQL writes doubles without an exponent: what then looks like an integer that no
/// double holds exactly is the double nearest to it, since others are never taken in.
pub fn restore_number(value: &mut serde_json::Value) {
    const EXACT: u64 = 1 << 53;
    let magnitude = value.as_i64().map(i64::unsigned_abs).or(value.as_u64());
    if magnitude.is_some_and(|magnitude| magnitude > EXACT)
        && let Some(double) = value.as_f64()
    {
        *value = double.into();
    }
}

/// Reads a stored scalar as it was sent, see [`restore_number`].
pub fn scalar_as_sent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<serde_json::Value, D::Error> {
    let mut value = serde_json::Value::deserialize(deserializer)?;
    restore_number(&mut value);
    Ok(value)
}

/// How much of a step is done, 0..1, kept in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, minimum = 0, maximum = 1)]
pub struct Fraction(i64);

impl Fraction {
    /// In millionths.
    #[must_use]
    pub fn millionths(self) -> i64 {
        self.0
    }

    /// From millionths, as they are stored.
    #[must_use]
    pub fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }
}

impl Serialize for Fraction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        serializer.serialize_f64(self.0 as f64 / MILLION as f64)
    }
}

impl<'de> Deserialize<'de> for Fraction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fraction = read_number(deserializer)?;
        if (0.0..=1.0).contains(&fraction) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most a million")]
            return Ok(Self((fraction * MILLION as f64).round() as i64));
        }
        Err(serde::de::Error::custom(format!("must be from 0 to 1, is {fraction}")))
    }
}

/// An instant as it is sent, RFC 3339 with an offset, from 1970 to 9999; kept in UTC to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = DateTime, pattern = r"^(19[7-9][0-9]|[2-9][0-9]{3})-", example = "2026-11-22T09:30:00Z")]
pub struct Instant(pub DateTime<Utc>);

/// A time as text, written in one piece: serde's own way writes it letter by letter, which was a fifth of what an event of a
/// batch cost.
pub fn time_as_text<S: serde::Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

impl Instant {
    /// The last instant of the year 9999.
    pub const MAX: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 999_999_000) {
        Some(max) => max,
        None => DateTime::<Utc>::MAX_UTC,
    };
}

impl TryFrom<String> for Instant {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let sent = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| "must be a time in RFC 3339 with an offset, such as 2026-11-22T09:30:00Z")?;
        // Counted in microseconds a leap second is the one after it: PostgreSQL and every cursor count so.
        let instant = DateTime::from_timestamp_micros(sent.timestamp_micros()).unwrap_or_default();
        // Both databases hold more; beyond this it is a mistake of units or of the clock.
        if (1970..=9999).contains(&instant.year()) {
            Ok(Self(instant))
        } else {
            Err("must lie between the years 1970 and 9999")
        }
    }
}
