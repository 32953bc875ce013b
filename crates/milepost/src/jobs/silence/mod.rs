//! Running jobs from which nothing comes any more. When a job begins to run it is noted when to look at it; whoever sweeps
//! then finds how long ago its last news really is, and marks it as silent or notes when to look again (`schedule.rs`).
//! So an event costs nothing here, and the next one of a silent job takes the mark away (`state.rs`).
//!
//! What is looked at is read beside those who write; the verdict is written if nothing has come meanwhile and nobody else
//! has looked, so that of several servers one records it. A mark is an entry in the log of all events, over which streams
//! resume (`live/log.rs`).

mod limits;
mod schedule;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::state::load_step_states;
use crate::app::App;
use crate::auth::ProviderId;
use crate::db::{BACKGROUND, Log, Select, Tx, add_rows, fetch_for_rows, on};
use crate::error::Cause;
use crate::values::Tag;
use limits::ConfigurationLimits;
pub use limits::StepLimits;
pub use schedule::LEAST as LEAST_LIMIT;
pub(super) use schedule::first_look;
use schedule::{Reported, Verdict, look};

/// Between two sweeps.
const PAUSE: Duration = Duration::from_secs(10);
/// The most jobs that a sweep looks at in a transaction.
const MOST: i64 = 200;
/// How long it is kept in the log that a job was found to be silent.
const SILENCES_KEPT: TimeDelta = TimeDelta::days(7);

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
#[derive(Debug, FromRow)]
struct Due {
    id: Uuid,
    provider_id: Uuid,
    job_configuration_id: Uuid,
    /// When something came last, or it was opened.
    news_at: DateTime<Utc>,
    /// Changes with every event.
    last_sequence: i64,
    /// When it is to be looked at; changes with every look.
    look_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct JobId {
    id: Uuid,
}

/// Looks at all jobs that it is time to look at.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    // Usually there are none, and then nobody has to wait for us.
    while app.db().within(BACKGROUND, sweep_some(app)).await? {}
    Ok(())
}

/// False: there were none, or others look at them.
async fn sweep_some(app: &App) -> sqlx::Result<bool> {
    let now = app.clock().now();
    let due: Vec<Due> = Select::new(
        "select id, provider_id, job_configuration_id, coalesce(last_event_at, created_at) as news_at, last_sequence,
             silence_due as look_at from jobs",
    )
    .bind(" where silence_due <= ", now)
    .bind(" order by silence_due limit ", MOST)
    .fetch_all(app.db())
    .await?;
    if due.is_empty() {
        return Ok(false);
    }
    let verdicts = look_at(app, &due, now).await?;
    let mut tx = app.db().begin().await?;
    let unchanged = lock_unchanged(&mut tx, &due).await?;
    let looked_at: Vec<(&Due, Verdict)> =
        due.iter().zip(verdicts).filter(|(job, _)| unchanged.contains(&job.id)).collect();
    write_down(&mut tx, &looked_at, now).await?;
    tx.commit().await?;
    Ok(!looked_at.is_empty())
}

/// What is to be said of each job.
async fn look_at(app: &App, due: &[Due], now: DateTime<Utc>) -> sqlx::Result<Vec<Verdict>> {
    let limits = limits::load(app, &due.iter().map(|job| job.job_configuration_id).collect()).await?;
    let mut steps: HashMap<(Uuid, Uuid), Reported> = HashMap::new();
    for step in load_step_states(app.db(), due.iter().map(|job| job.id)).await? {
        steps.insert((step.job_id, step.step_configuration_id), Reported::from(&step.summary()));
    }
    let verdict = |job: &Due| {
        let ConfigurationLimits { steps: configured, limits } = limits.get(&job.job_configuration_id)?;
        let reported: Vec<Option<Reported>> =
            configured.iter().map(|step| steps.get(&(job.id, step.step_id)).copied()).collect();
        Some(look(now, job.news_at, limits, &reported))
    };
    // The limits of every configuration were asked for.
    Ok(due.iter().map(|job| verdict(job).unwrap_or(Verdict::LookAt(first_look(now)))).collect())
}

