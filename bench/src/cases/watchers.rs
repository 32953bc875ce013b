//! Ten thousand people watch a thousand jobs, of which a thousand events a second are reported: how long after an event is
//! posted each of them has it, whether all of them get all, and what the server holds in memory for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Plan, per_second};
use crate::client::{Connection, JSON};
use crate::report::{Figure, Reach, milliseconds, percentile, print_row};
use crate::server::{DatabaseKind, Reporter, Server};
use crate::{Failure, Result};

/// An account may have a hundred streams.
const ACCOUNTS: u64 = 100;
const JOBS_OF_ACCOUNT: u64 = 10;
const WATCHERS_OF_JOB: u64 = 10;
/// Events a second.
const RATE: f64 = 1000.0;
/// How many streams are opened at once.
const OPENING: usize = 64;
/// Room for all of them beside those who report, from one address.
const ROOM: [&str; 4] = ["--max-connections", "15000", "--max-connections-per-address", "12000"];
/// How long the last events may take to arrive before they count as lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// The least time that is measured: a second would say little of the one-hundredth that is slowest.
const LEAST: u64 = 10;

/// What has arrived at all watchers.
#[derive(Debug, Default)]
struct Arrived {
    count: AtomicU64,
    /// From when an event was sent until a watcher had it, in seconds.
    delays: Mutex<Vec<f64>>,
}

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let server = Server::start(plan, database, &ROOM).await?;
    let mut reporters = Vec::new();
    for account in 0..ACCOUNTS {
        reporters.push(server.provider(&format!("watched-{account}"), JOBS_OF_ACCOUNT).await?);
    }
    let arrived = Arc::new(Arrived::default());
    let begun = Instant::now();
    watch_all(&reporters, &arrived, begun).await?;
    let before = server.resident()?;

    let length = Duration::from_secs(plan.seconds.max(LEAST));
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now() + Duration::from_millis(100);
    let reporting: Vec<_> = reporters
        .into_iter()
        .map(|reporter| tokio::spawn(report(reporter, next.clone(), begun, start, start + length)))
        .collect();
    let mut posted = 0;
    for reporter in reporting {
        posted += reporter.await.map_err(Failure::from)??;
    }
    let expected = posted * WATCHERS_OF_JOB;
    let waiting = Instant::now();
    while arrived.count.load(Ordering::Relaxed) < expected && waiting.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20)).await;
    }
    let resident = server.resident()?;
    let lost = expected.saturating_sub(arrived.count.load(Ordering::Relaxed));
    let delays = arrived.delays.lock().await;
    let p99 = percentile(&delays, 0.99);
    let figures = [
        format!("{} streams", ACCOUNTS * JOBS_OF_ACCOUNT * WATCHERS_OF_JOB),
        format!("posted {:.0}/s", per_second(posted, length)),
        format!("delivered {:.0}/s", per_second(expected - lost, length)),
        format!("p50 {}", milliseconds(percentile(&delays, 0.5))),
        format!("p99 {}", milliseconds(p99)),
        format!("max {}", milliseconds(percentile(&delays, 1.0))),
        format!("memory {before:.0} to {resident:.0} MiB"),
    ];
    print_row(&format!("watchers, {database}"), &figures);
    let case = format!("10,000 watchers over 1,000 jobs, 1,000 events/s, {database}");
    let of = |what, value, reach| Figure::new(case.clone(), what, vec![value], reach);
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    Ok(vec![
        of("ms from posted to delivered, 99th percentile", p99 * 1000.0, Reach::AtMost(250.0)),
        of("MB resident", resident * 1.048_576, Reach::AtMost(400.0)),
        of("messages lost", lost as f64, Reach::AtMost(0.0)),
        of("events/s posted, of 1,000", per_second(posted, length), Reach::AtLeast(950.0)),
    ])
}

/// Opens the streams of all jobs; each has its snapshot when this returns.
async fn watch_all(reporters: &[Reporter], arrived: &Arc<Arrived>, begun: Instant) -> Result<()> {
    let turns = Arc::new(Semaphore::new(OPENING));
    let mut opening = Vec::new();
    for reporter in reporters {
        for job_id in &reporter.job_ids {
            for _ in 0..WATCHERS_OF_JOB {
                let (reporter, job_id, turns) = (reporter.clone(), job_id.clone(), turns.clone());
                opening.push(tokio::spawn(async move {
                    let _turn = turns.acquire_owned().await.map_err(Failure::from)?;
                    open_stream(&reporter, &job_id).await
                }));
            }
        }
    }
    for stream in opening {
        tokio::spawn(watch(stream.await.map_err(Failure::from)??, arrived.clone(), begun));
    }
    Ok(())
}

async fn open_stream(reporter: &Reporter, job_id: &str) -> Result<Incoming> {
    let stream = TcpStream::connect(reporter.address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::get(format!("/api/v1/jobs/{job_id}/stream"))
        .header(header::HOST, reporter.address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {}", reporter.key))
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::OK {
        let said = response.into_body().collect().await?.to_bytes();
        return Err(format!("a stream was refused: {}", String::from_utf8_lossy(&said)).into());
    }
    let mut body = response.into_body();
    timeout(PATIENCE, body.frame()).await?.ok_or("a stream ended at once")??;
    Ok(body)
}

/// Reads a stream until it ends, noting how old each event is.
async fn watch(mut body: Incoming, arrived: Arc<Arrived>, begun: Instant) {
    let mut unread = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        unread.extend_from_slice(&data);
        while let Some(end) = unread.windows(2).position(|two| two == b"\n\n") {
            let message: Vec<u8> = unread.drain(..end + 2).collect();
            if let Some(sent) = sent_at(&message) {
                let delay = begun.elapsed().as_secs_f64() - sent;
                arrived.delays.lock().await.push(delay);
                arrived.count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// When an event was sent, as it says itself.
fn sent_at(message: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(message).ok()?;
    let (_, rest) = text.split_once("\"Sent\":")?;
    rest.split(['}', ',']).next()?.parse().ok()
}

/// Reports the events that are due, one after the other, until the end; gives how many were recorded.
async fn report(
    reporter: Reporter,
    next: Arc<AtomicU64>,
    begun: Instant,
    start: Instant,
    end: Instant,
) -> Result<u64> {
    let mut connection = Connection::to(reporter.address);
    connection.open().await?;
    let authorization = format!("Bearer {}", reporter.key);
    let mut recorded = 0;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let due = start + Duration::from_secs_f64(number as f64 / RATE);
        if due >= end {
            return Ok(recorded);
        }
        sleep_until(due).await;
        let job = format!("bench-{}", recorded % reporter.job_ids.len() as u64);
        let metadata = json!({"Density": 12.5, "Comment": "as measured", "Sent": begun.elapsed().as_secs_f64()});
        let event = json!({"provider_job_id": job, "kind": "info", "tag": "load", "event_metadata": metadata});
        let answer = connection
            .post("/api/v1/events", ("authorization", &authorization), JSON, event.to_string().into())
            .await?;
        if answer.status != StatusCode::CREATED {
            return Err(format!("an event was answered with {}", answer.status).into());
        }
        recorded += 1;
    }
}
