//! Versions are SemVer 2.0. Their precedence is stored as bytes that sort the same way, so that the database finds the
//! newest by an index.

use std::fmt;

use semver::Version as SemVer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest version we keep.
const MAX_LENGTH: usize = 200;

/// A version, SemVer 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, max_length = 200, example = "1.4.0", pattern = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-((0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?$")]
pub struct Version(SemVer);

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("must have at most {MAX_LENGTH} characters"));
        }
        SemVer::parse(&text).map(Self).map_err(|error| format!("is not a SemVer 2.0 version such as 1.4.0: {error}"))
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Version {
    /// Bytes that sort as SemVer precedence does, every release after every pre-release: the greatest is the `latest`.
    #[must_use]
    pub fn precedence(&self) -> Vec<u8> {
        let Self(SemVer { major, minor, patch, pre, .. }) = self;
        let mut bytes = vec![u8::from(pre.is_empty())];
        for number in [major, minor, patch] {
            bytes.extend(number.to_be_bytes());
        }
        for identifier in pre.split('.').filter(|identifier| !identifier.is_empty()) {
            if identifier.bytes().all(|byte| byte.is_ascii_digit()) {
                // Without leading zeros the longer number is the greater one.
                let length = u32::try_from(identifier.len()).unwrap_or(u32::MAX);
                bytes.push(1);
                bytes.extend(length.to_be_bytes());
                bytes.extend(identifier.bytes());
            } else {
                bytes.push(2);
                bytes.extend(identifier.bytes());
                bytes.push(0);
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn precedence_is_that_of_semver_with_releases_after_pre_releases() {
        let ascending = [
            "0.9.0-rc.1",
            "1.0.0-0",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-10.1",
            "1.0.0-99999999999999999999999",
            "1.0.0--",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-alpha-b",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "9.0.0-rc.1",
            "0.0.1",
            "0.9.0",
            "1.0.0",
            "1.0.10",
            "1.2.0",
            "1.10.0",
            "18446744073709551615.0.0",
        ];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]).precedence() < version(pair[1]).precedence(), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn build_metadata_has_no_precedence() {
        assert_eq!(version("1.0.0+a").precedence(), version("1.0.0+b").precedence());
    }

    #[test]
    fn what_semver_refuses_is_refused() {
        for text in
            ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "18446744073709551616.0.0", "1.0.0 "]
        {
            assert!(Version::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
