//! How many jobs of a provider are how, and how many finished in each quarter of an hour: counted by triggers with every
//! change of a job, so that nobody has to count them.

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::auth::ProviderId;
use crate::db::{Log, Tx, add_rows, on, sql};
use crate::error::Result;

/// The jobs of a provider in numbers.
#[derive(Debug, Clone, Copy, FromRow)]
pub(super) struct JobCounts {
    /// Running.
    pub(super) running: i64,
    /// Of these, without news for too long.
    pub(super) silent: i64,
    /// In error.
    pub(super) in_error: i64,
    /// Finished since the time asked for, those among them that were deleted meanwhile.
    pub(super) finished: i64,
}

/// The numbers of a provider; jobs count as finished from a time on.
pub(super) async fn load(tx: &mut Tx, provider: ProviderId, since: DateTime<Utc>) -> sqlx::Result<JobCounts> {
    // Whole quarters are counted; only in the first may jobs have finished too early.
    let first_whole = quarter_of(since + QUARTER - TimeDelta::microseconds(1));
    on!(tx, |c| {
        sqlx::query_as(
            "select coalesce((select jobs from job_counts where provider_id = $1 and what = 'running'), 0) as running,
                 coalesce((select jobs from job_counts where provider_id = $1 and what = 'silent'), 0) as silent,
                 coalesce((select jobs from job_counts where provider_id = $1 and what = 'error'), 0) as in_error,
                 cast(coalesce((select sum(finished) from job_quarters where provider_id = $1 and quarter >= $3), 0)
                     as bigint)
                 + (select count(*) from jobs where provider_id = $1 and finished_at is not null
                       and finished_at >= $2 and finished_at < $3)
                 + (select count(*) from deleted_jobs d where d.provider_id = $1 and d.finished_at >= $2
                       and d.finished_at < $3 and not exists (select 1 from jobs where jobs.id = d.id)) as finished",
        )
        .bind(provider.id())
        .bind(since)
        .bind(first_whole)
        .fetch_one(c)
        .await
    })
}

const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// The beginning of the quarter of an hour, UTC.
fn quarter_of(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(QUARTER).unwrap_or(time)
}

/// Counts a provider's jobs again and changes nothing; gives a line for every difference.
pub async fn check(app: &App, provider_id: Uuid) -> Result<Vec<String>> {
    let mut snapshot = app.db().begin_reading().await?;
    Ok(Differences::find(&mut snapshot, provider_id).await?.lines())
}

/// Counts a provider's jobs again and mends what is stored; gives a line for every difference. If there is any, no
/// event is written while it is found again: those that wait for longer than 5 seconds get 503.
pub async fn mend(app: &App, provider_id: Uuid) -> Result<Vec<String>> {
    // On SQLite nobody else can write while we count, so first without keeping anybody from it.
    if check(app, provider_id).await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = app.db().begin().await?;
    // Whoever changes several jobs does so too, and another rebuild: we are the only ones that count.
    tx.take_positions(Log::Events, 0).await?;
    let found = Differences::find(&mut tx, provider_id).await?;
    let mut batch = tx.batch();
    let add = "insert into job_counts (provider_id, what, jobs) select v.* from v where true
        on conflict (provider_id, what) do update set jobs = job_counts.jobs + excluded.jobs";
    add_rows!(batch, add, found.counts, |count| {
        provider_id: provider_id,
        what: count.what.as_str(),
        jobs: count.counted - count.stored,
    });
    let add = "insert into job_quarters (provider_id, quarter, finished) select v.* from v where true
        on conflict (provider_id, quarter) do update set finished = job_quarters.finished + excluded.finished";
    add_rows!(batch, add, found.quarters, |count| {
        provider_id: provider_id,
        quarter: count.quarter,
        finished: count.counted - count.stored,
    });
    batch.run(&mut tx).await?;
    tx.commit().await?;
    Ok(found.lines())
}

/// What is stored beside what there is, where the two differ.
struct Differences {
    counts: Vec<Count>,
    quarters: Vec<QuarterCount>,
}

#[derive(FromRow)]
struct Count {
    what: String,
    stored: i64,
    counted: i64,
}

#[derive(FromRow)]
struct QuarterCount {
    quarter: DateTime<Utc>,
    stored: i64,
    counted: i64,
}

impl Differences {
    /// Each in one statement, which sees jobs and what is counted of them at the same moment.
    async fn find(tx: &mut Tx, provider_id: Uuid) -> sqlx::Result<Self> {
        let sums = "cast(sum(stored) as bigint) as stored, cast(sum(counted) as bigint) as counted";
        let counts = on!(&mut *tx, |c| {
            sqlx::query_as(sql!(
                "select what, {sums} from (
                     select status as what, 0 as stored, 1 as counted from jobs
                     where provider_id = $1 and status in ('running', 'error')
                     union all select 'silent', 0, 1 from jobs where provider_id = $1 and silent_since is not null
                     union all select what, jobs, 0 from job_counts where provider_id = $1) as both_sides
                 group by what having sum(stored) <> sum(counted) order by what"
            ))
            .bind(provider_id)
            .fetch_all(c)
            .await
        })?;
        let quarter = tx.quarter_of("finished_at");
        let quarters = on!(tx, |c| {
            sqlx::query_as(sql!(
                "select quarter, {sums} from (
                     select {quarter} as quarter, 0 as stored, 1 as counted from jobs
                     where provider_id = $1 and finished_at is not null
                     union all
                     select {quarter}, 0, 1 from deleted_jobs d where provider_id = $1 and finished_at is not null
                         and not exists (select 1 from jobs where jobs.id = d.id)
                     union all
                     select quarter, finished, 0 from job_quarters where provider_id = $1) as both_sides
                 group by quarter having sum(stored) <> sum(counted) order by quarter"
            ))
            .bind(provider_id)
            .fetch_all(c)
            .await
        })?;
        Ok(Self { counts, quarters })
    }

    fn lines(&self) -> Vec<String> {
        let counts = self.counts.iter().map(|Count { what, stored, counted }| {
            format!("jobs that are {what}: {stored} are counted, there are {counted}")
        });
        let quarters = self.quarters.iter().map(|QuarterCount { quarter, stored, counted }| {
            let quarter = quarter.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("quarter of an hour {quarter}: {stored} finished jobs are counted, there are {counted}")
        });
        counts.chain(quarters).collect()
    }
}
