//! `milepost rebuild`: recomputes all derived state from the events. It may run beside a server: each job is locked
//! while it is looked at.

use clap::Args;
use uuid::Uuid;

use super::{DatabaseArgs, Failure, Outcome};
use crate::jobs::rebuild::{job_ids_after, rebuild};

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
        let app = self.database.open().await?;
        let (mut jobs, mut mismatches) = (0_u64, 0_u64);
        let mut after = Uuid::nil();
        loop {
            let ids = job_ids_after(app.db(), after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            for id in ids {
                jobs += 1;
                for mismatch in rebuild(&app, id, !self.check).await? {
                    mismatches += 1;
                    println!("{}: {}", mismatch.job_id, mismatch.detail);
                }
            }
        }
        app.db().close().await;
        let mended = if self.check { "found" } else { "mended" };
        println!("{jobs} jobs recomputed, {mismatches} differences {mended}.");
        if self.check && mismatches > 0 {
            return Err(Failure(
                "the stored state differs from the events; run `milepost rebuild` to mend it".to_owned(),
            ));
        }
        Ok(())
    }
}
