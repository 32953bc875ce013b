//! XLSX: a sheet of rows, and a sheet of what the report says of itself. Rows go to a file without a name as they are
//! written; it is packed into another at the end, which then is sent. Text is always written as text, never as a formula
//! or a link.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::table::{Cell, Column, Head, Kind, Row, Writer, double};
use crate::error::{Error, Result};

/// The most rows of a sheet, the names of the columns among them.
pub(super) const MAX_ROWS: u32 = 1_048_576;
/// The most characters of a cell, in UTF-16.
const MAX_CHARACTERS: usize = 32_767;
/// What stands at the end of a text that was cut.
const CUT: &str = "…";
/// From here on what is packed may have more than 4 GiB.
const MANY_ROWS: u32 = 100_000;

pub(super) struct Spreadsheet {
    head: Head,
    workbook: Workbook,
    decimals: Vec<Option<Format>>,
    next_row: u32,
    /// How many cells had more text than a cell holds.
    cut: u64,
    is_wanted: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Spreadsheet {
    pub(super) fn new(head: Head, is_wanted: impl Fn() -> bool + Send + Sync + 'static) -> Result<Self> {
        let mut workbook = Workbook::new();
        workbook.use_zip_large_file(head.most_rows.is_none_or(|rows| rows > MANY_ROWS));
        let bold = Format::new().set_bold();
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(Error::internal)?;
        let mut write = || -> Result<(), XlsxError> {
            sheet.set_name(head.of)?.set_freeze_panes(1, 0)?;
            for (number, column) in (0..).zip(&head.columns) {
                sheet.set_column_width(number, width(column))?;
                sheet.write_string_with_format(0, number, column.name, &bold)?;
            }
            Ok(())
        };
        write().map_err(Error::internal)?;
        let decimals = head.columns.iter().map(|column| match column.kind {
            Kind::Decimal(decimals) => {
                Some(Format::new().set_num_format(format!("0.{}", "0".repeat(usize::from(decimals)))))
            }
            _ => None,
        });
        let decimals = decimals.collect();
        Ok(Self { head, workbook, decimals, next_row: 1, cut: 0, is_wanted: Box::new(is_wanted) })
    }

    fn write_rows(&mut self, rows: &[Row]) -> Result<(), XlsxError> {
        let Self { head, workbook, decimals, next_row, cut, .. } = self;
        let sheet = workbook.worksheet_from_index(0)?;
        for row in rows {
            for (number, cell) in (0_u16..).zip(row) {
                let column = usize::from(number);
                let mut text = |sheet: &mut Worksheet, text: &str| {
                    let fitting = fitting(text);
                    *cut += u64::from(matches!(fitting, Cow::Owned(_)));
                    sheet.write_string(*next_row, number, fitting).map(drop)
                };
                match (cell, head.columns[column].kind, &decimals[column]) {
                    (Cell::Empty, ..) => {}
                    (Cell::Text(said), ..) => text(sheet, said)?,
                    (Cell::Object(object), ..) => text(sheet, &serde_json::to_string(object).unwrap_or_default())?,
                    (Cell::Time(time), ..) => text(sheet, &head.time(*time))?,
                    (Cell::Number(units), Kind::Decimal(places), Some(format)) => {
                        sheet.write_number_with_format(*next_row, number, double(*units, places), format)?;
                    }
                    (Cell::Number(units), ..) => {
                        sheet.write_number(*next_row, number, double(*units, 0))?;
                    }
                }
            }
            *next_row += 1;
        }
        Ok(())
    }

    fn write_about(&mut self) -> Result<(), XlsxError> {
        let sheet = self.workbook.add_worksheet().set_name("about")?;
        sheet.set_column_width(0, 16)?.set_column_width(1, 48)?;
        let cut = self.cut.to_string();
        let cells_cut = (self.cut > 0).then_some(("cells cut at 32,767 characters, the most a cell holds", &cut));
        let statements = self.head.statements.iter().map(|(name, value)| (*name, value)).chain(cells_cut);
        for (row, (name, value)) in (0..).zip(statements) {
            sheet.write_string(row, 0, name)?.write_string(row, 1, value)?;
        }
        Ok(())
    }
}

impl Writer for Spreadsheet {
    fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        self.write_rows(&rows).map_err(Error::internal)
    }

    fn end(&mut self) -> Result<Option<File>> {
        self.write_about().map_err(Error::internal)?;
        let mut file = tempfile::tempfile().map_err(Error::internal)?;
        let packed = Wanted { file: BufWriter::new(&mut file), is_wanted: &self.is_wanted };
        self.workbook.save_to_writer(packed).map_err(Error::internal)?;
        file.rewind().map_err(Error::internal)?;
        Ok(Some(file))
    }

    fn take(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

/// A file that takes no more once nobody waits for it.
struct Wanted<'a> {
    file: BufWriter<&'a mut File>,
    is_wanted: &'a (dyn Fn() -> bool + Send + Sync),
}

impl Write for Wanted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.is_wanted)() { self.file.write(bytes) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// About as wide as what is in a column.
fn width(column: &Column) -> f64 {
    let content: u8 = match column.kind {
        Kind::Text => 22,
        Kind::Object => 40,
        Kind::Whole | Kind::Decimal(_) => 12,
        Kind::Time => 32,
    };
    f64::from(content)
}

/// A text that a cell holds.
fn fitting(text: &str) -> Cow<'_, str> {
    // Most are shorter, however they are counted.
    if text.len() <= MAX_CHARACTERS || text.encode_utf16().count() <= MAX_CHARACTERS {
        return Cow::Borrowed(text);
    }
    let mut room = MAX_CHARACTERS - CUT.encode_utf16().count();
    let end = text.char_indices().find(|(_, c)| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        !fits
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}{CUT}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_a_cell_ends() {
        let just = "x".repeat(MAX_CHARACTERS);
        assert_eq!(fitting(&just), just);
        for long in ["x".repeat(MAX_CHARACTERS + 1), "🧠".repeat(20_000), "é".repeat(40_000)] {
            let cut = fitting(&long);
            let length = cut.encode_utf16().count();
            assert!(cut.ends_with(CUT) && (MAX_CHARACTERS - 1..=MAX_CHARACTERS).contains(&length), "{length}");
        }
        assert!(matches!(fitting(&"é".repeat(20_000)), Cow::Borrowed(_)));
    }
}
