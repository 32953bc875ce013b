//! How long the finished steps of jobs took, and how long the jobs went on from there: of each job a row for each finished
//! step, and one for the whole of it once it is completed. The expected end, the limits of silence and the charts of steps
//! are computed from them.
//!
//! They follow from the state of a job alone (`durations_of`) and change with steps that nobody reports on just now, so
//! they are not written with the events. A follower reads the log of all events a moment later, and writes what differs
//! for the jobs that it meets there; how far it has got is in its row of `followers`, and moves with what it writes. Nobody
//! waits while it reads: it then writes only for jobs that have had no event since, and meets the others again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::sleep;
use uuid::Uuid;

use crate::app::App;
use crate::configurations::Step;
use crate::db::{BACKGROUND, Batch, Db, Log, On, Select, Tx, add_rows, expect_rows, log_position, on, sql};
use crate::error::{Cause, Result};
use crate::jobs::rebuild::differing_fields;
use crate::jobs::state;
use crate::progress::{StepSummary, view_steps};

/// Its row of `followers`.
const FOLLOWER: &str = "durations";
/// Between two looks, however much is reported.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two transactions, so that those who wait come first.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// How long another server that was faster is left alone with it.
const OTHERS_TURN: Duration = Duration::from_secs(10);
/// How many events are read at once.
const PAGE: i64 = 5_000;
/// The most jobs that are looked at for a transaction.
const JOBS: usize = 200;
/// The most rows that a transaction writes.
const ROWS: usize = 2_000;
/// In place of a step: the job as a whole.
pub const WHOLE_JOB: Uuid = Uuid::nil();

/// How long a finished step took, or a completed job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct StoredDuration {
    job_id: Uuid,
    step_configuration_id: Uuid,
    customer_link_id: Option<Uuid>,
    finished_at: DateTime<Utc>,
    /// Microseconds.
    duration: i64,
    /// Microseconds from here to the end of the job, once it is completed; below zero for a step that was finished later.
    remaining: Option<i64>,
}

const COLUMNS: &str = "job_id, step_configuration_id, customer_link_id, finished_at, duration, remaining";

/// What the durations of a job depend on besides its steps.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct JobTimes {
    pub(crate) id: Uuid,
    pub(crate) customer_link_id: Option<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) last_sequence: i64,
}

/// The durations of a job, whose steps may come in any order.
fn durations_of(job: &JobTimes, steps: &[(Uuid, &StepSummary)]) -> Vec<StoredDuration> {
    let row = |step: Uuid, from: DateTime<Utc>, to: DateTime<Utc>| StoredDuration {
        job_id: job.id,
        step_configuration_id: step,
        customer_link_id: job.customer_link_id,
        finished_at: to,
        duration: micros(from, to),
        remaining: job.finished_at.map(|end| micros(to, end)),
    };
    let summaries: Vec<Option<&StepSummary>> = steps.iter().map(|(_, summary)| Some(*summary)).collect();
    // Whether the job is complete makes no difference to the times of its steps.
    let views = view_steps(job.created_at, job.finished_at.is_some(), &summaries);
    let of_steps = steps.iter().zip(views).filter_map(|((id, _), view)| {
        let (from, to) = view.started_at.zip(view.finished_at)?;
        Some(row(*id, from, to))
    });
    let of_job = job
        .started_at
        .zip(job.finished_at)
        .map(|(from, to)| StoredDuration { remaining: Some(micros(from, to)), ..row(WHOLE_JOB, from, to) });
    of_steps.chain(of_job).collect()
}

fn micros(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    // There is none for some 292,000 years only.
    (to - from).num_microseconds().unwrap_or(i64::MAX)
}

/// Follows the log for as long as the server runs. Several servers may do so over one database.
pub(crate) async fn follow(app: App) {
    loop {
        let begun = Instant::now();
        let pause = match app.db().within(BACKGROUND, Box::pin(follow_page(&app))).await {
            Ok(Followed::Everything) => PAUSE,
            // After an upgrade there may be all events there are: others come first half of the time.
            Ok(Followed::SoFar) => begun.elapsed().max(SHORTEST_PAUSE),
            Ok(Followed::ByAnother) => OTHERS_TURN,
            Err(error) => {
                tracing::warn!(error = %Cause(&error), "could not keep how long steps took");
                PAUSE
            }
        };
        sleep(pause).await;
    }
}

