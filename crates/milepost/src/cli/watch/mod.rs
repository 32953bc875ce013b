//! `milepost watch`: a job live in the terminal, or as plain lines where there is none.
//!
//! The way of an event: `follow` reads the job's stream (`sse`) and hands over updates, `watched` takes them in, `live`
//! reads the steps again and draws the `view` with its `bar` on the `screen`; `plain` writes lines instead.

mod bar;
mod follow;
mod live;
mod plain;
mod screen;
mod sse;
mod steps;
mod view;
mod watched;
mod words;

use std::io;
use std::pin::pin;
use std::process::ExitCode;

use chrono::{DateTime, FixedOffset, Local};
use clap::Args;
use reqwest::StatusCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

use super::Failure;
use super::server::{RequestError, Server, ServerArgs};
use super::text::clean;
use crate::jobs::{Job, JobDetail};
use crate::paging::Page;
use crate::sources::Clock;
use watched::{LATEST, Watched};

/// What `--help` says at its end.
const NOTES: &str = "\
The key is taken from MILEPOST_API_KEY; a read key is enough.
Where standard output is no terminal there is a line for each event. NO_COLOR is heeded.
Ends with 0 when the job is completed, with 1 when it cannot be watched, with 130 on Ctrl-C.";

/// A job in error may be tried again, so watching goes on.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct Watch {
    /// The job's id, or the provider's own id of it
    #[arg(value_name = "JOB")]
    job: String,

    #[command(flatten)]
    server: ServerArgs,

    /// End with 1 as soon as the job is in error, instead of waiting for it to be tried again
    #[arg(long)]
    exit_on_error: bool,
}

/// How far to watch.
#[derive(Debug, Clone, Copy)]
struct Until {
    or_error: bool,
}

impl Until {
    fn is_reached(self, watched: &Watched) -> Option<Ended> {
        if watched.is_completed() {
            Some(Ended::Completed)
        } else if self.or_error && watched.is_in_error() {
            Some(Ended::InError)
        } else {
            None
        }
    }
}

/// Why watching ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The job is completed.
    Completed,
    /// The job is in error, and that was to be the end.
    InError,
    /// Nobody reads the lines any more.
    Unread,
    /// This signal came.
    Signal(u8),
}

impl Ended {
    fn exit_code(self) -> ExitCode {
        /// What a shell reports of a program that a signal ended is this and the signal's number.
        const BY_SIGNAL: u8 = 128;
        const SIGPIPE: u8 = 13;
        match self {
            Self::Completed => ExitCode::SUCCESS,
            Self::InError => ExitCode::FAILURE,
            Self::Unread => ExitCode::from(BY_SIGNAL + SIGPIPE),
            Self::Signal(number) => ExitCode::from(BY_SIGNAL + number),
        }
    }
}

impl Watch {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        // Listened for from the very start: from the first line on, Ctrl-C must find us ready to end well.
        let mut signals = StopSignals::listen()?;
        let server = self.server.connect()?;
        let detail = tokio::select! {
            found = find_job(&server, &self.job) => found?,
            number = signals.next() => return Ok(Ended::Signal(number).exit_code()),
        };
        let is_live = console::user_attended() && !console::is_dumb();
        let job_id = detail.job.id;
        // The live view begins with the latest events, so that it shows at once what has been going on.
        let latest = if is_live { i64::from(LATEST) } else { 0 };
        let known = (detail.job.last_sequence - latest).max(0);
        let mut watched = Watched::new(detail, known);
        let until = Until { or_error: self.exit_on_error };
        let mut updates = pin!(follow::follow(server.clone(), job_id, known));
        let watching = async {
            if is_live {
                live::follow(&server, &mut watched, until, updates.as_mut()).await
            } else {
                plain::follow(&mut watched, until, updates.as_mut()).await
            }
        };
        let ended = tokio::select! {
            ended = watching => ended?,
            number = signals.next() => Ended::Signal(number),
        };
        // A terminal that hung up takes no more lines.
        if is_live && ended != Ended::Signal(SIGHUP) {
            screen::print(|size| view::summary(&watched, local_time(server.clock()), size))?;
        }
        Ok(ended.exit_code())
    }
}

const SIGHUP: u8 = 1;

/// The signals that ask to end.
struct StopSignals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// From now on they end the program no more by themselves.
    fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The number of the next.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.hangup.recv() => SIGHUP,
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}

/// The server's time, as clocks show it here.
fn local_time(clock: &Clock) -> DateTime<FixedOffset> {
    clock.now().with_timezone(&Local).fixed_offset()
}

/// Finds a job by its id, else by its provider's own id, which may look like one.
pub(super) async fn find_job(server: &Server, name: &str) -> Result<JobDetail, Failure> {
    if let Ok(id) = name.parse::<Uuid>() {
        match read_job(server, id).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {}
            answer => return Ok(answer?),
        }
    }
    let query = serde_urlencoded::to_string([("provider_job_id", name)])
        .map_err(|error| Failure(format!("{name:?}: {error}")))?;
    let page: Page<Job> = server.get(&format!("/jobs?{query}")).await?;
    match page.items.as_slice() {
        [] => Err(Failure(format!("{} has no job {name:?} that this key may see", server.address()))),
        [job] => Ok(read_job(server, job.id).await?),
        jobs => Err(ambiguous(name, jobs)),
    }
}

/// Prints a job as it is, with its bar.
pub(super) fn print_summary(server: &Server, detail: JobDetail) -> Result<(), Failure> {
    let seen = detail.job.last_sequence;
    let watched = Watched::new(detail, seen);
    Ok(screen::print(|size| view::summary(&watched, local_time(server.clock()), size))?)
}

/// The same on standard error, below what somebody else's program has printed.
pub(super) async fn print_summary_beside(server: &Server, job: &str) -> Result<(), Failure> {
    let detail = find_job(server, job).await?;
    let seen = detail.job.last_sequence;
    let watched = Watched::new(detail, seen);
    Ok(screen::print_beside(|size| view::summary(&watched, local_time(server.clock()), size))?)
}

async fn read_job(server: &Server, id: Uuid) -> Result<JobDetail, RequestError> {
    server.get(&format!("/jobs/{id}")).await
}

/// A customer may have jobs of several providers under the same id.
fn ambiguous(name: &str, jobs: &[Job]) -> Failure {
    let line =
        |job: &Job| format!("\n  {}  {} by {}", job.id, clean(&job.provider_job_name), clean(&job.provider_name));
    let lines: String = jobs.iter().map(line).collect();
    Failure(format!("several providers have a job {name:?}; name the one you mean by its id:{lines}"))
}
