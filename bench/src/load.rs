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

use crate::client::Connection;
use crate::server::Reporter;
use crate::{Failure, Result};

/// Events of one provider, at a constant rate.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) reporter: Reporter,
    /// Events a second, one a request.
    pub(crate) rate: f64,
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
    pub(crate) accepted: u64,
    pub(crate) too_many: u64,
    pub(crate) failed: u64,
    /// Of the accepted ones, from when each was due until it was answered, in seconds.
    pub(crate) latencies: Vec<f64>,
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
        for _ in 0..self.connections {
            let mut connection = Connection::to(self.reporter.address);
            connection.open().await?;
            connections.push(tokio::spawn(self.clone().send(connection, next.clone())));
        }
        let mut tally = Tally::default();
        for connection in connections {
            tally.add(connection.await.map_err(Failure::from)?);
        }
        Ok(tally)
    }

    /// Sends whatever is due next, until the end.
    async fn send(self, mut connection: Connection, next: Arc<AtomicU64>) -> Tally {
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
            let answer =
                connection.post("/api/v1/events", ("authorization", &authorization), self.event(number)).await;
            match answer.map(|answer| answer.status) {
                _ if !counts => {}
                Ok(StatusCode::CREATED) => {
                    tally.accepted += 1;
                    tally.latencies.push(from.elapsed().as_secs_f64());
                }
                Ok(StatusCode::TOO_MANY_REQUESTS) => tally.too_many += 1,
                _ => tally.failed += 1,
            }
        }
    }

    fn event(&self, number: u64) -> Bytes {
        let metadata = json!({"Density": 12.5, "Comment": "as measured"});
        let job = format!("bench-{}", number % self.reporter.jobs);
        json!({"provider_job_id": job, "kind": "info", "tag": "load", "event_metadata": metadata}).to_string().into()
    }
}

impl Running {
    pub(crate) async fn finish(self) -> Result<Tally> {
        tokio::task::spawn_blocking(|| self.0.join().map_err(|_| "a load failed")?).await?
    }
}