/// Follows the log to where it is now. For tests, and for whoever is about to compare.
pub async fn catch_up(app: &App) -> sqlx::Result<()> {
    loop {
        match follow_page(app).await? {
            Followed::Everything => return Ok(()),
            Followed::SoFar => {}
            Followed::ByAnother => sleep(SHORTEST_PAUSE).await,
        }
    }
}

/// How far the log has been followed.
enum Followed {
    /// To its end, as it was when it was looked at.
    Everything,
    /// A page of it: there is more.
    SoFar,
    /// Another server was faster.
    ByAnother,
}

/// Reads a page of the log and writes what follows from it.
async fn follow_page(app: &App) -> sqlx::Result<Followed> {
    // What has a place up to here can be read from here on. Not every place is an event's.
    let newest = log_position(app.db(), Log::Events).await?;
    let mut position = follower_position(app.db()).await?;
    if position >= newest {
        return Ok(Followed::Everything);
    }
    let events: Vec<(i64, Uuid)> = Select::new("select position, job_id from events")
        .bind(" where position > ", position)
        .bind(" and position <= ", newest)
        .bind(" order by position limit ", PAGE)
        .fetch_all(app.db())
        .await?;
    let is_more = i64::try_from(events.len()).is_ok_and(|count| count == PAGE);
    let end = events.last().filter(|_| is_more).map_or(newest, |(last, _)| *last);
    let mut met = HashSet::new();
    let jobs: Vec<(i64, Uuid)> = events.into_iter().filter(|(_, job_id)| met.insert(*job_id)).collect();
    // The beginning of each part, behind which the one before it has got everything.
    let mut parts = jobs.chunks(JOBS).peekable();
    loop {
        let part = parts.next().unwrap_or_default();
        let upto = parts.peek().and_then(|next| next.first()).map_or(end, |(first, _)| first - 1);
        let ids: Vec<Uuid> = part.iter().map(|(_, job_id)| *job_id).collect();
        let changes = find_readable_changes(app.db(), &ids).await?;
        if !write_all(app.db(), changes, position, upto).await? {
            return Ok(Followed::ByAnother);
        }
        position = upto;
        if parts.peek().is_none() {
            return Ok(if is_more { Followed::SoFar } else { Followed::Everything });
        }
        sleep(SHORTEST_PAUSE).await;
    }
}

/// Up to where all events have been met.
pub(crate) async fn follower_position<'a>(on: impl Into<On<'a>>) -> sqlx::Result<i64> {
    on!(on.into(), |c| {
        sqlx::query_scalar("select position from followers where follower = $1").bind(FOLLOWER).fetch_one(c).await
    })
}

/// Where what is stored differs from the state of jobs.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// To be written, each with the last sequence that its job had.
    written: Vec<(i64, StoredDuration)>,
    /// To be deleted, likewise.
    deleted: Vec<(i64, StoredDuration)>,
    /// What is stored in place of those to be written.
    replaced: Vec<StoredDuration>,
}

impl Changes {
    /// Of one job.
    fn of(job: &JobTimes, stored: Vec<StoredDuration>, computed: Vec<StoredDuration>) -> Self {
        let mut stored: HashMap<Uuid, StoredDuration> =
            stored.into_iter().map(|row| (row.step_configuration_id, row)).collect();
        let mut changes = Self::default();
        for row in computed {
            let before = stored.remove(&row.step_configuration_id);
            if before.as_ref() != Some(&row) {
                changes.written.push((job.last_sequence, row));
                changes.replaced.extend(before);
            }
        }
        changes.deleted = stored.into_values().map(|row| (job.last_sequence, row)).collect();
        changes
    }

    fn append(&mut self, mut others: Self) {
        self.written.append(&mut others.written);
        self.deleted.append(&mut others.deleted);
        self.replaced.append(&mut others.replaced);
    }

