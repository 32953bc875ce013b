//! Parquet: columns with their types, in groups of rows that are bounded by their size, which is what is in memory of them.
//! What the report says of itself is in the metadata of the file.

use std::fs::File;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::table::{Cell, Column, Head, Kind, Row, Writer};
use crate::error::{Error, Result};

/// The most rows of a group.
const GROUP_ROWS: usize = 50_000;
/// About how many bytes of cells a group has at most.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// How many digits a decimal has in all.
const PRECISION: i32 = 18;

pub(super) struct Columns {
    kinds: Vec<Kind>,
    /// Nothing once it is finished.
    file: SerializedFileWriter<Vec<u8>>,
    gathered: Vec<Gathered>,
    rows: usize,
}

/// The cells of a column that wait to be written.
#[derive(Default)]
struct Gathered {
    /// 1 for each cell that has a value, 0 for each that has none.
    levels: Vec<i16>,
    numbers: Vec<i64>,
    /// The bytes of all texts, one behind the other, and where each is.
    bytes: Vec<u8>,
    texts: Vec<Range<usize>>,
}

impl Gathered {
    fn size(&self) -> usize {
        self.bytes.len() + self.levels.len() * 2 + self.numbers.len() * 8 + self.texts.len() * 16
    }

    fn add(&mut self, cell: &Cell) {
        let from = self.bytes.len();
        self.levels.push(1);
        match cell {
            Cell::Empty => {
                self.levels.pop();
                self.levels.push(0);
            }
            Cell::Text(text) => self.bytes.extend(text.as_bytes()),
            Cell::Object(object) => self.bytes.extend(serde_json::to_vec(object).unwrap_or_default()),
            Cell::Number(number) => self.numbers.push(*number),
            Cell::Time(time) => self.numbers.push(time.timestamp_micros()),
        }
        if matches!(cell, Cell::Text(_) | Cell::Object(_)) {
            self.texts.push(from..self.bytes.len());
        }
    }

    fn take_texts(&mut self) -> Vec<ByteArray> {
        let bytes = Bytes::from(mem::take(&mut self.bytes));
        mem::take(&mut self.texts).into_iter().map(|range| ByteArray::from(bytes.slice(range))).collect()
    }
}

impl Columns {
    pub(super) fn new(head: &Head) -> Result<Self> {
        let said = head.statements.iter();
        let said = said.map(|(name, value)| KeyValue::new(format!("milepost.{name}"), value.clone())).collect();
        let properties = WriterProperties::builder()
            .set_created_by(concat!("milepost ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            // It would grow with the file, for readers that look for single rows.
            .set_offset_index_disabled(true)
            .set_key_value_metadata(Some(said))
            .build();
        let file = schema(head)
            .and_then(|schema| SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)));
        let kinds: Vec<Kind> = head.columns.iter().map(|column| column.kind).collect();
        let gathered = kinds.iter().map(|_| Gathered::default()).collect();
        Ok(Self { kinds, file: file.map_err(Error::internal)?, gathered, rows: 0 })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for (kind, gathered) in self.kinds.iter().zip(&mut self.gathered) {
            let levels = mem::take(&mut gathered.levels);
            let Some(mut column) = group.next_column()? else { break };
            match kind {
                Kind::Text | Kind::Object => {
                    column.typed::<ByteArrayType>().write_batch(&gathered.take_texts(), Some(&levels), None)?;
                }
                Kind::Whole | Kind::Decimal(_) | Kind::Time => {
                    let numbers = mem::take(&mut gathered.numbers);
                    column.typed::<Int64Type>().write_batch(&numbers, Some(&levels), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Writer for Columns {
    fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in &rows {
            for (gathered, cell) in self.gathered.iter_mut().zip(row) {
                gathered.add(cell);
            }
        }
        self.rows += rows.len();
        if self.rows >= GROUP_ROWS || self.gathered.iter().map(Gathered::size).sum::<usize>() >= GROUP_BYTES {
            self.write_group().map_err(Error::internal)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Option<File>> {
        if self.rows > 0 {
            self.write_group().map_err(Error::internal)?;
        }
        self.file.finish().map_err(Error::internal)?;
        Ok(None)
    }

    fn take(&mut self) -> Vec<u8> {
        // What is in its buffer counts as written already; what is taken it never looks at again.
        match self.file.flush() {
            Ok(()) => mem::take(self.file.inner_mut()),
            Err(_) => Vec::new(),
        }
    }
}

fn schema(head: &Head) -> Result<Type, ParquetError> {
    let columns: Result<Vec<_>, _> = head.columns.iter().map(|column| column_type(column).map(Arc::new)).collect();
    Type::group_type_builder(head.of).with_fields(columns?).build()
}

fn column_type(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        // As text: not all readers know what to do with the type of JSON.
        Kind::Text | Kind::Object => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Whole => (Physical::INT64, None),
        Kind::Decimal(decimals) => (Physical::INT64, Some(LogicalType::decimal(i32::from(decimals), PRECISION))),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
    };
    let builder = Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL);
    match column.kind {
        Kind::Decimal(decimals) => builder.with_precision(PRECISION).with_scale(i32::from(decimals)).build(),
        _ => builder.build(),
    }
}
