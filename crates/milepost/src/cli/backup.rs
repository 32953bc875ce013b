//! `milepost backup`: copies a SQLite database into a file, whether or not servers are writing to it.

use std::path::PathBuf;

use clap::Args;

use super::serve::StopSignals;
use super::terminal::{count, say};
use super::{DatabaseArgs, Failure, Outcome, expect_database};
use crate::db::{BackupError, Copied, Db, back_up};

#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    database: DatabaseArgs,

    /// The file to make; there must be none of that name
    file: PathBuf,
}

impl Backup {
    pub(super) async fn run(self) -> Outcome {
        let url = self.database.settings()?.database_url;
        if url.file().is_none() {
            return Err(BackupError::Postgres.into());
        }
        expect_database(&url)?;
        let db = Db::open(&url).await?;
        let copied = unless_stopped(back_up(&db, &self.file)).await?;
        db.close().await;
        say!("Backed up {url} to {}: {}.", self.file.display(), contents(&copied))?;
        match copied.checksum {
            Some(sum) => say!("Its SHA-256 is {sum}, also in {}.sha256: keep the two together.", self.file.display()),
            None => Ok(()),
        }
    }
}

/// Goes on until it is done or a signal comes; what there is of a file by then goes.
pub(super) async fn unless_stopped(
    work: impl Future<Output = Result<Copied, BackupError>>,
) -> Result<Copied, Failure> {
    // Before anything is made.
    let mut signals = StopSignals::listen()?;
    tokio::select! {
        () = signals.next() => Err(Failure("stopped; nothing was kept".to_owned())),
        done = work => Ok(done?),
    }
}

/// What is in a copy, in words.
pub(super) fn contents(copied: &Copied) -> String {
    let last = match copied.last_event_at {
        Some(at) => format!(", the last of {}", at.format("%Y-%m-%d %H:%M:%SZ")),
        None => String::new(),
    };
    let migration = copied.migrations.applied.last().map_or(0, |applied| applied.version);
    let (jobs, events) = (count(copied.jobs, "job"), count(copied.events, "event"));
    format!("{jobs}, {events}{last}; {} bytes, checked; migration {migration:04}", copied.bytes)
}
