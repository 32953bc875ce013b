//! What can be measured, a file each.

mod batches;
mod fairness;
mod idle;
mod overload;
mod singles;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::Result;
use crate::report::Figure;
use crate::server::DatabaseKind;

/// What is the same for all cases.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The server's program.
    pub(crate) server: PathBuf,
    /// Where the databases are put.
    pub(crate) folder: PathBuf,
    /// How often the conditions take turns.
    pub(crate) rounds: u32,
    /// How long a condition lasts each time.
    pub(crate) seconds: u64,
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
    /// A server that nobody asks for anything
    Idle,
}

impl Case {
    pub(crate) const ALL: [Self; 5] = [Self::Idle, Self::Singles, Self::Batches, Self::Fairness, Self::Overload];

    pub(crate) async fn run(self, plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
        match self {
            Self::Singles => singles::run(plan, database).await,
            Self::Batches => batches::run(plan, database).await,
            Self::Fairness => fairness::run(plan, database).await,
            Self::Overload => overload::run(plan, database).await,
            Self::Idle => idle::run(plan, database).await,
        }
    }
}
