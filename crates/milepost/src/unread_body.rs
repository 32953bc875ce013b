//! How long a request may take, and what becomes of its body then: what a refusal leaves unread is read and thrown away
//! before the answer leaves. Otherwise the connection would break under a client that is still sending, and with it the
//! client's next request.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::app::App;
use crate::error::Error;

/// How much is thrown away, in bytes, and for how long; beyond that the connection is closed, and said to be.
const LIMIT: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a body that was not read to its end comes back to.
type Returned = Arc<Mutex<Option<Unread>>>;

struct Unread {
    body: Body,
    /// Whether its reader was waiting for the client to send more.
    is_awaited: bool,
}

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Body,
    is_awaited: bool,
    is_at_end: bool,
    returned: Returned,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.is_awaited = polled.is_pending();
        self.is_at_end |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_at_end && !self.body.is_end_stream() {
            let unread = Unread { body: mem::take(&mut self.body), is_awaited: self.is_awaited };
            *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(unread);
        }
    }
}

/// Answers in time, and throws away what the handler has not read.
///
/// A handler whose time is up is dropped where it waits, as it is when its client goes away. That leaves nothing half
/// done: what belongs together is written in one transaction (of a batch, each group of events), and one that is dropped
/// before its commit was asked for is rolled back.
/// Where the commit itself is what it waits for, the database carries it out or not as a whole, and nobody was told
/// either way: a client that sends the event again under its idempotency key gets the one event. Watchers may be told half
/// a second later. The time of a stream ends with its beginning.
pub(crate) async fn answer_in_time<F: Future<Output = Response>>(
    app: &App,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let returned = Returned::default();
    let lend = |body| Body::new(Lent { body, is_awaited: false, is_at_end: false, returned: returned.clone() });
    let answered = timeout(app.settings().limits.request_timeout, answer(request.map(lend))).await;
    let unread = returned.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (answered, unread) {
        (Ok(response), None) => response,
        (Ok(response), Some(unread)) => discard(unread.body, response).await,
        (Err(_), Some(Unread { is_awaited: true, .. })) => closing(Error::TooSlow.into_response()),
        (Err(_), unread) => {
            let response = Error::Busy("The request took too long; try again.").into_response();
            match unread {
                Some(unread) => discard(unread.body, response).await,
                None => response,
            }
        }
    }
}

/// Throws a body away before its answer leaves.
pub(crate) async fn discard(unread: Body, response: Response) -> Response {
    match timeout(PATIENCE, ends_within_limit(unread)).await {
        Ok(true) => response,
        _ => closing(response),
    }
}

/// Says that the connection closes behind this answer.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn ends_within_limit(mut body: Body) -> bool {
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        discarded += frame.into_data().map_or(0, |data| data.len());
        if discarded > LIMIT {
            return false;
        }
    }
    true
}
