//! What can be measured, a file each.

mod batches;
mod fairness;
mod idle;
mod overload;
mod reads;
mod singles;
mod watchers;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::Result;
use crate::report::Figure;
use crate::server::DatabaseKind;

/// So that rates do not limit what is measured.
const UNLIMITED: [&str; 4] = ["--event-rate", "1000000", "--event-burst", "1000000"];

/// How many of something there were a second.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn per_second(count: u64, length: Duration) -> f64 {
    count as f64 / length.as_secs_f64()
}

/// What is the same for all cases.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The server's program.
    pub(crate) server: PathBuf,
    /// The same, built to answer events from memory.
    pub(crate) from_memory: PathBuf,
    /// Where the databases are put.
    pub(crate) folder: PathBuf,
    /// How often the conditions take turns.
    pub(crate) rounds: u32,
    /// How long a condition lasts each time.
    pub(crate) seconds: u64,
    /// The jobs of a database that has many.
    pub(crate) many_jobs: u64,
    /// How long the server is asked for more than it can take.
    pub(crate) overload: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Case {
    /// Events a second, one a request, durable, beside what the database can do and what memory can
    Singles,
    /// Events a second in batches of 1,000
    Batches,
    /// What a provider notices of another that reports ten times as much as it may
    Fairness,
    /// Three times as much as the server can take
    Overload,
    /// What people look at, among many jobs and among 10,000
    Reads,
    /// Ten thousand live streams
    Watchers,
    /// A server that nobody asks for anything
    Idle,
}

impl Case {
    /// What is measured where nothing is named: all but reads, which are worth their time among many jobs only.
    pub(crate) const USUAL: [Self; 6] =
        [Self::Idle, Self::Singles, Self::Batches, Self::Watchers, Self::Fairness, Self::Overload];

    pub(crate) async fn run(self, plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
        match self {
            Self::Singles => singles::run(plan, database).await,
            Self::Batches => batches::run(plan, database).await,
            Self::Fairness => fairness::run(plan, database).await,
            Self::Overload => overload::run(plan, database).await,
            Self::Reads => reads::run(plan, database).await,
            Self::Watchers => watchers::run(plan, database).await,
            Self::Idle => idle::run(plan, database).await,
        }
    }
}
