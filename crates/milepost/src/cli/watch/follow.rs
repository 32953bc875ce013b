//! The stream of a job, opened again whenever it breaks off: nothing is missed and nothing comes twice.

use std::pin::Pin;
use std::time::Duration;

use async_stream::try_stream;
use futures::{Stream, StreamExt};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::sse::{Message, Reader};
use super::watched::{Outage, Update};
use crate::cli::Failure;
use crate::cli::server::{RequestError, Server};
use crate::sources::random_bytes;

/// The first pause before connecting again; it doubles with each attempt that brings nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The server says something every 15 seconds; when it has been silent for three times as long, the line is dead.
const SILENCE: Duration = Duration::from_secs(45);

/// What happens to a job behind the event of that sequence. Ends only with an error that asking again cannot mend.
pub(super) fn follow(
    server: Server,
    job_id: Uuid,
    mut after: i64,
) -> impl Stream<Item = Result<Update, RequestError>> + Send {
    try_stream! {
        let path = format!("/jobs/{job_id}/stream");
        let mut failures = 0;
        loop {
            let mut asked_to_wait = Duration::ZERO;
            let reason = match server.open_stream(&path, after).await {
                Err(error) if error.is_final() => Err(error)?,
                Err(error) => {
                    asked_to_wait = error.retry_after().unwrap_or_default();
                    error.to_string()
                }
                Ok(mut response) => {
                    yield Update::Connected;
                    let mut reader = Reader::default();
                    loop {
                        match read(&server, &mut response, &mut reader).await {
                            Ok(true) => failures = 0,
                            Ok(false) => break "the server closed the connection".to_owned(),
                            Err(error) => break error.to_string(),
                        }
                        while let Some(message) = reader.next() {
                            if let Some(update) = parse(&server, &message)? {
                                after = sequence(&update).unwrap_or(after);
                                yield update;
                            }
                        }
                    }
                }
            };
            let pause = pause(failures).max(asked_to_wait);
            failures += 1;
            yield Update::Lost(Outage { reason, retry_at: Instant::now() + pause });
            sleep(pause).await;
        }
    }
}

/// The next update. Waits for as long as it takes.
pub(super) async fn next(
    mut updates: Pin<&mut (impl Stream<Item = Result<Update, RequestError>> + Send)>,
) -> Result<Update, Failure> {
    match updates.next().await {
        Some(Ok(update)) => Ok(update),
        Some(Err(error)) => Err(lost(error)),
        // Behind its error, which was handed over already.
        None => std::future::pending().await,
    }
}

/// Why a job that was watched cannot be watched any longer.
pub(super) fn lost(error: RequestError) -> Failure {
    if error.status() == Some(StatusCode::NOT_FOUND) {
        return Failure("the job is no longer there, or no longer for you to see".to_owned());
    }
    error.into()
}

/// Reads the next bytes; false at the end.
async fn read(server: &Server, response: &mut Response, reader: &mut Reader) -> Result<bool, RequestError> {
    let Ok(chunk) = timeout(SILENCE, response.chunk()).await else {
        return Err(RequestError::Unreachable(format!("{} has been silent for too long", server.address())));
    };
    match chunk.map_err(|error| server.unreachable(&error))? {
        Some(bytes) => {
            reader.push(&bytes);
            Ok(true)
        }
        None => Ok(false),
    }
}

/// A message that a later server may have added is passed over.
fn parse(server: &Server, message: &Message) -> Result<Option<Update>, RequestError> {
    let strange = |error| server.strange(&error);
    Ok(match message.event.as_str() {
        "snapshot" => Some(Update::Snapshot(serde_json::from_str(&message.data).map_err(strange)?)),
        "event" => Some(Update::Reported(serde_json::from_str(&message.data).map_err(strange)?)),
        "silence" => Some(Update::Silent(serde_json::from_str(&message.data).map_err(strange)?)),
        _ => None,
    })
}

/// On a job's stream a message's id is a sequence; not every message has one.
fn sequence(update: &Update) -> Option<i64> {
    match update {
        Update::Snapshot(detail) => Some(detail.job.last_sequence),
        Update::Reported(reported) => Some(reported.event.sequence),
        Update::Silent(_) | Update::Connected | Update::Lost(_) => None,
    }
}

/// How long to wait after so many failures in a row: up to a quarter more by chance, so that all who lost a server do
/// not come back at the same moment.
fn pause(failures: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE);
    let [chance] = random_bytes::<1>();
    pause + pause * u32::from(chance) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        assert!((250..313).contains(&pause(0).as_millis()));
        assert!((1000..1250).contains(&pause(2).as_millis()));
        assert!((15_000..18_750).contains(&pause(40).as_millis()));
    }
}
