//! What a connection's bytes go through: notes what is going on, gives our answers in the place of hyper's own, and does
//! not close before the client had a chance to read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_io_timeout::TimeoutWriter;

use super::connection::Pace;
use super::refusals::Refusals;

/// How long a connection that is closed is read on. Closing it at once would make the system of a client that still sends
/// throw our answer away.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Wire {
    stream: Pin<Box<TimeoutWriter<TcpStream>>>,
    pace: Arc<Pace>,
    refusals: Refusals,
    /// What is left of an answer in the place of hyper's.
    refusal: Option<Bytes>,
    /// Whether the client has closed its side.
    is_at_end: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// A client that reads nothing of an answer or a stream for as long as `patience` is cut off.
    pub(super) fn new(stream: TcpStream, patience: Duration, pace: Arc<Pace>, refusals: Refusals) -> Self {
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(patience));
        Self { stream: Box::pin(stream), pace, refusals, refusal: None, is_at_end: false, linger: None }
    }

    /// Where a client does not read, what it was to read is thrown away with the connection. Otherwise the system would
    /// keep it and go on trying.
    fn reset_if_stalled<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(&polled, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut) {
            // It ends anyway, if more slowly.
            let _ = self.stream.get_ref().set_zero_linger();
        }
        polled
    }

    /// Keeps an answer of hyper's back. Before there is a request, there is nothing else to write.
    fn replaces(&mut self, answer: &[u8]) -> bool {
        let replaces = self.pace.is_before_request();
        if replaces && self.refusal.is_none() {
            self.refusal = Some(self.refusals.in_place_of(answer));
        }
        replaces
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.stream.as_mut().poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pace.note_arrival();
        } else {
            self.is_at_end = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.replaces(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = self.stream.as_mut().poll_write(cx, buf);
        self.reset_if_stalled(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        if self.replaces(first) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let written = self.stream.as_mut().poll_write_vectored(cx, bufs);
        self.reset_if_stalled(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while let Some(rest) = this.refusal.as_mut().filter(|rest| !rest.is_empty()) {
            let written = ready!(this.stream.as_mut().poll_write(cx, rest))?;
            drop(rest.split_to(written));
        }
        ready!(this.stream.as_mut().poll_flush(cx))?;
        this.pace.note_flush();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(this.stream.as_mut().poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        while !this.is_at_end && linger.as_mut().poll(cx).is_pending() {
            let mut unread = [0; 4096];
            let mut unread = ReadBuf::new(&mut unread);
            ready!(this.stream.as_mut().poll_read(cx, &mut unread))?;
            this.is_at_end = unread.filled().is_empty();
        }
        Poll::Ready(Ok(()))
    }
}
