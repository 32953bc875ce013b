//! `milepost retire`: deletes or anonymises finished jobs now, as running servers do by themselves where `retention` is
//! set; or tells what would be done.

use clap::Args;

use super::{DatabaseArgs, Failure, Outcome, expect_database, open};
use crate::app::App;
use crate::audit::Actor;
use crate::config::{Retention, RetentionAction, SettingArgs, Settings};
use crate::db::Db;
use crate::retention::{count_under_way, preview, retire_due};
use crate::sources::Clock;

#[derive(Debug, Args)]
pub(super) struct Retire {
    #[command(flatten)]
    database: DatabaseArgs,

    /// After how long finished jobs are deleted or anonymised, such as 365d [default: the setting]
    #[arg(long, value_name = "DURATION")]
    retention: Option<String>,

    /// What is done with them: `delete` or `anonymise` [default: the setting, else anonymise]
    #[arg(long, value_name = "ACTION")]
    retention_action: Option<String>,

    /// Tell how many jobs are due, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Retire {
    pub(super) async fn run(self) -> Outcome {
        let args = SettingArgs {
            database_url: self.database.database_url,
            config: self.database.config,
            retention: self.retention,
            retention_action: self.retention_action,
            ..SettingArgs::default()
        };
        let settings = args.resolve()?;
        let Some(retention) = settings.retention else {
            return Err(Failure("jobs are kept for ever; set `retention`, or give --retention".to_owned()));
        };
        expect_database(&settings.database_url)?;
        let app = if self.dry_run { open_as_it_is(settings).await? } else { open(settings).await? };
        let outcome = if self.dry_run { tell_due(&app, retention).await } else { retire(&app, retention).await };
        app.db().close().await;
        outcome
    }
}

/// Opens a database of this release's; one of an older release stays as it is.
async fn open_as_it_is(settings: Settings) -> Result<App, Failure> {
    let db = Db::open(&settings.database_url).await?;
    match db.migration_status().await?.pending.len() {
        0 => Ok(App::new(db, settings, Clock::default())?),
        count => Err(Failure(format!(
            "{count} migrations are missing, and a dry run changes nothing; `milepost migrate` applies them"
        ))),
    }
}

async fn retire(app: &App, retention: Retention) -> Outcome {
    let jobs = retire_due(app, Some(retention), &Actor::OPERATOR).await?;
    let done = match retention.action {
        RetentionAction::Delete => "deleted",
        RetentionAction::Anonymise => "anonymised",
    };
    println!("{jobs} jobs {done}.");
    Ok(())
}

async fn tell_due(app: &App, retention: Retention) -> Outcome {
    let (mut jobs, mut events) = (0, 0);
    for due in preview(app, retention).await? {
        let oldest = due.oldest.map_or_else(String::new, |at| format!(", the oldest finished {}", at.date_naive()));
        println!("{}  {} jobs with {} events{oldest}", due.email, due.jobs, due.events);
        jobs += due.jobs;
        events += due.events;
    }
    let would_be = match retention.action {
        RetentionAction::Delete => "would be deleted",
        RetentionAction::Anonymise => "would be anonymised",
    };
    println!("{jobs} jobs with {events} events {would_be}.");
    let under_way = count_under_way(app.db()).await?;
    if under_way > 0 {
        println!("{under_way} more are under way already.");
    }
    Ok(())
}
