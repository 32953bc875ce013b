//! Running jobs from which nothing comes any more. When a job begins to run it is noted when to look at it; whoever sweeps
//! then finds how long ago its last news really is, and marks it as silent or notes when to look again. So an event costs
//! nothing here, and the next one of a silent job takes the mark away (`state.rs`).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::db::{Log, Select, add_rows};
use crate::error::Cause;

/// Without news for so long, a running job is silent.
pub(super) const LIMIT: TimeDelta = TimeDelta::hours(1);
/// Between two sweeps.
const PAUSE: Duration = Duration::from_secs(10);
/// The most jobs that a sweep looks at in a transaction.
const MOST: i64 = 500;

/// Marks jobs as silent, for as long as the server runs. Several servers may do so over one database.
pub(crate) async fn watch(app: App) {
    let mut ticks = tokio::time::interval(PAUSE);
    loop {
        ticks.tick().await;
        if let Err(error) = sweep(&app).await {
            tracing::warn!(error = %Cause(&error), "could not look for jobs that are silent");
        }
    }
}

/// A job that is to be looked at.
#[derive(FromRow)]
struct Due {
    id: Uuid,
    /// When something came last, or it was opened.
    news_at: DateTime<Utc>,
}

/// Looks at all jobs that it is time to look at.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    // Usually there are none, and then nobody has to wait for us.
    while has_due(app).await? && sweep_some(app).await? {}
    Ok(())
}

async fn has_due(app: &App) -> sqlx::Result<bool> {
    let due: Vec<(Uuid,)> = Select::new("select id from jobs")
        .bind(" where silence_due <= ", app.clock().now())
        .push(" limit 1")
        .fetch_all(app.db())
        .await?;
    Ok(!due.is_empty())
}

/// False: there were none, or others look at them.
async fn sweep_some(app: &App) -> sqlx::Result<bool> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let lock = tx.lock_clause(" for no key update of jobs skip locked");
    let due: Vec<Due> = Select::new("select id, coalesce(last_event_at, created_at) as news_at from jobs")
        .bind(" where silence_due <= ", now)
        .bind(" order by silence_due limit ", MOST)
        .push(lock)
        .fetch_all(&mut tx)
        .await?;
    let mut batch = tx.batch();
    // Several jobs change: nobody else counts meanwhile.
    batch.take_positions(Log::Events, 0);
    let update =
        "update jobs set silent_since = v.silent_since, silence_due = v.silence_due from v where jobs.id = v.id";
    let is_silent = |job: &Due| job.news_at + LIMIT <= now;
    add_rows!(batch, update, due, |job| {
        id: job.id,
        silent_since: is_silent(job).then_some(job.news_at),
        silence_due: (!is_silent(job)).then_some(job.news_at + LIMIT),
    });
    if due.is_empty() {
        return Ok(false);
    }
    batch.run(&mut tx).await?;
    tx.commit().await?;
    Ok(true)
}
