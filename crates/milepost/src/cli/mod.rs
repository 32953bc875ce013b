//! The command line: a file or folder for each command. `terminal.rs` is what they say and ask; `server.rs` and `text.rs`
//! are what those share that talk to a server.

mod audit;
mod backup;
mod completions;
mod config;
mod credentials;
mod demo;
mod erase;
mod event;
mod exec;
mod export;
mod flush;
mod job;
mod login;
mod migrate;
mod openapi;
mod rebuild;
mod report;
mod reports;
mod restore;
mod retire;
mod serve;
mod server;
mod signals;
mod terminal;
mod text;
mod user;
mod watch;

use std::fmt;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app::App;
use crate::config::{BadSetting, LogFormat, SettingArgs, Settings, warn_of_unknown_variables};
use crate::db::{BackupError, DatabaseUrl, Db, OpenError, in_words};
use crate::error::Error;
use crate::observe::log;
use crate::observe::traces::BadTraceSetting;
use crate::sources::Clock;

/// Tracks jobs that run elsewhere: events in, progress out, live.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::Serve>),
    /// Run a server with people, history and jobs under way, to try it out
    Demo(demo::Demo),
    /// Bring the database's tables up to date, or show what that would do
    Migrate(migrate::Migrate),
    /// Manage accounts, with or without a running server
    User(user::User),
    /// Show the audit log: who did what, when, and from where
    Audit(audit::Audit),
    /// Recompute the state of all jobs from their events and report every difference
    Rebuild(rebuild::Rebuild),
    /// Delete or anonymise finished jobs that are kept no longer, or tell how many there are
    Retire(retire::Retire),
    /// Erase a person's data; what their jobs count for stays
    Erase(erase::Erase),
    /// Write all data of an account to standard output, as JSON
    Export(export::Export),
    /// Copy a SQLite database into a file, with or without a running server
    Backup(backup::Backup),
    /// Make a SQLite database of a backup
    Restore(restore::Restore),
    /// Show a job live in the terminal
    Watch(watch::Watch),
    /// Keep a server and a key of it, for the commands that report and for the Python package
    Login(login::Login),
    /// Register kinds of jobs from files, compare and show them
    Config(config::Config),
    /// Open jobs, list and show them
    Job(job::JobCommand),
    /// Report what happens in a job
    Event(event::Event),
    /// Run a program as it is and report what its lines say
    Exec(Box<exec::Exec>),
    /// Write what happened, or what is billed, into a file
    Report(Box<reports::Reports>),
    /// Send what could not be reported
    Flush(flush::Flush),
    /// Print what a shell needs to complete these commands
    Completions(completions::Completions),
    /// Print the OpenAPI document
    Openapi,
}

/// Where the data is, for commands that work on the database without a server.
#[derive(Debug, Args)]
struct DatabaseArgs {
    /// `sqlite://FILE` or `postgres://…` [default: that of the settings, else `sqlite://milepost.db`]
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,

    /// Read settings from this file [default: milepost.toml, if it exists]
    #[arg(long, value_name = "FILE", env = "MILEPOST_CONFIG", global = true)]
    config: Option<std::path::PathBuf>,
}

impl DatabaseArgs {
    fn settings(self) -> Result<Settings, BadSetting> {
        warn_of_unknown_variables();
        let args = SettingArgs { database_url: self.database_url, config: self.config, ..SettingArgs::default() };
        args.resolve()
    }

    /// The same as [`DatabaseArgs::open`], where nothing can be done without what is in the database already: a slip of the
    /// pen in its name makes no empty one.
    async fn open_existing(self) -> Result<App, Failure> {
        let settings = self.settings()?;
        expect_database(&settings.database_url)?;
        open(settings).await
    }

    /// Opens the database and brings its tables up to date.
    async fn open(self) -> Result<App, Failure> {
        open(self.settings()?).await
    }
}

async fn open(settings: Settings) -> Result<App, Failure> {
    let db = Db::open(&settings.database_url).await?;
    db.migrate().await?;
    Ok(App::new(db, settings, Clock::default())?)
}

/// Refuses a SQLite file that is not there.
fn expect_database(url: &DatabaseUrl) -> Outcome {
    if url.is_missing_file() { Err(Failure(format!("there is no database {url}"))) } else { Ok(()) }
}

/// Why a command failed, for whoever typed it.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<BadSetting> for Failure {
    fn from(error: BadSetting) -> Self {
        Self(error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self(error.to_string())
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        Self(error.to_string())
    }
}

impl From<BadTraceSetting> for Failure {
    fn from(error: BadTraceSetting) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self(format!("database: {}", in_words(&error)))
    }
}

impl From<Error> for Failure {
    /// The operator may read what a client may not.
    fn from(error: Error) -> Self {
        match &error {
            Error::Internal(source) => match source.downcast_ref::<sqlx::Error>() {
                Some(source) => Self(format!("database: {}", in_words(source))),
                None => Self(source.to_string()),
            },
            Error::Unavailable(source) => Self(format!("database: {}", in_words(source))),
            _ => {
                let problem = error.problem();
                let errors = problem.errors.iter().map(|e| format!("\n  {}: {}", e.pointer, e.detail));
                Self(errors.fold(problem.detail, |text, line| text + &line))
            }
        }
    }
}

type Outcome = Result<(), Failure>;

impl Cli {
    /// Runs the command; what went wrong is printed to standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => {
                let outcome = runtime.block_on(self.command.run());
                // Without waiting for what does not matter any more, such as a name that no server resolves.
                runtime.shutdown_background();
                outcome
            }
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(code) => code,
            Err(failure) => {
                terminal::note!("{failure}");
                ExitCode::FAILURE
            }
        }
    }
}

impl Command {
    async fn run(self) -> Result<ExitCode, Failure> {
        // How the server logs is among its settings.
        if !matches!(self, Self::Serve(_)) {
            // What is wrong with a certificate, the command itself says.
            match log::start("warn,rustls_platform_verifier=off", LogFormat::Text) {
                // What is wrong with our log must not be wrong with somebody's script.
                Err(reason) if matches!(self, Self::Exec(_) | Self::Event(_) | Self::Job(_)) => {
                    terminal::note!("{reason}");
                }
                started => started.map_err(Failure)?,
            }
        }
        match self {
            Self::Serve(serve) => serve.run().await,
            Self::Demo(demo) => demo.run().await,
            Self::Migrate(migrate) => migrate.run().await,
            Self::User(user) => user.run().await,
            Self::Audit(audit) => audit.run().await,
            Self::Rebuild(rebuild) => rebuild.run().await,
            Self::Retire(retire) => retire.run().await,
            Self::Erase(erase) => erase.run().await,
            Self::Export(export) => export.run().await,
            Self::Backup(backup) => backup.run().await,
            Self::Restore(restore) => restore.run().await,
            Self::Watch(watch) => return watch.run().await,
            Self::Exec(exec) => return exec.run().await,
            Self::Login(login) => login.run().await,
            Self::Config(config) => config.run().await,
            Self::Job(job) => job.run().await,
            Self::Event(event) => event.run().await,
            Self::Report(reports) => reports.run().await,
            Self::Flush(flush) => flush.run().await,
            Self::Completions(completions) => completions.run(),
            Self::Openapi => openapi::run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}
