//! `milepost retire`: deletes or anonymises finished jobs now, as running servers do by themselves where `retention` is
//! set; or tells what would be done.

use clap::Args;

use super::terminal::{confirm, count, say};
use super::{DatabaseArgs, Failure, Outcome, expect_database, open};
use crate::app::App;
use crate::audit::Actor;
use crate::config::{Retention, RetentionAction, SettingArgs, Settings, as_written, warn_of_unknown_variables};
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

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Retire {
    pub(super) async fn run(self) -> Outcome {
        warn_of_unknown_variables();
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
        let outcome =
            if self.dry_run { tell_due(&app, retention).await } else { retire(&app, retention, self.yes).await };
        app.db().close().await;
        outcome
    }
}

/// Opens a database of this release's; one of an older release stays as it is.
async fn open_as_it_is(settings: Settings) -> Result<App, Failure> {
    let db = Db::open(&settings.database_url).await?;
    match db.migration_status().await?.pending.len() {
        0 => Ok(App::new(db, settings, Clock::default())?),
        pending => Err(Failure(format!(
            "the database lacks {}, and a dry run changes nothing; `milepost migrate` brings it up to date",
            count(pending, "migration")
        ))),
    }
}

async fn retire(app: &App, retention: Retention, yes: bool) -> Outcome {
    let (word, done) = match retention.action {
        RetentionAction::Delete => ("delete", "deleted"),
        RetentionAction::Anonymise => ("anonymise", "anonymised"),
    };
    let due = preview(app, retention).await?;
    if !yes && !due.is_empty() {
        let jobs = count(due.iter().map(|due| due.jobs).sum::<i64>(), "job");
        let after = as_written(retention.after);
        confirm(&format!("{jobs} that finished more than {after} ago will be {done}"), word, "nothing was changed")?;
    }
    let jobs = retire_due(app, Some(retention), &Actor::OPERATOR).await?;
    say!("{} {done}.", count(jobs, "job"))
}

async fn tell_due(app: &App, retention: Retention) -> Outcome {
    let (mut jobs, mut events) = (0, 0);
    for due in preview(app, retention).await? {
        let oldest = due.oldest.map_or_else(String::new, |at| format!(", the oldest finished {}", at.date_naive()));
        say!("{}  {} with {}{oldest}", due.email, count(due.jobs, "job"), count(due.events, "event"))?;
        jobs += due.jobs;
        events += due.events;
    }
    let would_be = match retention.action {
        RetentionAction::Delete => "would be deleted",
        RetentionAction::Anonymise => "would be anonymised",
    };
    say!("{} with {} {would_be}.", count(jobs, "job"), count(events, "event"))?;
    match count_under_way(app.db()).await? {
        0 => Ok(()),
        under_way => say!("Under way already: {}.", count(under_way, "job")),
    }
}
