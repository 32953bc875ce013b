//! `milepost-bench`: puts load on a real server over a real disk and prints what was measured, a line for each condition.
//!
//! Each case is a file in `cases/`. Conditions that are compared take turns within one run, since what a machine does
//! besides changes from minute to minute.

mod cases;
mod client;
mod load;
mod postgres;
mod report;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use cases::{Case, Plan};
use server::DatabaseKind;

/// Why there is nothing measured.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Failure> = std::result::Result<T, E>;

/// Measures a Milepost server.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; all if none is named, `reads` only at a large scale
    cases: Vec<Case>,
    /// Over which database; both if none is named
    #[arg(long)]
    database: Vec<DatabaseKind>,
    /// The server's program
    #[arg(long, value_name = "FILE", default_value = "target/release/milepost")]
    server: PathBuf,
    /// The same, built to answer events from memory
    #[arg(long, value_name = "FILE", default_value = "target/release/milepost-from-memory")]
    from_memory: PathBuf,
    /// Where the databases are put: it should be the disk that counts
    #[arg(long, value_name = "FOLDER", default_value = "target")]
    folder: PathBuf,
    /// How often the conditions take turns
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long a condition lasts each time, in seconds [default: by the scale]
    #[arg(long)]
    seconds: Option<u64>,
    /// How long it all takes
    #[arg(long, env = "SCALE", default_value = "small")]
    scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scale {
    /// Within a quarter of an hour: 4 seconds a condition, 20 seconds of overload
    Small,
    /// 15 seconds a condition, 2 minutes of overload
    Full,
    /// As small, but what people look at is among 1,000,000 jobs with 20,000,000 events: an hour or two
    Large,
}

impl Scale {
    /// The seconds of a condition, and of overload.
    fn seconds(self) -> (u64, u64) {
        match self {
            Self::Small | Self::Large => (4, 20),
            Self::Full => (15, 120),
        }
    }

    fn many_jobs(self) -> u64 {
        match self {
            Self::Small => 30_000,
            Self::Full => 100_000,
            Self::Large => 1_000_000,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (seconds, overload) = arguments.scale.seconds();
    let or_all = |named: Vec<DatabaseKind>| if named.is_empty() { DatabaseKind::ALL.to_vec() } else { named };
    let mut cases = arguments.cases;
    if cases.is_empty() {
        cases.extend(Case::USUAL);
        cases.extend((arguments.scale == Scale::Large).then_some(Case::Reads));
    }
    let find = |path: PathBuf| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let plan = Plan {
        server: find(arguments.server)?,
        from_memory: std::path::absolute(arguments.from_memory)?,
        folder: find(arguments.folder)?,
        rounds: arguments.rounds.max(1),
        seconds: arguments.seconds.unwrap_or(seconds).max(1),
        many_jobs: arguments.scale.many_jobs(),
        overload: Duration::from_secs(overload),
    };
    report::print_machine();
    let mut figures = Vec::new();
    for database in or_all(arguments.database) {
        for case in &cases {
            figures.extend(case.run(&plan, database).await?);
        }
    }
    report::write_table(&figures, &plan.folder.join("bench.md"))
}
