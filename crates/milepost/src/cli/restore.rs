//! `milepost restore`: makes a SQLite database of a backup, where there is none yet.

use std::path::PathBuf;

use clap::Args;

use super::backup::{contents, unless_stopped};
use super::terminal::{count, say};
use super::{DatabaseArgs, Outcome};
use crate::db::{BackupError, restore};
use crate::sources::Clock;

#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    database: DatabaseArgs,

    /// What `milepost backup` made
    file: PathBuf,
}

impl Restore {
    pub(super) async fn run(self) -> Outcome {
        let url = self.database.settings()?.database_url;
        let target = url.file().ok_or(BackupError::Postgres)?;
        let copied = unless_stopped(restore(&self.file, target, Clock::default().now())).await?;
        say!("Restored {} to {url}: {}.", self.file.display(), contents(&copied))?;
        let sum = format!("{}.sha256", self.file.display());
        match copied.checksum {
            Some(_) => say!("Its SHA-256 is the one in {sum}.")?,
            None => say!("Whether its bytes have changed was not checked: there is no {sum}.")?,
        }
        say!("All sessions in it have ended: people sign in again.")?;
        match copied.migrations.pending.len() {
            0 => Ok(()),
            pending => {
                say!("`milepost serve` or `milepost migrate` applies {}.", count(pending, "missing migration"))
            }
        }
    }
}
