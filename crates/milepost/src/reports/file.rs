//! A report on its way to a client: read a page at a time, written as it is read, sent as it is written, so that a million
//! rows take no more memory than a few hundred. What goes wrong on the way breaks the body off, never ends it well.

use std::fs::File;
use std::io::Read;

use async_stream::try_stream;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, TryStreamExt};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::events::EventRows;
use super::format::Format;
use super::table::{self, Head, Row, Writer};
use super::usage::UsageRows;
use crate::admission::{Place, Turn};
use crate::app::App;
use crate::auth::{Viewer, credentials};
use crate::error::{Error, Result};

/// What a report says of itself, as a header: some forms have no place for it.
const ABOUT: HeaderName = HeaderName::from_static("x-report");
/// How much of a file is sent at once.
const PIECE: usize = 64 * 1024;

/// The rows of a report.
pub(super) enum Rows {
    /// Of events.
    Events(EventRows),
    /// Of usage.
    Usage(UsageRows),
}

/// Who reads a report, and what is left of it.
pub(super) struct Reader {
    /// The server.
    pub app: App,
    /// Who asks.
    pub viewer: Viewer,
    /// Among the exports that are under way.
    pub place: Place,
    /// What is left.
    pub rows: Rows,
}

impl Reader {
    /// Some more rows, none at the end, and the turn that they are to be written in. Refused once the credentials have
    /// ended.
    async fn next(&mut self) -> Result<(Turn, Vec<Row>)> {
        let turn = self.place.next_turn().await?;
        if !credentials::revalidate(self.app.db(), &mut self.viewer, self.app.clock().now()).await? {
            return Err(Error::Unauthenticated("Your session has just ended."));
        }
        let rows = match &mut self.rows {
            Rows::Events(rows) => rows.next(self.app.db()).await?,
            Rows::Usage(rows) => rows.next(self.app.db()).await?,
        };
        Ok((turn, rows))
    }
}

/// The answer with a report. What can be refused is refused before it begins.
pub(super) async fn answer(reader: Reader, format: Format, head: Head, name: &str) -> Result<Response> {
    let about = HeaderValue::from_str(&head.as_json()).map_err(Error::internal)?;
    let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).map_err(Error::internal)?),
        (ABOUT, about),
    ]);
    // Cancelled when the body is dropped: at its end, or when the client has gone.
    let gone = CancellationToken::new();
    let is_wanted = {
        let gone = gone.clone();
        move || !gone.is_cancelled()
    };
    let writer = beside(move || table::writer(format, head, is_wanted)).await?;
    let pieces = pieces(reader, writer, gone).inspect_err(Error::log);
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn pieces(
    mut reader: Reader,
    mut writer: Box<dyn Writer>,
    gone: CancellationToken,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    try_stream! {
        let _gone = gone.drop_guard();
        loop {
            let (turn, rows) = reader.next().await?;
            let is_end = rows.is_empty();
            let (written, file, ready) = beside(move || {
                let file = if rows.is_empty() { writer.end()? } else { writer.add(rows).map(|()| None)? };
                let ready = writer.take();
                Ok((writer, file, ready))
            }).await?;
            writer = written;
            drop(turn);
            if !ready.is_empty() {
                yield Bytes::from(ready);
            }
            if let Some(mut file) = file {
                loop {
                    let (rest, piece) = beside(move || read_piece(file)).await?;
                    file = rest;
                    if piece.is_empty() {
                        break;
                    }
                    yield piece;
                }
            }
            if is_end {
                break;
            }
        }
    }
}

fn read_piece(mut file: File) -> Result<(File, Bytes)> {
    let mut piece = Vec::with_capacity(PIECE);
    file.by_ref().take(PIECE as u64).read_to_end(&mut piece).map_err(Error::internal)?;
    Ok((file, piece.into()))
}

/// Does what takes a processor or a disk beside what waits for neither. What it panics with, as for want of room for a
/// spreadsheet, is an error.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(Error::internal)?
}
