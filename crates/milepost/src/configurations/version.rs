//! Versions are SemVer 2.0. Their precedence is stored as bytes that sort the same way, so that the database finds the
//! newest by an index.

use std::fmt;

use semver::Version as SemVer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::values::Tag;

/// The longest version we keep.
const MAX_LENGTH: usize = 200;

/// How large a step is, from one version to another. The larger one is the greater one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VersionStep {
    /// Nothing to tell them apart.
    #[default]
    None,
    /// What only people read.
    Patch,
    /// An addition.
    Minor,
    /// A break.
    Major,
}

impl fmt::Display for VersionStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

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

/// A version alone is that of no configuration.
pub(crate) fn expect_tag(tag: Option<&Tag>, version: Option<&Version>) -> Result<()> {
    if version.is_some() && tag.is_none() {
        return Err(Error::invalid("/version", "needs `tag`: versions are those of a configuration"));
    }
    Ok(())
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

    /// The release that it is, or that it leads to.
    #[must_use]
    pub fn release(&self) -> Self {
        let Self(SemVer { major, minor, patch, .. }) = self;
        Self(SemVer::new(*major, *minor, *patch))
    }

    /// Bytes above the precedence of every release that it may follow: those that are lower, and of a release its equals,
    /// which only differ in their build metadata.
    #[must_use]
    pub(super) fn above_the_one_before(&self) -> Vec<u8> {
        let mut bytes = self.release().precedence();
        if self.0.pre.is_empty() {
            bytes.push(0);
        }
        bytes
    }

    /// What the step from a lower version counts as. A pre-release counts as its release, build metadata as nothing. Below
    /// 1.0.0, where SemVer (item 4) promises nothing, a minor step is as good as a major one.
    #[must_use]
    pub fn step_from(&self, before: &Self) -> VersionStep {
        let (Self(old), Self(new)) = (before, self);
        if new.major != old.major || (new.major == 0 && new.minor != old.minor) {
            VersionStep::Major
        } else if new.minor != old.minor {
            VersionStep::Minor
        } else if new.patch != old.patch {
            VersionStep::Patch
        } else {
            VersionStep::None
        }
    }

    /// The lowest release above it that is at least such a step; none if its numbers are used up.
    #[must_use]
    pub fn next(&self, step: VersionStep) -> Option<Self> {
        let Self(SemVer { major, minor, patch, .. }) = self;
        let next_major = || Some(SemVer::new(major.checked_add(1)?, 0, 0));
        let next_minor = || minor.checked_add(1).map(|minor| SemVer::new(*major, minor, 0)).or_else(next_major);
        let next_patch = || patch.checked_add(1).map(|patch| SemVer::new(*major, *minor, patch)).or_else(next_minor);
        let next = match step {
            VersionStep::None | VersionStep::Patch => next_patch(),
            VersionStep::Major if *major > 0 => next_major(),
            VersionStep::Minor | VersionStep::Major => next_minor(),
        };
        next.map(Self)
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
    fn the_next_version_is_as_large_a_step_as_asked_for() {
        use VersionStep::{Major, Minor, None as Nothing, Patch};
        let greatest = u64::MAX;
        let next = |text: &str| {
            [Nothing, Patch, Minor, Major]
                .map(|step| version(text).next(step).map_or_else(|| "none".to_owned(), |next| next.to_string()))
        };
        assert_eq!(next("1.4.2"), ["1.4.3", "1.4.3", "1.5.0", "2.0.0"]);
        assert_eq!(next("1.4.2+build"), ["1.4.3", "1.4.3", "1.5.0", "2.0.0"]);
        assert_eq!(next("0.4.2"), ["0.4.3", "0.4.3", "0.5.0", "0.5.0"]);
        assert_eq!(next(&format!("1.4.{greatest}")), ["1.5.0", "1.5.0", "1.5.0", "2.0.0"]);
        assert_eq!(next(&format!("0.{greatest}.{greatest}")), ["1.0.0"; 4]);
        assert_eq!(next(&format!("{greatest}.{greatest}.0"))[2..], ["none", "none"]);
    }

    #[test]
    fn a_version_follows_releases_below_it_and_others_of_its_own_numbers() {
        let follows =
            |after: &str, before: &str| version(before).precedence() < version(after).above_the_one_before();
        for (after, before, expected) in [
            ("1.4.2", "1.4.1", true),
            ("1.4.2", "1.4.2+b", true),
            ("1.4.2", "1.4.3", false),
            ("1.4.2", "2.0.0", false),
            ("1.4.2-rc.1", "1.4.1", true),
            ("1.4.2-rc.1", "1.4.2", false),
        ] {
            assert_eq!(follows(after, before), expected, "{after} {before}");
        }
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
