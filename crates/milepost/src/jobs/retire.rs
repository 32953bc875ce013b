//! Jobs that are kept no longer: anonymised or deleted, because they are old or because somebody is erased.
//!
//! First a job's row is marked and loses what names a person, in one transaction with many others; from then on it takes
//! no events and can only be read. Then [`finish`] goes through the events of marked jobs in transactions of a bounded
//! size. The mark and how far it has got are in the job's row, so that whoever comes next goes on where a killed process
//! stopped, and two processes take turns.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::queries::search_text;
use super::state;
use crate::app::App;
use crate::audit::{self, Action, Actor, Entry};
use crate::config::RetentionAction;
use crate::db::{BACKGROUND, Log, Select, Tx, on, record_access_changes, sql};
use crate::durations;
use crate::error::Result;
use crate::events::hours::{self, EventHour};
use crate::rollups::{self, Additions};

/// The most jobs that are marked in a transaction.
pub const BATCH: i64 = 200;
/// About how many rows of events and steps a transaction changes: others wait for it.
const ROWS: i64 = 1_000;
/// Between two transactions, so that those who wait come first.
pub const PAUSE: Duration = Duration::from_millis(10);

/// What decides whether a job is retired; read under its lock.
#[derive(Debug, sqlx::FromRow)]
pub struct Candidate {
    /// The job.
    pub id: Uuid,
    /// Whose it is.
    pub provider_id: Uuid,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was completed.
    pub finished_at: Option<DateTime<Utc>>,
    /// When its last event arrived.
    pub last_event_at: Option<DateTime<Utc>>,
    /// Since when it names nobody.
    pub anonymised_at: Option<DateTime<Utc>>,
    /// What is under way with it.
    pub retiring: Option<RetentionAction>,
    customer_id: Option<Uuid>,
    configuration_name: String,
}

/// Why jobs are retired.
#[derive(Debug, Clone, Copy)]
pub enum Because<'a> {
    /// These of a provider are old: the audit log has an entry of its own for it.
    TheyAreOld {
        /// The provider.
        provider_id: Uuid,
        /// Who goes by the setting.
        actor: &'a Actor,
    },
    /// Somebody is erased, which the audit log has as one act.
    OfAnErasure,
}

/// Marks those of some jobs that are to be retired, and takes what names a person from their rows. Gives how many.
pub async fn mark(
    app: &App,
    mut ids: Vec<Uuid>,
    action: RetentionAction,
    because: Because<'_>,
    is_wanted: impl Fn(&Candidate) -> bool,
) -> Result<Marked> {
    // As whoever reports events of many jobs locks them.
    ids.sort_unstable();
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let (marked, concerned) = mark_in(app, &mut tx, &ids, action, is_wanted, now).await?;
    if let (1.., Because::TheyAreOld { provider_id, actor }) = (marked.jobs, because) {
        let done = match action {
            RetentionAction::Anonymise => "anonymise",
            RetentionAction::Delete => "delete",
        };
        let entry = Entry::new(Action::JobsRetired, provider_id).with("action", done).with("jobs", marked.jobs);
        audit::record(app, &mut tx, actor, entry).await?;
    }
    record_access_changes(&mut tx, concerned, now).await?;
    tx.commit().await?;
    Ok(marked)
}

/// How many jobs were marked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marked {
    /// All of them.
    pub jobs: u64,
    /// Those that were not finished.
    pub under_way: u64,
}

impl std::ops::AddAssign for Marked {
    fn add_assign(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.under_way += other.under_way;
    }
}

async fn mark_in(
    app: &App,
    tx: &mut Tx,
    ids: &[Uuid],
    action: RetentionAction,
    is_wanted: impl Fn(&Candidate) -> bool,
    now: DateTime<Utc>,
) -> Result<(Marked, BTreeSet<Uuid>)> {
    let mut marked = Marked::default();
    let (mut concerned, mut sums, mut deleted) = (BTreeSet::new(), Additions::default(), Vec::new());
    for id in ids {
        let Some(job) = lock_candidate(tx, *id).await?.filter(&is_wanted) else { continue };
        if action == RetentionAction::Delete {
            leave_counts(tx, job.id, now).await?;
        }
        let before = state::find_job(tx, job.id).await?;
        clear_job(app, tx, &job, action, now).await?;
        if let Some((before, after)) = before.zip(state::find_job(tx, job.id).await?) {
            sums.add_job(&before, &after);
            deleted.extend((action == RetentionAction::Delete).then_some(after));
        }
        concerned.extend([Some(job.id), Some(job.provider_id), job.customer_id].into_iter().flatten());
        marked.jobs += 1;
        marked.under_way += u64::from(job.finished_at.is_none());
    }
    sums.write(tx).await?;
    rollups::leave(tx, &deleted).await?;
    Ok((marked, concerned))
}

