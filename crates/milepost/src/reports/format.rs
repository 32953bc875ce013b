//! In which form a report is written: what `?format=` says, else what `Accept` prefers.

use std::fmt;

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportFormat)]
pub enum Format {
    /// Comma-separated values, RFC 4180, UTF-8
    Csv,
    /// The same as Excel reads it where numbers have a decimal comma
    Excel,
    /// A JSON object on each line
    Ndjson,
    /// One JSON document with totals; usage only
    Json,
    /// A spreadsheet
    Xlsx,
    /// Columns, for `DuckDB`, pandas and the like
    Parquet,
}

/// The forms of a report of events.
pub(super) const OF_EVENTS: &[Format] = &[Format::Csv, Format::Excel, Format::Ndjson, Format::Xlsx, Format::Parquet];
/// The forms of a report of usage.
pub(super) const OF_USAGE: &[Format] =
    &[Format::Csv, Format::Excel, Format::Ndjson, Format::Json, Format::Xlsx, Format::Parquet];

impl Format {
    /// What `Accept` may call it, our own name first. Nothing: it is only asked for by `?format=`.
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &["text/csv"],
            Self::Excel => &[],
            Self::Ndjson => &["application/x-ndjson", "application/ndjson", "application/jsonl"],
            Self::Json => &["application/json"],
            Self::Xlsx => &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
            Self::Parquet => &["application/vnd.apache.parquet", "application/x-parquet"],
        }
    }

    /// What it is sent as.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv | Self::Excel => "text/csv; charset=utf-8",
            other => other.media_types()[0],
        }
    }

    /// What the names of its files end with.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv | Self::Excel => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Parquet => "parquet",
        }
    }

    /// Whether it is nothing to look at in a terminal.
    #[must_use]
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Xlsx | Self::Parquet)
    }

    /// As `?format=` calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Excel => "excel",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Parquet => "parquet",
        }
    }

    /// The form to answer in, of those that there are.
    pub(super) fn choose(asked: Option<Self>, headers: &HeaderMap, offered: &[Self]) -> Result<Self> {
        match asked {
            Some(format) if offered.contains(&format) => Ok(format),
            Some(_) => {
                let names: Vec<&str> = offered.iter().map(|format| format.as_str()).collect();
                Err(Error::invalid("/format", format!("must be one of {}", names.join(", "))))
            }
            None => accepted(headers, offered).ok_or_else(|| {
                let types = offered.iter().filter_map(|format| format.media_types().first().copied());
                Error::NotAcceptable(types.collect())
            }),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A part of `Accept`: a media type or a range of them, and how much it is wanted, in thousandths.
struct Wanted {
    range: String,
    quality: u32,
}

impl Wanted {
    fn read(part: &str) -> Option<Self> {
        let mut pieces = part.split(';').map(str::trim);
        let range = pieces.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
        let quality = pieces.find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")));
        let quality = quality.map_or(Some(1.0), |text| text.trim().parse::<f32>().ok())?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=1000")]
        let quality = (quality.clamp(0.0, 1.0) * 1000.0) as u32;
        Some(Self { range, quality })
    }

    /// How exactly it names a media type; nothing if it does not.
    fn names(&self, media_type: &str) -> Option<u8> {
        if self.range == media_type {
            return Some(2);
        }
        let kind = media_type.split('/').next().unwrap_or_default();
        match self.range.strip_suffix("/*") {
            Some("*") => Some(0),
            Some(range) if range == kind => Some(1),
            _ => None,
        }
    }
}

/// The form that `Accept` wants most, the first of those that it wants alike: without the header, or by `*/*`, CSV.
fn accepted(headers: &HeaderMap, offered: &[Format]) -> Option<Format> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wanted: Vec<Wanted> = values.flat_map(|value| value.split(',')).filter_map(Wanted::read).collect();
    if wanted.is_empty() {
        return offered.first().copied();
    }
    // What names a type more exactly counts for it, whatever is said of more.
    let quality = |format: &Format| {
        let named = format.media_types().iter().filter_map(|media_type| {
            let named = wanted.iter().filter_map(|want| Some((want.names(media_type)?, want.quality)));
            named.max_by_key(|(exactness, _)| *exactness)
        });
        named.map(|(_, quality)| quality).max().unwrap_or(0)
    };
    let best = offered.iter().map(quality).max().filter(|best| *best > 0)?;
    offered.iter().copied().find(|format| quality(format) == best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        accepted(&headers, OF_USAGE)
    }

    #[test]
    fn the_form_is_the_one_that_is_wanted_most() {
        for (accept, format) in [
            ("", Some(Format::Csv)),
            ("*/*", Some(Format::Csv)),
            ("text/*", Some(Format::Csv)),
            ("application/json", Some(Format::Json)),
            ("application/json, text/plain, */*", Some(Format::Csv)),
            ("application/json, */*;q=0.5", Some(Format::Json)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Format::Csv)),
            ("Application/X-NDJSON; charset=utf-8", Some(Format::Ndjson)),
            ("text/csv;q=0.1, application/vnd.apache.parquet;q=0.2", Some(Format::Parquet)),
            ("text/csv;q=0, */*", Some(Format::Ndjson)),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Some(Format::Xlsx)),
            ("text/html", None),
            ("text/csv;q=0", None),
            ("image/*, text/html", None),
        ] {
            assert_eq!(chosen(accept), format, "{accept}");
        }
    }
}
