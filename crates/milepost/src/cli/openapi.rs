//! `milepost openapi`: what `api/openapi.json` is made with.

use std::io::Write;

use super::Outcome;
use super::terminal::unless_unread;
use crate::api_document;

pub(super) fn run() -> Outcome {
    unless_unread(std::io::stdout().write_all(api_document::as_text().as_bytes()))
}
