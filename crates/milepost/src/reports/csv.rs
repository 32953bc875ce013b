//! CSV as RFC 4180 has it, in UTF-8, and the same as Excel reads it where numbers have a decimal comma.
//!
//! A spreadsheet that opens such a file takes a text for a formula that begins like one, and a formula may do anything.
//! Such text gets an apostrophe in front, which spreadsheets take for "this is text". Numbers and times are our own and
//! stay as they are.

use std::fs::File;
use std::io::Write;

use csv::{Terminator, WriterBuilder};

use super::table::{Cell, Head, Kind, Row, Writer, decimal};
use crate::error::{Error, Result};

/// By which Excel knows UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(super) struct Csv {
    head: Head,
    delimiter: u8,
    decimal_mark: char,
    ready: Vec<u8>,
}

impl Csv {
    pub(super) fn new(head: Head, is_for_excel: bool) -> Result<Self> {
        let (delimiter, decimal_mark) = if is_for_excel { (b';', ',') } else { (b',', '.') };
        let mut ready = Vec::new();
        if is_for_excel {
            ready.extend(BYTE_ORDER_MARK);
        }
        if head.has_preamble {
            for (name, value) in &head.statements {
                write!(ready, "# {name}: {value}\r\n").map_err(Error::internal)?;
            }
        }
        let names: Vec<&str> = head.columns.iter().map(|column| column.name).collect();
        let mut csv = Self { head, delimiter, decimal_mark, ready };
        csv.write([names.into_iter().map(str::to_owned)])?;
        Ok(csv)
    }

    fn write<R: IntoIterator<Item = String>>(&mut self, rows: impl IntoIterator<Item = R>) -> Result<()> {
        let ready = std::mem::take(&mut self.ready);
        let builder = &mut WriterBuilder::new();
        let mut writer = builder.delimiter(self.delimiter).terminator(Terminator::CRLF).from_writer(ready);
        for row in rows {
            writer.write_record(row).map_err(Error::internal)?;
        }
        self.ready = writer.into_inner().map_err(|error| Error::internal(error.into_error()))?;
        Ok(())
    }

    fn text(&self, cell: &Cell, kind: Kind) -> String {
        match (cell, kind) {
            (Cell::Empty, _) => String::new(),
            (Cell::Text(text), _) => defused(text),
            (Cell::Object(object), _) => serde_json::to_string(object).unwrap_or_default(),
            (Cell::Number(units), Kind::Decimal(decimals)) => decimal(*units, decimals, self.decimal_mark),
            (Cell::Number(number), _) => number.to_string(),
            (Cell::Time(time), _) => self.head.time(*time),
        }
    }
}

impl Writer for Csv {
    fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        let kinds: Vec<Kind> = self.head.columns.iter().map(|column| column.kind).collect();
        let texts: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().zip(&kinds).map(|(cell, kind)| self.text(cell, *kind)).collect())
            .collect();
        self.write(texts)
    }

    fn end(&mut self) -> Result<Option<File>> {
        Ok(None)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }
}

/// Text that no spreadsheet takes for a formula: with an apostrophe in front where it begins like one, blanks aside, which
/// some skip. East Asian spreadsheets take the wide forms as well.
fn defused(text: &str) -> String {
    let begins_like_a_formula = text
        .trim_start_matches(' ')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if begins_like_a_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_text() {
        for text in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "  =1", "＝1", "-", "=cmd|' /C calc'!A0"]
        {
            assert_eq!(defused(text), format!("'{text}"));
        }
        for text in ["", " ", "a=1", "1-1", "'=1", "{\"a\":-5}", "ada@lab.example", "脳 = 1"] {
            assert_eq!(defused(text), text);
        }
    }
}
