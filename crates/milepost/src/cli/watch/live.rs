//! A job live in the terminal: drawn again when something happens, and every second, since durations tick. That also
//! mends what typing or another program has left on the screen.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures::future::{Fuse, FusedFuture};
use futures::{FutureExt, Stream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::follow::{lost, next};
use super::screen::Screen;
use super::watched::{Update, Watched};
use super::{Ended, Until, local_time, read_job, view};
use crate::cli::Failure;
use crate::cli::server::{RequestError, Server};
use crate::jobs::JobDetail;

/// The steps are read again at most so often.
const REFRESH: Duration = Duration::from_millis(250);
/// And after a failure, which the stream's own attempts to connect report.
const REFRESH_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// What is expected of the job changes also while nothing is reported.
const EXPECTATION_KEPT: Duration = Duration::from_secs(30);
/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(80);
/// The longest.
const TICK: Duration = Duration::from_secs(1);

/// Shows the job until it ends. The terminal is given back when this returns or is dropped.
pub(super) async fn follow(
    server: &Server,
    watched: &mut Watched,
    until: Until,
    mut updates: Pin<&mut (impl Stream<Item = Result<Update, RequestError>> + Send)>,
) -> Result<Ended, Failure> {
    let mut resized = signal(SignalKind::window_change())?;
    let screen = Screen::enter()?;
    let mut refresh = Box::pin(Fuse::terminated());
    let mut refresh_pause = Duration::ZERO;
    let mut read_at = Instant::now();
    let mut last_frame = draw(&screen, server, watched)?;
    let mut next_frame = last_frame + TICK;
    loop {
        if !watched.is_stale()
            && let Some(ended) = until.is_reached(watched)
        {
            return Ok(ended);
        }
        let is_old = watched.expected_end().is_some() && read_at.elapsed() > EXPECTATION_KEPT;
        if (watched.is_stale() || is_old) && refresh.is_terminated() {
            read_at = Instant::now();
            refresh.set(read_later(server, watched.job.id, refresh_pause).fuse());
        }
        tokio::select! {
            update = next(updates.as_mut()) => {
                watched.apply(update?);
                next_frame = next_frame.min(last_frame + FRAME);
            }
            read = &mut refresh => {
                refresh_pause = if read.is_ok() { REFRESH } else { REFRESH_AFTER_FAILURE };
                match read {
                    Ok(detail) => watched.refresh(detail),
                    Err(error) if error.is_final() => return Err(lost(error)),
                    Err(_) => {}
                }
                next_frame = next_frame.min(last_frame + FRAME);
            }
            () = sleep_until(next_frame) => {
                last_frame = draw(&screen, server, watched)?;
                next_frame = last_frame + TICK;
            }
            _ = resized.recv() => next_frame = Instant::now(),
        }
    }
}

/// Reads the job with its steps, after a pause.
async fn read_later(server: &Server, id: Uuid, pause: Duration) -> Result<JobDetail, RequestError> {
    sleep(pause).await;
    read_job(server, id).await
}

/// Draws a frame and says when.
fn draw(screen: &Screen, server: &Server, watched: &Watched) -> io::Result<Instant> {
    screen.show(&view::frame(watched, local_time(server.clock()), screen.size()))?;
    Ok(Instant::now())
}
