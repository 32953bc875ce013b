//! NDJSON: a JSON object on each line, so that all lines are alike. Only on request the first one is what the report says
//! of itself.

use std::fs::File;

use super::table::{Head, Object, Row, Writer};
use crate::error::{Error, Result};

pub(super) struct Lines {
    head: Head,
    ready: Vec<u8>,
}

impl Lines {
    pub(super) fn new(head: Head) -> Self {
        let ready =
            if head.has_preamble { format!("{{\"report\":{}}}\n", head.as_json()).into_bytes() } else { Vec::new() };
        Self { head, ready }
    }
}

impl Writer for Lines {
    fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in &rows {
            serde_json::to_writer(&mut self.ready, &Object { head: &self.head, row }).map_err(Error::internal)?;
            self.ready.push(b'\n');
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Option<File>> {
        Ok(None)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }
}
