//! `milepost exec`: runs a program that knows nothing of us, and reports what its lines say.
//!
//! The `program` runs as if we were not there: its output, its exit code, its terminal and the signals that it gets are its
//! own. What it prints is looked at on the way (`lines`, `rules`) and told (`teller`).

mod dry_run;
mod lines;
mod program;
mod rules;
mod teller;
mod values;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::time::Instant;

use super::job::Opening;
use super::report::{Reporter, SpoolSettings};
use super::server::ServerArgs;
use super::terminal::note;
use super::{Failure, watch};
use crate::sources::{Clock, random_bytes};
use program::{Ended, Terminal};
use rules::Rules;
use teller::Teller;
pub(super) use values::value_of;

const USAGE: &str = "\
milepost exec --config <TAG> [OPTIONS] -- <PROGRAM> [ARGUMENT]...
       milepost exec --rules <FILE> --dry-run <LOG> [--json]";
/// What `--help` says at its end.
const NOTES: &str = "\
The program's output, exit code, terminal and signals are those that it has by itself. What is wrong with the reporting,
such as a server that is away, is said on standard error and stops nothing.

Rules are in TOML; lines go to the first that matches, standard error included:

    [[rule]]
    name = \"left is measured\"
    match = 'left kidney: (?<Volume>[0-9.]+) ml'
    event = \"step\"      # done; or info (the default), error
    step = \"left\"

Groups called fraction (3/8, 37%, 0.37), percent, step and text are what they say, others are measured values;
metadata = { \"Kidney volume\" = \"$volume\" } gives one another name, text = \"…\" says something for people.
A step is completed by event = \"step\"; how far it is may be told before. docs/COMMAND_LINE.md has all of it.

The job is completed when the program ends with 0, else in error, with its last lines.
The program finds the job's id in MILEPOST_JOB, for `milepost event`.";

#[derive(Debug, Args)]
#[command(after_help = NOTES, override_usage = USAGE)]
pub(super) struct Exec {
    /// The tag of the job's configuration
    #[arg(long, value_name = "TAG", required_unless_present = "dry_run")]
    config: Option<String>,

    #[command(flatten)]
    opening: Opening,

    /// The provider's own id of the job [default: made of the configuration's tag and the time]
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// What the program's lines mean; see below
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// How many of the last lines are told when the program fails
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    last_lines: usize,

    /// Whether the program is to believe that it writes to a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    tty: Terminal,

    #[command(flatten)]
    server: ServerArgs,

    /// Show what the rules make of a recorded log, and run nothing
    #[arg(long, value_name = "LOG", requires = "rules", conflicts_with = "program")]
    dry_run: Option<PathBuf>,

    /// With --dry-run: in JSON, a line for each event
    #[arg(long, requires = "dry_run")]
    json: bool,

    /// The program and its arguments, behind `--`
    #[arg(last = true, value_name = "PROGRAM", required_unless_present = "dry_run")]
    program: Vec<OsString>,
}

impl Exec {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        if let Some(log) = &self.dry_run {
            dry_run::run(&self.read_rules()?, log, self.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let tag = self.config.clone().unwrap_or_default();
        // From here on nothing of ours keeps the program from running.
        let job = self.id.clone().unwrap_or_else(|| made_up_id(&tag));
        let unreported = |reason: &Failure| note!("nothing is reported: {reason}");
        let settings = || SpoolSettings::load().inspect_err(unreported).ok();
        let Some((server, settings)) =
            self.server.connect_if_possible().and_then(|server| Some((server, settings()?)))
        else {
            return Ended::exit(Err(&program::become_program(&self.program, &job)));
        };
        let rules = self.read_rules().unwrap_or_else(|reason| {
            note!("nothing that the program prints is reported: {reason}");
            Rules::default()
        });
        let mut teller = Teller::new(rules, job.clone(), self.last_lines, Reporter::start(server.clone(), settings));
        teller.open(self.opening.report(&tag, &job));
        let (ended, mut signals) = program::run(&self.program, &job, self.tty, &mut teller).await;
        let told = async {
            // Only where somebody is looking; that it cannot be shown is no harm.
            if teller.end(&self.program, ended.as_ref().copied()).await && console::user_attended_stderr() {
                let _ = watch::print_summary_beside(&server, &job).await;
            }
        };
        tokio::select! {
            () = told => {}
            // Somebody does not want to wait; the next run sends the rest.
            () = signals.ask_to_end(Instant::now()) => {}
        }
        Ended::exit(ended.as_ref().copied())
    }

    fn read_rules(&self) -> Result<Rules, Failure> {
        let Some(path) = &self.rules else { return Ok(Rules::default()) };
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        let rules = text.and_then(|text| Rules::parse(&text));
        rules.map_err(|reason| Failure(format!("{}: {reason}", path.display())))
    }
}

fn made_up_id(tag: &str) -> String {
    let random: [u8; 4] = random_bytes();
    format!("{tag}-{}-{:08x}", Clock::default().now().format("%Y%m%d-%H%M%S"), u32::from_be_bytes(random))
}