async fn lock_candidate(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<Candidate>> {
    let lock = tx.lock_clause(" for update of jobs");
    on!(tx, |c| {
        sqlx::query_as(sql!(
            "select jobs.id, jobs.provider_id, jobs.created_at, jobs.finished_at, jobs.last_event_at,
                 jobs.anonymised_at, jobs.retiring, jobs.customer_id, c.name as configuration_name
             from jobs join job_configurations c on c.id = jobs.job_configuration_id where jobs.id = $1{lock}"
        ))
        .bind(id)
        .fetch_optional(c)
        .await
    })
}

/// Writes down what a job counts for; its errors are counted as its events go.
async fn leave_counts(tx: &mut Tx, job_id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "insert into deleted_jobs
                 (id, provider_id, customer_link_id, job_configuration_id, status, points_done, points_total,
                  steps_finished, events, errors, started_at, finished_at, deleted_at, created_at, updated_at)
             select id, provider_id, customer_link_id, job_configuration_id, status, points_done, points_total,
                 steps_finished, last_sequence, 0, started_at, finished_at, $2, created_at, $2
             from jobs where id = $1",
        )
        .bind(job_id)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}

/// Takes what names a person from a job's row, all but the customer link, which says whom to bill.
async fn clear_job(
    app: &App,
    tx: &mut Tx,
    job: &Candidate,
    action: RetentionAction,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let provider_job_id = format!("anonymised-{}", app.clock().new_id());
    on!(tx, |c| {
        sqlx::query(
            "update jobs set provider_job_id = $2, provider_job_name = $3, search_text = $4, customer_id = null,
                 anonymised_at = coalesce(anonymised_at, $5), retiring = $6, retired_sequence = 0, updated_at = $5
             where id = $1",
        )
        .bind(job.id)
        .bind(&provider_job_id)
        .bind(&job.configuration_name)
        .bind(search_text(&provider_job_id, &job.configuration_name))
        .bind(now)
        .bind(action)
        .execute(c)
        .await
        .map(drop)
    })
}

