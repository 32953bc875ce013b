//! `milepost-bench`: puts load on a real server over a real disk and prints what was measured, a line for each condition.
//!
//! Each case is a file in `cases/`. Conditions that are compared take turns within one run, since what a machine does
//! besides changes from minute to minute.

mod cases;
mod client;
mod load;
mod report;
mod server;

use std::path::PathBuf;

use clap::Parser;

use cases::{Case, Plan};
use server::DatabaseKind;

/// Why there is nothing measured.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Failure> = std::result::Result<T, E>;

/// Measures a Milepost server.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; all if none is named
    cases: Vec<Case>,
    /// Over which database; both if none is named
    #[arg(long)]
    database: Vec<DatabaseKind>,
    /// The server's program
    #[arg(long, value_name = "FILE", default_value = "target/release/milepost")]
    server: PathBuf,
    /// Where the databases are put: it should be the disk that counts
    #[arg(long, value_name = "FOLDER", default_value = "target")]
    folder: PathBuf,
    /// How often the conditions take turns
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long a condition lasts each time, in seconds
    #[arg(long, default_value_t = 8)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let or_all = |named: Vec<DatabaseKind>| if named.is_empty() { DatabaseKind::ALL.to_vec() } else { named };
    let cases = if arguments.cases.is_empty() { Case::ALL.to_vec() } else { arguments.cases };
    let plan = Plan {
        server: arguments
            .server
            .canonicalize()
            .map_err(|error| format!("{}: {error}", arguments.server.display()))?,
        folder: arguments
            .folder
            .canonicalize()
            .map_err(|error| format!("{}: {error}", arguments.folder.display()))?,
        rounds: arguments.rounds.max(1),
        seconds: arguments.seconds.max(1),
    };
    report::print_machine();
    for database in or_all(arguments.database) {
        for case in &cases {
            case.run(&plan, database).await?;
        }
    }
    Ok(())
}
