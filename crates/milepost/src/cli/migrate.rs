//! `milepost migrate`: brings the tables up to date, or shows what that would do.

use clap::{Args, ValueEnum};

use super::terminal::{count, say};
use super::{DatabaseArgs, Outcome};
use crate::db::{Db, MigrationStatus};

#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    database: DatabaseArgs,

    /// Only tell what has been applied and what has not
    #[arg(value_enum)]
    action: Option<Action>,

    /// Print what would be run, and run nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Action {
    Status,
}

impl Migrate {
    pub(super) async fn run(self) -> Outcome {
        let Self { database, action, dry_run } = self;
        let url = database.settings()?.database_url;
        let shows = dry_run || action.is_some();
        if shows && url.is_missing_file() {
            return show(action, &MigrationStatus::of_missing_file());
        }
        let db = Db::open(&url).await?;
        let status = db.migration_status().await?;
        if shows {
            show(action, &status)?;
        } else {
            db.migrate().await?;
            match status.pending.len() {
                0 => say!("{url} is up to date.")?,
                applied => say!("Applied {} to {url}.", count(applied, "migration"))?,
            }
        }
        db.close().await;
        Ok(())
    }
}

fn show(action: Option<Action>, status: &MigrationStatus) -> Outcome {
    match action {
        Some(Action::Status) => print_status(status),
        None => print_pending(status),
    }
}

fn print_status(status: &MigrationStatus) -> Outcome {
    for applied in &status.applied {
        let when = applied.installed_on.format("%Y-%m-%d %H:%M:%SZ");
        say!("{:04}  applied {when}  {}", applied.version, applied.description)?;
    }
    for pending in &status.pending {
        say!("{:04}  pending                       {}", pending.version, pending.description)?;
    }
    Ok(())
}

fn print_pending(status: &MigrationStatus) -> Outcome {
    for pending in &status.pending {
        say!("-- {:04} {}\n{}", pending.version, pending.description, pending.sql)?;
    }
    if status.pending.is_empty() {
        say!("-- nothing to apply")?;
    }
    Ok(())
}