/// Keeps others from changing those jobs of which nothing has come since they were looked at, and at which nobody else has
/// looked.
async fn lock_unchanged(tx: &mut Tx, due: &[Due]) -> sqlx::Result<BTreeSet<Uuid>> {
    let lock = tx.lock_clause(" for no key update of jobs skip locked");
    let unchanged = format!(
        "select jobs.id from v join jobs on jobs.id = v.id
         where jobs.last_sequence = v.last_sequence and jobs.silence_due = v.silence_due{lock}"
    );
    let ids: Vec<JobId> = fetch_for_rows!(&mut *tx, &unchanged, due, |job| {
        id: job.id,
        last_sequence: job.last_sequence,
        silence_due: job.look_at,
    });
    Ok(ids.into_iter().map(|JobId { id }| id).collect())
}

async fn write_down(tx: &mut Tx, looked_at: &[(&Due, Verdict)], now: DateTime<Utc>) -> sqlx::Result<()> {
    let silent: Vec<&Due> =
        looked_at.iter().filter(|(_, verdict)| *verdict == Verdict::Silent).map(|(job, _)| *job).collect();
    let mut batch = tx.batch();
    if let Ok(count @ 1..) = i64::try_from(silent.len()) {
        // Several jobs change how they are: nobody else counts meanwhile.
        batch.take_positions(Log::Events, count);
        // Counted from the last position that is taken.
        let rows: Vec<(i64, &Due)> = (1 - count..).zip(silent).collect();
        let insert = "insert into silences (position, provider_id, job_id, silent_since, created_at)
             select positions.position + v.position, v.provider_id, v.job_id, v.silent_since, v.created_at
             from v, positions";
        add_rows!(batch, insert, rows, |row| {
            position: row.0,
            provider_id: row.1.provider_id,
            job_id: row.1.id,
            silent_since: row.1.news_at,
            created_at: now,
        });
    }
    let update =
        "update jobs set silent_since = v.silent_since, silence_due = v.silence_due from v where jobs.id = v.id";
    add_rows!(batch, update, looked_at, |row| {
        id: row.0.id,
        silent_since: (row.1 == Verdict::Silent).then_some(row.0.news_at),
        silence_due: match row.1 {
            Verdict::Silent => None,
            Verdict::LookAt(at) => Some(at),
        },
    });
    batch.run(tx).await.map(drop)
}

/// Lets all running jobs of a kind be looked at with the next sweep: what is set for them has changed.
pub(crate) async fn look_soon(app: &App, provider: ProviderId, tag: &Tag) -> sqlx::Result<()> {
    let jobs: Vec<JobId> = Select::new("select id from jobs")
        .bind(" where status = 'running' and silence_due is not null and provider_id = ", provider.id())
        .bind(
            " and job_configuration_id in (select c.id from job_configurations c where c.provider_id = jobs.provider_id
                 and c.tag = ",
            tag.to_string(),
        )
        .push(") order by id")
        .fetch_all(app.db())
        .await?;
    let now = app.clock().now();
    for some in jobs.chunks(usize::try_from(MOST).unwrap_or(usize::MAX)) {
        let mut tx = app.db().begin().await?;
        let lock = tx.lock_clause(" for no key update of jobs");
        let running = format!(
            "select jobs.id from v join jobs on jobs.id = v.id where jobs.silence_due is not null order by jobs.id{lock}"
        );
        let running: Vec<JobId> = fetch_for_rows!(&mut tx, &running, some, |job| { id: job.id });
        let mut batch = tx.batch();
        let update = "update jobs set silence_due = v.silence_due from v where jobs.id = v.id";
        add_rows!(batch, update, running, |job| { id: job.id, silence_due: now });
        batch.run(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Clears away what every stream has long been told.
pub(crate) async fn clear(tx: &mut Tx, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("delete from silences where created_at < $1").bind(now - SILENCES_KEPT).execute(c).await.map(drop)
    })
}