    /// Writes them for jobs that are still as they were, into which customer's hands they may have come meanwhile.
    pub(crate) fn add_to(&self, batch: &mut Batch) {
        // In the order of their ids, as whoever locks several jobs; only deletion and a change of hands wait for it.
        let lock = batch.lock_clause(" for key share of jobs");
        let write = format!(
            "insert into durations
                 (job_id, step_configuration_id, job_configuration_id, provider_id, customer_link_id, finished_at,
                  duration, remaining)
             select v.job_id, v.step_configuration_id, jobs.job_configuration_id, jobs.provider_id,
                 jobs.customer_link_id, v.finished_at, v.duration, v.remaining
             from v join jobs on jobs.id = v.job_id and jobs.last_sequence = v.last_sequence
             where true order by jobs.id{lock}
             on conflict (job_id, step_configuration_id) do update set customer_link_id = excluded.customer_link_id,
                 finished_at = excluded.finished_at, duration = excluded.duration, remaining = excluded.remaining"
        );
        add_rows!(*batch, &write, self.written, |row| {
            job_id: row.1.job_id,
            last_sequence: row.0,
            step_configuration_id: row.1.step_configuration_id,
            finished_at: row.1.finished_at,
            duration: row.1.duration,
            remaining: row.1.remaining,
        });
        let delete = "delete from durations where (job_id, step_configuration_id) in
                 (select v.job_id, v.step_configuration_id from v
                  join jobs on jobs.id = v.job_id and jobs.last_sequence = v.last_sequence)";
        add_rows!(*batch, delete, self.deleted, |row| {
            job_id: row.1.job_id,
            last_sequence: row.0,
            step_configuration_id: row.1.step_configuration_id,
        });
    }

    /// A line for each difference, of a job with these steps.
    pub(crate) fn lines(&self, steps: &[Step]) -> Result<Vec<String>> {
        let name = |row: &StoredDuration| match steps.iter().find(|step| step.id == row.step_configuration_id) {
            Some(step) => format!("duration of step {}", step.tag),
            None => "duration of the job".to_owned(),
        };
        let mut lines = Vec::new();
        for (_, row) in &self.written {
            let is_before = |before: &&StoredDuration| before.step_configuration_id == row.step_configuration_id;
            match self.replaced.iter().find(is_before) {
                Some(before) => lines.extend(differing_fields(&name(row), before, row)?),
                None => lines.push(format!("{}: is not stored, but events say that it has ended", name(row))),
            }
        }
        let deleted = self.deleted.iter().map(|(_, row)| name(row));
        lines.extend(deleted.map(|name| format!("{name}: is stored, but events say that it has not ended")));
        Ok(lines)
    }
}

/// Reads jobs and finds what is to be written of them.
async fn find_changes(db: &Db, ids: &[Uuid]) -> sqlx::Result<Changes> {
    let mut changes = Changes::default();
    if ids.is_empty() {
        return Ok(changes);
    }
    // The jobs first: who has no event after this is as read below.
    let jobs: Vec<JobTimes> =
        Select::new("select id, customer_link_id, created_at, started_at, finished_at, last_sequence from jobs")
            .bind_all(" where id", ids.iter().copied())
            .fetch_all(db)
            .await?;
    let mut steps: HashMap<Uuid, Vec<(Uuid, StepSummary)>> = HashMap::new();
    for step in state::load_step_states(db, ids.iter().copied()).await? {
        steps.entry(step.job_id).or_default().push((step.step_configuration_id, step.summary()));
    }
    let mut stored: BTreeMap<Uuid, Vec<StoredDuration>> = BTreeMap::new();
    let rows: Vec<StoredDuration> = Select::new(format!("select {COLUMNS} from durations"))
        .bind_all(" where job_id", ids.iter().copied())
        .fetch_all(db)
        .await?;
    for row in rows {
        stored.entry(row.job_id).or_default().push(row);
    }
    for job in jobs {
        let steps = steps.remove(&job.id).unwrap_or_default();
        let steps: Vec<(Uuid, &StepSummary)> = steps.iter().map(|(id, summary)| (*id, summary)).collect();
        let stored = stored.remove(&job.id).unwrap_or_default();
        changes.append(Changes::of(&job, stored, durations_of(&job, &steps)));
    }
    Ok(changes)
}

