//! `milepost migrate`: brings the tables up to date, or shows what that would do.

use clap::{Args, ValueEnum};

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
        let settings = self.database.settings()?;
        let db = Db::open(&settings.database_url).await?;
        let status = db.migration_status().await?;
        match self.action {
            Some(Action::Status) => print_status(&status),
            None if self.dry_run => print_pending(&status),
            None => {
                db.migrate().await?;
                match status.pending.len() {
                    0 => println!("{} is up to date.", settings.database_url),
                    count => println!("Applied {count} migrations to {}.", settings.database_url),
                }
            }
        }
        db.close().await;
        Ok(())
    }
}

fn print_status(status: &MigrationStatus) {
    for applied in &status.applied {
        let when = applied.installed_on.format("%Y-%m-%d %H:%M:%SZ");
        println!("{:04}  applied {when}  {}", applied.version, applied.description);
    }
    for pending in &status.pending {
        println!("{:04}  pending                       {}", pending.version, pending.description);
    }
}

fn print_pending(status: &MigrationStatus) {
    for pending in &status.pending {
        println!("-- {:04} {}\n{}", pending.version, pending.description, pending.sql);
    }
    if status.pending.is_empty() {
        println!("-- nothing to apply");
    }
}
