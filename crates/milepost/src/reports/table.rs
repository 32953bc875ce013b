//! A report as a table: typed columns, rows, and what is said of it. How it is written is another file's for each form.

use std::fs::File;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::csv::Csv;
use super::format::Format;
use super::lines::Lines;
use super::parquet::Columns;
use super::spreadsheet::Spreadsheet;
use crate::error::Result;
use crate::period::Zone;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// What it is called.
    pub name: &'static str,
    /// What is in it.
    pub kind: Kind,
}

/// What a column holds. Any of its cells may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// A JSON object.
    Object,
    /// Whole numbers.
    Whole,
    /// Numbers with so many decimals, exact.
    Decimal(u8),
    /// Instants.
    Time,
}

/// One value.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// None.
    Empty,
    /// Text.
    Text(String),
    /// A JSON object.
    Object(Map<String, Value>),
    /// A whole number; of a decimal column so many of its last decimal.
    Number(i64),
    /// An instant.
    Time(DateTime<Utc>),
}

impl Cell {
    /// A cell that may be empty.
    pub(super) fn some<T: Into<Self>>(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<uuid::Uuid> for Cell {
    fn from(id: uuid::Uuid) -> Self {
        Self::Text(id.to_string())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<DateTime<Utc>> for Cell {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

impl From<Map<String, Value>> for Cell {
    fn from(object: Map<String, Value>) -> Self {
        Self::Object(object)
    }
}

/// A cell for each column.
pub(super) type Row = Vec<Cell>;

/// What is said of a report.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// What it is a report of: `events` or `usage`.
    pub of: &'static str,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The zone of its times.
    pub zone: Zone,
    /// What it says of itself, by name: when it was made, and what was asked for.
    pub statements: Vec<(&'static str, String)>,
    /// Whether a form says so in its first lines that may do without.
    pub has_preamble: bool,
    /// How many rows there are at most, where somebody has counted.
    pub most_rows: Option<u32>,
}

impl Head {
    /// What it says of itself, as JSON of ASCII characters only.
    #[must_use]
    pub(super) fn as_json(&self) -> String {
        let said = self.statements.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        let json = Value::Object(said.collect()).to_string();
        let mut units = [0; 2];
        json.chars().fold(String::new(), |mut ascii, c| {
            if c.is_ascii() {
                ascii.push(c);
            } else {
                ascii.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
            ascii
        })
    }

    /// A time as a report shows it: in its zone, to the microsecond, with the offset.
    #[must_use]
    pub(super) fn time(&self, time: DateTime<Utc>) -> String {
        zoned(self.zone, time)
    }
}

/// A time in a zone, to the microsecond, with its offset.
#[must_use]
pub(super) fn zoned(zone: Zone, time: DateTime<Utc>) -> String {
    zone.time_of(time).to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// A number with decimals, written out: so many of the last one.
#[must_use]
pub(super) fn decimal(units: i64, decimals: u8, mark: char) -> String {
    let scale = 10_u64.pow(u32::from(decimals));
    let (whole, part) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{whole}{mark}{part:0width$}", width = usize::from(decimals))
}

/// The double nearest to a number with decimals, which is written with no more digits than that has.
#[must_use]
pub(super) fn double(units: i64, decimals: u8) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "hours and points beyond 2^53 of a unit are no figures of anybody's"
    )]
    let double = units as f64 / 10_f64.powi(i32::from(decimals));
    double
}

/// A row as a JSON object.
pub(super) struct Object<'a> {
    /// What is said of the report.
    pub head: &'a Head,
    /// The row.
    pub row: &'a Row,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.row.len()))?;
        for (column, cell) in self.head.columns.iter().zip(self.row) {
            match (cell, column.kind) {
                (Cell::Empty, _) => map.serialize_entry(column.name, &())?,
                (Cell::Text(text), _) => map.serialize_entry(column.name, text)?,
                (Cell::Object(object), _) => map.serialize_entry(column.name, object)?,
                (Cell::Number(units), Kind::Decimal(decimals)) => {
                    map.serialize_entry(column.name, &double(*units, decimals))?;
                }
                (Cell::Number(number), _) => map.serialize_entry(column.name, number)?,
                (Cell::Time(time), _) => map.serialize_entry(column.name, &self.head.time(*time))?,
            }
        }
        map.end()
    }
}

/// Writes a report in one form. What it has written waits until it is taken, so that nothing is kept that can be sent.
pub(super) trait Writer: Send {
    /// Writes rows.
    fn add(&mut self, rows: Vec<Row>) -> Result<()>;
    /// Ends the report; gives the file that it is in, if it was not to be sent before.
    fn end(&mut self) -> Result<Option<File>>;
    /// Takes what is ready to be sent.
    fn take(&mut self) -> Vec<u8>;
}

/// What writes a report in this form. `is_wanted` says whether anybody still waits for it.
pub(super) fn writer(
    format: Format,
    head: Head,
    is_wanted: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<Box<dyn Writer>> {
    Ok(match format {
        Format::Csv => Box::new(Csv::new(head, false)?),
        Format::Excel => Box::new(Csv::new(head, true)?),
        Format::Ndjson | Format::Json => Box::new(Lines::new(head)),
        Format::Xlsx => Box::new(Spreadsheet::new(head, is_wanted)?),
        Format::Parquet => Box::new(Columns::new(&head)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_out_exactly() {
        let said = |units| decimal(units, 4, '.');
        assert_eq!([0, 5, 12_345, -5, 90_000].map(said), ["0.0000", "0.0005", "1.2345", "-0.0005", "9.0000"]);
        assert_eq!(decimal(i64::MIN, 4, ','), "-922337203685477,5808");
        assert_eq!(decimal(250_000, 6, '.'), "0.250000");
    }

    #[test]
    fn as_json_they_have_the_same_digits() {
        for units in [1, 3, 7, 12_345, 99_999_999, 123_456_789_012_345] {
            let written = serde_json::to_string(&double(units, 4)).unwrap();
            let exact = decimal(units, 4, '.');
            assert_eq!(exact.trim_end_matches('0'), written.trim_end_matches('0'), "{units}");
        }
    }
}
