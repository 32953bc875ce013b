//! Load as it comes in the field: requests are due at their times, whether those before have been answered or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::json;
use tokio::runtime;
use tokio::time::{Instant, sleep_until};

use crate::client::{Connection, JSON, LINES};
use crate::server::Reporter;
use crate::{Failure, Result};

/// More than any server takes: whoever gets an answer sends the next at once.
pub(crate) const AS_FAST_AS_ANSWERED: f64 = 1e6;

/// Events of one provider, at a constant rate.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) reporter: Reporter,
    /// Requests a second.
    pub(crate) rate: f64,
    /// Events of a request: one by itself, several as lines of a batch.
    pub(crate) batch: u64,
    /// How many requests may be under way at once; what is due beyond waits, and its time counts.
    pub(crate) connections: usize,
    pub(crate) start: Instant,
    /// What is sent in this time at the beginning does not count.
    pub(crate) lead: Duration,
    /// How long it counts, after that.
    pub(crate) length: Duration,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests.
    pub(crate) accepted: u64,
    /// Refused with 429 or 503: too much.
    pub(crate) too_many: u64,
    pub(crate) failed: u64,
    /// Of the accepted ones, from when each was due until it was answered, in seconds.
    pub(crate) latencies: Vec<f64>,
    /// Of those refused for being too many, from when each was sent.
    pub(crate) refusals: Vec<f64>,
}

impl Tally {
    pub(crate) fn sent(&self) -> u64 {
        self.accepted + self.too_many + self.failed
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.too_many += other.too_many;
        self.failed += other.failed;
        self.latencies.extend(other.latencies);
        self.refusals.extend(other.refusals);
    }
}

/// Load that is under way.
pub(crate) struct Running(JoinHandle<Result<Tally>>);

impl Load {
    /// Begins on a thread of its own, so that one load does not hold up the measuring of another.
    pub(crate) fn begin(self) -> Running {
        Running(std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(self.run())
        }))
    }

    async fn run(self) -> Result<Tally> {
        let next = Arc::new(AtomicU64::new(0));
        let mut connections = Vec::new();
        let body = self.batch_body();
        for _ in 0..self.connections {
            let mut connection = Connection::to(self.reporter.address);
            connection.open().await?;
            connections.push(tokio::spawn(self.clone().send(connection, next.clone(), body.clone())));
        }
        let mut tally = Tally::default();
        for connection in connections {
            tally.add(connection.await.map_err(Failure::from)?);
        }
        Ok(tally)
    }

    /// Sends whatever is due next, until the end.
    async fn send(self, mut connection: Connection, next: Arc<AtomicU64>, batch: Bytes) -> Tally {
        let mut tally = Tally::default();
        let authorization = format!("Bearer {}", self.reporter.key);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            let due = self.start + Duration::from_secs_f64(number as f64 / self.rate);
            // What could not be sent in time is not sent at all: the server was not asked faster than it answers.
            let sent = due.max(Instant::now());
            if sent >= self.start + self.lead + self.length {
                return tally;
            }
            let counts = sent >= self.start + self.lead;
            // Timers are exact to a millisecond, which is no fault of the server's. Waiting for a connection is.
            let from = if Instant::now() < due {
                sleep_until(due).await;
                Instant::now()
            } else {
                due
            };
            let asked = Instant::now();
            let (path, media_type, body) = match self.batch {
                1 => ("/api/v1/events", JSON, self.event(number).into()),
                _ => ("/api/v1/events/batch", LINES, batch.clone()),
            };
            let answer = connection.post(path, ("authorization", &authorization), media_type, body).await;
            let is_whole = answer.as_ref().is_ok_and(|answer| self.batch == 1 || !answer.has_problems());
            match answer.map(|answer| answer.status) {
                _ if !counts => {}
                _ if !is_whole => tally.failed += 1,
                Ok(StatusCode::CREATED) => {
                    tally.accepted += 1;
                    tally.latencies.push(from.elapsed().as_secs_f64());
                }
                Ok(StatusCode::OK) if self.batch > 1 => tally.accepted += 1,
                Ok(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                    tally.too_many += 1;
                    tally.refusals.push(asked.elapsed().as_secs_f64());
                }
                _ => tally.failed += 1,
            }
        }
    }

    fn batch_body(&self) -> Bytes {
        (0..self.batch).fold(String::new(), |lines, number| lines + &self.event(number) + "\n").into()
    }

    fn event(&self, number: u64) -> String {
        let metadata = json!({"Density": 12.5, "Comment": "as measured"});
        let job = format!("bench-{}", number % self.reporter.job_ids.len() as u64);
        json!({"provider_job_id": job, "kind": "info", "tag": "load", "event_metadata": metadata}).to_string()
    }
}

impl Running {
    pub(crate) async fn finish(self) -> Result<Tally> {
        tokio::task::spawn_blocking(|| self.0.join().map_err(|_| "a load failed")?).await?
    }
}
