//! What a refusal leaves unread of a request's body is read and thrown away before the answer leaves: otherwise the
//! connection would break under a client that is still sending, and with it the client's next request.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

/// How much is thrown away, in bytes, and for how long; beyond that the connection is closed, and said to be.
const LIMIT: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a body that was not read to its end comes back to.
type Returned = Arc<Mutex<Option<Body>>>;

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Body,
    returned: Returned,
}

impl HttpBody for Lent {
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

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            let body = mem::take(&mut self.body);
            *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

/// Throws away what the handler has not read.
pub(crate) async fn discard(request: Request, next: Next) -> Response {
    let returned = Returned::default();
    let request = request.map(|body| Body::new(Lent { body, returned: returned.clone() }));
    let mut response = next.run(request).await;
    let unread = returned.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(unread) = unread
        && !matches!(tokio::time::timeout(PATIENCE, ends_within_limit(unread)).await, Ok(true))
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn ends_within_limit(mut body: Body) -> bool {
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        discarded += frame.ok().and_then(|frame| frame.into_data().ok()).map_or(0, |data| data.len());
        if discarded > LIMIT {
            return false;
        }
    }
    true
}
