//! One connection: its requests one after the other, and how long it may take over each part.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

use super::Door;
use super::wire::Wire;
use crate::app::{canonical_path, refuse_early};
use crate::config::Limits;

/// The largest head of a request, the path and the query included, in bytes. It has at most 100 headers.
const HEAD_LIMIT: usize = 64 * 1024;

/// What a connection is at. Its timers are ours: hyper's only one runs from the end of an answer to the end of the next
/// head, so that it cannot tell an idle connection from a slow head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing of a request has arrived.
    Idle,
    /// A part of a head has.
    Head,
    /// The request is the router's, which has its own limit of time, and then its answer's, in whose reading the client
    /// may not stall.
    Request,
    /// The end of the answer is ready, and being written.
    Answered,
}

/// What a connection is at and until when.
#[derive(Debug)]
pub(super) struct Pace {
    header_timeout: Duration,
    idle_timeout: Duration,
    now: Mutex<(Stage, Option<Instant>)>,
}

impl Pace {
    /// A new connection is there to send a request: it is given no more time than for a head.
    fn new(limits: &Limits) -> Self {
        let deadline = Instant::now() + limits.header_timeout;
        Self {
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            now: Mutex::new((Stage::Head, Some(deadline))),
        }
    }

    fn now(&self) -> MutexGuard<'_, (Stage, Option<Instant>)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the connection is cut, unless something happens before.
    fn deadline(&self) -> Option<Instant> {
        self.now().1
    }

    pub(super) fn is_before_request(&self) -> bool {
        matches!(self.now().0, Stage::Idle | Stage::Head)
    }

    /// Bytes have arrived. The first of a head start its time; those behind do not prolong it.
    pub(super) fn note_arrival(&self) {
        let mut now = self.now();
        if now.0 == Stage::Idle {
            *now = (Stage::Head, Some(Instant::now() + self.header_timeout));
        }
    }

    fn note_request(&self) {
        *self.now() = (Stage::Request, None);
    }

    fn note_answer(&self) {
        *self.now() = (Stage::Answered, None);
    }

    /// Everything is written.
    pub(super) fn note_flush(&self) {
        let mut now = self.now();
        if now.0 == Stage::Answered {
            *now = (Stage::Idle, Some(Instant::now() + self.idle_timeout));
        }
    }
}

/// The body of an answer, which tells when it ends.
struct Answer {
    body: Body,
    pace: Arc<Pace>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.pace.note_answer();
    }
}

/// Serves a connection until it ends, is cut off for taking too long, or the server stops.
pub(super) async fn serve(door: &Door, stream: TcpStream, peer: SocketAddr) {
    let pace = Arc::new(Pace::new(&door.limits));
    let wire = Wire::new(stream, door.limits.request_timeout, pace.clone(), door.refusals.clone());
    let service = service_fn(|request| answer(door, &pace, request, peer));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(wire), service);
    let mut connection = pin!(connection);
    let mut alarm = pin!(sleep_until(Instant::now()));
    let mut closing = pin!(door.closing.cancelled());
    let mut cut = pin!(door.cut.cancelled());
    let mut is_closing = false;
    std::future::poll_fn(|context| {
        if cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        if !is_closing && closing.as_mut().poll(context).is_ready() {
            is_closing = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke off");
            }
            return Poll::Ready(());
        }
        // Nothing changes the deadline but what the connection has just done.
        let Some(deadline) = pace.deadline() else { return Poll::Pending };
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(context)
    })
    .await;
}

async fn answer(
    door: &Door,
    pace: &Arc<Pace>,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Body>, Infallible> {
    pace.note_request();
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut request = canonical_path(request.map(Body::new));
    let refusal = match &door.refusing {
        Some(app) => refuse_early(app, &mut request).await,
        None => None,
    };
    let response = match refusal {
        Some(refusal) => refusal,
        None => door.router.clone().oneshot(request).await?,
    };
    Ok(response.map(|body| Body::new(Answer { body, pace: pace.clone() })))
}
