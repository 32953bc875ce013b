//! What can be measured, a file each.

mod fairness;
mod grouping;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::Result;
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Case {
    /// What a provider notices of another that reports ten times as much as it may
    Fairness,
    /// What committing together gains: events a second, one a request, durable
    Grouping,
}

impl Case {
    pub(crate) const ALL: [Self; 2] = [Self::Fairness, Self::Grouping];

    pub(crate) async fn run(self, plan: &Plan, database: DatabaseKind) -> Result<()> {
        match self {
            Self::Fairness => fairness::run(plan, database).await,
            Self::Grouping => grouping::run(plan, database).await,
        }
    }
}
