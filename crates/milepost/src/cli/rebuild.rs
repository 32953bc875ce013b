//! `milepost rebuild`: recomputes all derived state from the events: jobs, their steps and how long these took, how many
//! events came in each hour, how many jobs are how, and what is reported and billed. It may run beside a server: each job
//! is locked while it is mended.

use clap::Args;
use uuid::Uuid;

use super::terminal::{count, say};
use super::{DatabaseArgs, Failure, Outcome};
use crate::app::App;
use crate::durations;
use crate::error::{Error, Result};
use crate::events::hours;
use crate::jobs::counts;
use crate::jobs::rebuild::{check, job_ids_after, mend};
use crate::rollups;

/// How many jobs are listed at once.
const PAGE: i64 = 500;

#[derive(Debug, Args)]
pub(super) struct Rebuild {
    #[command(flatten)]
    database: DatabaseArgs,

    /// Report differences without mending them; exits with 1 if there are any
    #[arg(long)]
    check: bool,
}

impl Rebuild {
    pub(super) async fn run(self) -> Outcome {
        let app = self.database.open_existing().await?;
        if !self.check {
            // What is only late is no difference.
            durations::catch_up(&app).await?;
        }
        let (mut jobs, mut differences) = (0_u64, 0_u64);
        let mut after = Uuid::nil();
        loop {
            let ids = job_ids_after(app.db(), after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            for id in ids {
                jobs += 1;
                let done = if self.check { check(&app, id).await } else { mend(&app, id).await };
                let differing = done.map_err(|error| failed_at("job", id, error))?;
                for difference in differing {
                    differences += 1;
                    say!("job {id}: {difference}")?;
                }
            }
        }
        for provider in hours::provider_ids(app.db()).await? {
            let done =
                if self.check { check_counts(&app, provider).await } else { mend_counts(&app, provider).await };
            let differing = done.map_err(|error| failed_at("provider", provider, error))?;
            for difference in differing {
                differences += 1;
                say!("provider {provider}: {difference}")?;
            }
        }
        app.db().close().await;
        let mended = if self.check { "found" } else { "mended" };
        say!("{} recomputed, {} {mended}.", count(jobs, "job"), count(differences, "difference"))?;
        if self.check && differences > 0 {
            return Err(Failure(
                "what is stored differs from what the events say; `milepost rebuild` mends it".to_owned(),
            ));
        }
        Ok(())
    }
}

async fn check_counts(app: &App, provider: Uuid) -> Result<Vec<String>> {
    let checked = [
        hours::check(app, provider).await?,
        counts::check(app, provider).await?,
        rollups::check(app, provider).await?,
    ];
    Ok(checked.concat())
}

async fn mend_counts(app: &App, provider: Uuid) -> Result<Vec<String>> {
    let mended =
        [hours::mend(app, provider).await?, counts::mend(app, provider).await?, rollups::mend(app, provider).await?];
    Ok(mended.concat())
}

/// What keeps a job or a provider's counts from being recomputed.
fn failed_at(what: &str, id: Uuid, error: Error) -> Failure {
    Failure(format!("{what} {id}: {}", Failure::from(error)))
}
