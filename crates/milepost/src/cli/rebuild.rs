//! `milepost rebuild`: recomputes all derived state from the events: jobs and their steps, and how many events came in
//! each hour. It may run beside a server: each job is locked while it is mended.

use clap::Args;
use uuid::Uuid;

use super::{DatabaseArgs, Failure, Outcome};
use crate::events::hours;
use crate::jobs::rebuild::{check, job_ids_after, mend};

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
        let (mut jobs, mut differences) = (0_u64, 0_u64);
        let mut after = Uuid::nil();
        loop {
            let ids = job_ids_after(app.db(), after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            for id in ids {
                jobs += 1;
                let differing = if self.check { check(&app, id).await? } else { mend(&app, id).await? };
                for difference in differing {
                    differences += 1;
                    println!("job {id}: {difference}");
                }
            }
        }
        for provider in hours::provider_ids(app.db()).await? {
            let differing =
                if self.check { hours::check(&app, provider).await? } else { hours::mend(&app, provider).await? };
            for difference in differing {
                differences += 1;
                println!("provider {provider}: {difference}");
            }
        }
        app.db().close().await;
        let mended = if self.check { "found" } else { "mended" };
        println!("{jobs} jobs recomputed, {differences} differences {mended}.");
        if self.check && differences > 0 {
            return Err(Failure(
                "what is stored differs from what the events say; `milepost rebuild` mends it".to_owned(),
            ));
        }
        Ok(())
    }
}
