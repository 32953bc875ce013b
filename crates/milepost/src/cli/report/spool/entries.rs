//! The lines of a file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The version of the files.
pub(super) const FORMAT: u32 = 1;

/// A request's body.
pub(in crate::cli) type Body = Map<String, Value>;

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Report {
    /// `POST /jobs`.
    Open(Body),
    /// One of `POST /events/batch`, without its time and idempotency key.
    Event(Body),
}

impl Report {
    /// The body.
    pub(in crate::cli) fn body(&self) -> &Body {
        match self {
            Self::Open(body) | Self::Event(body) => body,
        }
    }

    /// The provider's own id of the job it is about.
    pub(in crate::cli) fn job(&self) -> &str {
        self.body().get("provider_job_id").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The first line of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Header {
    pub(super) spool: u32,
    /// The server.
    pub(in crate::cli) url: String,
    /// What tells the key from others.
    pub(in crate::cli) key: String,
}

impl Header {
    /// For reports to a server with a key.
    pub(in crate::cli) fn of(url: &str, api_key: &str) -> Self {
        let hash = Sha256::digest(api_key.as_bytes());
        let first = hash.iter().take(8).fold(0_u64, |so_far, byte| so_far << 8 | u64::from(*byte));
        let key = format!("{first:016x}");
        Self { spool: FORMAT, url: url.to_owned(), key }
    }
}

/// A line of a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Entry {
        n: u64,
        at: f64,
        #[serde(flatten)]
        report: Report,
    },
    Cancel {
        cancel: u64,
    },
}

impl Line {
    /// None: nobody can tell what it says.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        // A script may put half a character into a text, which Python writes as it is.
        serde_json::from_slice(line).or_else(|_| serde_json::from_str(&String::from_utf8_lossy(line))).ok()
    }
}

/// A report that waits.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Entry {
    /// Its place in its file, from 1.
    pub(in crate::cli) number: u64,
    /// When it was reported by this machine's clock, in seconds since 1970.
    pub(in crate::cli) at: f64,
    /// What.
    pub(in crate::cli) report: Report,
    /// Where the next one begins in the file; none for one that is only in memory.
    pub(super) end: Option<u64>,
}

/// As a line of JSON.
pub(super) fn line_of(value: &impl Serialize) -> Vec<u8> {
    // What is written here has text for keys, and cannot fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