/// The same without jobs whose state cannot be read: they are for `milepost rebuild` to mend, and keep nobody up.
async fn find_readable_changes(db: &Db, ids: &[Uuid]) -> sqlx::Result<Changes> {
    match find_changes(db, ids).await {
        Err(sqlx::Error::ColumnDecode { .. }) => {}
        found => return found,
    }
    let mut changes = Changes::default();
    for id in ids {
        match find_changes(db, &[*id]).await {
            Err(sqlx::Error::ColumnDecode { index, .. }) => {
                tracing::warn!(job = %id, column = index, "a job cannot be read; `milepost rebuild` mends it");
            }
            found => changes.append(found?),
        }
    }
    Ok(changes)
}

/// Writes changes in transactions of a bounded size, the last of which moves the follower on from where it was. False:
/// somebody else has moved it.
async fn write_all(db: &Db, mut changes: Changes, position: i64, upto: i64) -> sqlx::Result<bool> {
    while changes.written.len() > ROWS {
        let first = Changes { written: changes.written.drain(..ROWS).collect(), ..Changes::default() };
        if !write(db, &first, position, position).await? {
            return Ok(false);
        }
        sleep(SHORTEST_PAUSE).await;
    }
    write(db, &changes, position, upto).await
}

/// Writes changes and moves the follower on from where it was. False: somebody else has moved it, and nothing is written.
async fn write(db: &Db, changes: &Changes, position: i64, upto: i64) -> sqlx::Result<bool> {
    let mut batch = db.batch();
    let lock = batch.lock_clause(" for update of followers skip locked");
    let is_there = format!(
        "select followers.position from v
         join followers on followers.follower = v.follower and followers.position = v.position{lock}"
    );
    expect_rows!(batch, 1, is_there, [position], |at| { follower: FOLLOWER, position: *at });
    changes.add_to(&mut batch);
    let advance = "update followers set position = v.position from v where followers.follower = v.follower";
    add_rows!(batch, advance, [upto], |at| { follower: FOLLOWER, position: *at });
    db.write(batch).await
}

/// Where what is stored of a job differs from what its events say; nothing if it has events behind those that the follower
/// has met.
pub(crate) async fn compare(
    tx: &mut Tx,
    job: &JobTimes,
    steps: &[(Uuid, &StepSummary)],
    met: i64,
) -> sqlx::Result<Changes> {
    let ahead: Vec<(i64,)> = Select::new("select position from events")
        .bind(" where job_id = ", job.id)
        .bind(" and position > ", met)
        .push(" limit 1")
        .fetch_all(&mut *tx)
        .await?;
    if !ahead.is_empty() {
        return Ok(Changes::default());
    }
    let stored = Select::new(format!("select {COLUMNS} from durations")).bind(" where job_id = ", job.id);
    Ok(Changes::of(job, stored.fetch_all(tx).await?, durations_of(job, steps)))
}

/// Keeps the follower from writing what it has read before: it goes one place back and reads again. To be called before
/// jobs are locked whose state changes otherwise than by an event. Gives up to where it has met all events.
pub(crate) async fn disturb_follower(tx: &mut Tx) -> sqlx::Result<i64> {
    on!(tx, |c| {
        sqlx::query_scalar("update followers set position = position - 1 where follower = $1 returning position + 1")
            .bind(FOLLOWER)
            .fetch_one(c)
            .await
    })
}

/// For whom a job is, changed with the job.
pub(crate) async fn hand_over(tx: &mut Tx, job_id: Uuid, link: Option<Uuid>) -> sqlx::Result<()> {
    // Whoever is writing its durations has written them before, or does so for the new customer.
    let lock = tx.lock_clause(" for update of jobs");
    on!(&mut *tx, |c| {
        sqlx::query_scalar::<_, Uuid>(sql!("select id from jobs where id = $1{lock}"))
            .bind(job_id)
            .fetch_optional(c)
            .await
    })?;
    on!(tx, |c| {
        sqlx::query("update durations set customer_link_id = $2 where job_id = $1")
            .bind(job_id)
            .bind(link)
            .execute(c)
            .await
            .map(drop)
    })
}

/// Deletes what is stored of a job that is being deleted, which is locked.
pub(crate) async fn forget(tx: &mut Tx, job_id: Uuid) -> sqlx::Result<()> {
    on!(tx, |c| sqlx::query("delete from durations where job_id = $1").bind(job_id).execute(c).await.map(drop))
}