/// Ends what is under way with all marked jobs, whoever marked them.
pub async fn finish(app: &App) -> Result<()> {
    while app.db().within(BACKGROUND, finish_some(app)).await? {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Goes on with the first marked jobs, for about [`ROWS`] rows. False: there are none.
async fn finish_some(app: &App) -> Result<bool> {
    let ids: Vec<(Uuid,)> = Select::new("select id from jobs where retiring is not null")
        .bind(" order by id limit ", BATCH)
        .fetch_all(app.db())
        .await?;
    if ids.is_empty() {
        return Ok(false);
    }
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let mut done = Done::default();
    for (id,) in ids {
        if done.rows < ROWS {
            finish_job(&mut tx, id, ROWS - done.rows, &mut done, now).await?;
        }
    }
    if !done.deleted_jobs.is_empty() {
        // From here on nobody else counts.
        tx.take_positions(Log::Events, 0).await?;
    }
    for ((provider_id, _), hour) in &done.deleted {
        hours::count_deleted(app, &mut tx, *provider_id, *hour).await?;
    }
    for id in &done.deleted_jobs {
        durations::forget(&mut tx, *id).await?;
        on!(&mut tx, |c| sqlx::query("delete from jobs where id = $1").bind(id).execute(c).await.map(drop))?;
    }
    record_access_changes(&mut tx, done.concerned, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// What a transaction has done so far.
#[derive(Default)]
struct Done {
    rows: i64,
    /// By provider and hour, the order in which their counts are locked.
    deleted: BTreeMap<(Uuid, DateTime<Utc>), EventHour>,
    /// Of which nothing is left but their own rows.
    deleted_jobs: Vec<Uuid>,
    concerned: BTreeSet<Uuid>,
}

#[derive(sqlx::FromRow)]
struct JobToRetire {
    provider_id: Uuid,
    retiring: RetentionAction,
    retired_sequence: i64,
    last_sequence: i64,
}

async fn finish_job(tx: &mut Tx, id: Uuid, most: i64, done: &mut Done, now: DateTime<Utc>) -> Result<()> {
    let lock = tx.lock_clause(" for update of jobs");
    let job: Option<JobToRetire> = on!(&mut *tx, |c| {
        sqlx::query_as(sql!(
            "select provider_id, retiring, retired_sequence, last_sequence from jobs
             where id = $1 and retiring is not null{lock}"
        ))
        .bind(id)
        .fetch_optional(c)
        .await
    })?;
    // Another process was first.
    let Some(job) = job else { return Ok(()) };
    let upto = job.last_sequence.min(job.retired_sequence + most);
    done.rows += upto - job.retired_sequence + 1;
    match job.retiring {
        RetentionAction::Anonymise => clear_events(tx, id, job.retired_sequence, upto, now).await?,
        RetentionAction::Delete => {
            let hours = hours::count_of_job(tx, id, job.retired_sequence, upto).await?;
            note_errors(tx, id, hours.iter().map(|hour| hour.errors).sum(), now).await?;
            for hour in hours {
                let sum = EventHour { hour: hour.hour, events: 0, errors: 0 };
                let sum = done.deleted.entry((job.provider_id, hour.hour)).or_insert(sum);
                sum.events += hour.events;
                sum.errors += hour.errors;
            }
            delete_events(tx, id, upto).await?;
        }
    }
    if upto < job.last_sequence {
        return Ok(note_progress(tx, id, upto).await?);
    }
    match job.retiring {
        RetentionAction::Anonymise => done.rows += end_anonymising(tx, id, upto, now).await?,
        RetentionAction::Delete => {
            done.rows += delete_steps(tx, id).await?;
            done.deleted_jobs.push(id);
            done.concerned.extend([id, job.provider_id]);
        }
    }
    Ok(())
}

/// Takes from events what was said and measured; an event is called like its step then.
async fn clear_events(tx: &mut Tx, job_id: Uuid, after: i64, upto: i64, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "update events set event_metadata = null, idempotency_key = null, request_hash = null, updated_at = $4,
                 name = (select s.name from step_configurations s where s.id = events.step_configuration_id)
             where job_id = $1 and sequence > $2 and sequence <= $3",
        )
        .bind(job_id)
        .bind(after)
        .bind(upto)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}

async fn delete_events(tx: &mut Tx, job_id: Uuid, upto: i64) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("delete from events where job_id = $1 and sequence <= $2")
            .bind(job_id)
            .bind(upto)
            .execute(c)
            .await
            .map(drop)
    })
}

async fn note_errors(tx: &mut Tx, job_id: Uuid, errors: i64, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("update deleted_jobs set errors = errors + $2, updated_at = $3 where id = $1")
            .bind(job_id)
            .bind(errors)
            .bind(now)
            .execute(c)
            .await
            .map(drop)
    })
}

async fn note_progress(tx: &mut Tx, job_id: Uuid, upto: i64) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("update jobs set retired_sequence = $2 where id = $1")
            .bind(job_id)
            .bind(upto)
            .execute(c)
            .await
            .map(drop)
    })
}

/// Forgets what the steps measured, and that anything was under way. Gives how many rows that were.
async fn end_anonymising(tx: &mut Tx, job_id: Uuid, upto: i64, now: DateTime<Utc>) -> sqlx::Result<i64> {
    let steps = on!(&mut *tx, |c| {
        sqlx::query("update job_steps set metadata = '{}', updated_at = $2 where job_id = $1")
            .bind(job_id)
            .bind(now)
            .execute(c)
            .await
            .map(|result| result.rows_affected())
    })?;
    on!(tx, |c| {
        sqlx::query("update jobs set retiring = null, retired_sequence = $2 where id = $1")
            .bind(job_id)
            .bind(upto)
            .execute(c)
            .await
            .map(drop)
    })?;
    Ok(i64::try_from(steps).unwrap_or(i64::MAX))
}

/// Deletes the steps of a job whose events are gone. Gives how many rows that were.
async fn delete_steps(tx: &mut Tx, job_id: Uuid) -> sqlx::Result<i64> {
    let steps = on!(&mut *tx, |c| {
        sqlx::query("delete from job_steps where job_id = $1")
            .bind(job_id)
            .execute(c)
            .await
            .map(|result| result.rows_affected())
    })?;
    Ok(i64::try_from(steps).unwrap_or(i64::MAX))
}
