//! What is reported and billed, summed up by quarters of an hour, by days and by months as events are written, so that nobody
//! has to read events for it. Each sum is kept for a customer and once more for all of them.
//!
//! What a job adds to the sums follows from its row, the rows of its steps and its errors. Whoever changes one of these
//! adds what the change adds; [`mend`] adds up everything anew.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Neg};

use chrono::{DateTime, Datelike, DurationRound, SecondsFormat, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::auth::ProviderId;
use crate::db::{Batch, Log, Select, Tx, add_rows, on, sql};
use crate::error::Result;
use crate::jobs::state::StoredJob;
use crate::progress::JobStatus;

/// The customer of jobs that are for nobody.
pub const NOBODY: Uuid = Uuid::nil();
/// All customers together.
pub const EVERYBODY: Uuid = Uuid::max();

/// How long the time of a sum is, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    /// As fine as time zones are.
    Quarter,
    Day,
    Month,
}

impl Grain {
    /// The beginning of the quarter, day or month that a time is in.
    pub(crate) fn start_of(self, time: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Quarter => time.duration_trunc(TimeDelta::minutes(15)).unwrap_or(time),
            Self::Day => time.duration_trunc(TimeDelta::days(1)).unwrap_or(time),
            Self::Month => {
                let day = Self::Day.start_of(time);
                day.with_day(1).unwrap_or(day)
            }
        }
    }
}

/// The columns of sums, in order.
pub(crate) const SUMS: [&str; 10] =
    ["running", "completed", "error", "abandoned", "finished", "failed", "hours", "steps", "points", "errors"];

/// What is summed up within some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
#[sqlx(default)]
pub struct Sums {
    /// Jobs opened within, that are running now.
    pub running: i64,
    /// Jobs opened within, that are completed now.
    pub completed: i64,
    /// Jobs opened within, that are in error now.
    pub error: i64,
    /// Jobs opened within, that were anonymised before they had ended: no news come of them any more.
    pub abandoned: i64,
    /// Jobs that finished within.
    pub finished: i64,
    /// Jobs in error, the last of whose errors was within.
    pub failed: i64,
    /// How long those that finished within went on, each in whole ten-thousandths of an hour.
    pub hours: i64,
    /// Steps that were finished within.
    pub steps: i64,
    /// What these are worth.
    pub points: i64,
    /// Errors within.
    pub errors: i64,
    /// Jobs opened within, that are pending now. Not kept with the others, so that opening a job waits for nobody: an index
    /// finds them.
    pub pending: i64,
}

impl Sums {
    /// Those that are kept, in the order of [`SUMS`], then the others.
    fn columns(&mut self) -> [&mut i64; 11] {
        let Self { running, completed, error, abandoned, finished, failed, hours, steps, points, errors, pending } =
            self;
        [running, completed, error, abandoned, finished, failed, hours, steps, points, errors, pending]
    }

    /// A step that was finished.
    fn step(points: i64) -> Self {
        Self { steps: 1, points, ..Self::default() }
    }

    fn errors(errors: i64) -> Self {
        Self { errors, ..Self::default() }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, mut other: Self) {
        self.columns().into_iter().zip(other.columns()).for_each(|(sum, other)| *sum += *other);
    }
}

impl Neg for Sums {
    type Output = Self;

    fn neg(mut self) -> Self {
        self.columns().into_iter().for_each(|sum| *sum = -*sum);
        self
    }
}

/// Where a sum stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    provider_id: Uuid,
    customer: Uuid,
    series: Series,
    start: DateTime<Utc>,
    configuration: Uuid,
}

/// Of what sums are, and of how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Series {
    /// By kinds of jobs.
    JobMonths,
    /// By kinds of jobs.
    JobDays,
    /// By kinds of jobs.
    JobQuarters,
    /// By kinds of steps.
    StepDays,
    /// By kinds of steps.
    StepQuarters,
}

impl Series {
    /// As it is called in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobMonths => "job_months",
            Self::JobDays => "job_days",
            Self::JobQuarters => "job_quarters",
            Self::StepDays => "step_days",
            Self::StepQuarters => "step_quarters",
        }
    }
}

/// By the kind of job or by the kind of step, which has it.
#[derive(Debug, Clone, Copy)]
enum By {
    Job,
    Step(Uuid),
}

/// What is to be added to the sums.
#[derive(Debug, Default)]
pub struct Additions(BTreeMap<Place, Sums>);

impl Additions {
    /// A job has changed: what it was before is given back.
    pub fn add_job(&mut self, before: &StoredJob, after: &StoredJob) {
        if before.outcome() != after.outcome() {
            self.add_outcome(before, Neg::neg);
            self.add_outcome(after, |sums| sums);
        }
    }

    /// When a step was finished has changed.
    pub fn add_finish(
        &mut self,
        job: &StoredJob,
        step: Uuid,
        points: i64,
        before: Option<DateTime<Utc>>,
        after: Option<DateTime<Utc>>,
    ) {
        if before == after {
            return;
        }
        for (finish, sums) in [(before, -Sums::step(points)), (after, Sums::step(points))] {
            if let Some(finish) = finish {
                self.add_of_step(job, Some(step), finish, sums);
            }
        }
    }

    /// Errors have come, of a step if one is named.
    pub fn add_errors(&mut self, job: &StoredJob, step: Option<Uuid>, at: DateTime<Utc>, errors: i64) {
        self.add_of_step(job, step, at, Sums::errors(errors));
    }

    /// Adds to what is summed up by jobs, and by steps if one is named.
    fn add_of_step(&mut self, job: &StoredJob, step: Option<Uuid>, at: DateTime<Utc>, sums: Sums) {
        self.add(job, By::Job, at, sums);
        if let Some(step) = step {
            self.add(job, By::Step(step), at, sums);
        }
    }

    fn add_outcome(&mut self, job: &StoredJob, sign: fn(Sums) -> Sums) {
        for (at, sums) in job.outcome().sums(job.created_at).into_iter().flatten() {
            self.add(job, By::Job, at, sign(sums));
        }
    }

    fn add(&mut self, job: &StoredJob, by: By, at: DateTime<Utc>, sums: Sums) {
        let (series, configuration): (&[(Series, Grain)], Uuid) = match by {
            By::Job => (
                &[
                    (Series::JobMonths, Grain::Month),
                    (Series::JobDays, Grain::Day),
                    (Series::JobQuarters, Grain::Quarter),
                ],
                job.job_configuration_id,
            ),
            By::Step(step) => (&[(Series::StepDays, Grain::Day), (Series::StepQuarters, Grain::Quarter)], step),
        };
        let customer = job.customer_link_id.unwrap_or(NOBODY);
        for (series, grain) in series {
            let start = grain.start_of(at);
            for customer in [customer, EVERYBODY] {
                let place = Place { provider_id: job.provider_id, customer, series: *series, start, configuration };
                *self.0.entry(place).or_default() += sums;
            }
        }
    }

    /// Adds what all the rows of a job add, as it is stored.
    async fn add_all_of(&mut self, tx: &mut Tx, job: &StoredJob, sign: fn(Sums) -> Sums) -> sqlx::Result<()> {
        self.add_outcome(job, sign);
        for finish in load_finishes(tx, job.id).await? {
            self.add_of_step(job, Some(finish.step), finish.at, sign(Sums::step(finish.points)));
        }
        for error in load_errors(tx, job.id).await? {
            self.add_of_step(job, error.step, error.at, sign(Sums::errors(error.errors)));
        }
        Ok(())
    }

    /// Adds to the sums with a batch that has taken positions of the log of events: it is then the only one that does.
    pub(crate) fn add_to(&self, batch: &mut Batch) {
        let changed = self.0.iter().filter(|(_, sums)| **sums != Sums::default());
        let rows: Vec<(Place, Sums)> = changed.map(|(place, sums)| (*place, *sums)).collect();
        add(batch, "v, positions", &rows);
    }

    /// Adds to the sums, after others have done so that are at it.
    pub async fn write(&self, tx: &mut Tx) -> sqlx::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut batch = tx.batch();
        batch.take_positions(Log::Events, 0);
        self.add_to(&mut batch);
        batch.run(tx).await.map(drop)
    }
}

/// Adds to sums. Read from `v, positions` it happens once positions are taken.
fn add(batch: &mut Batch, from: &str, rows: &[(Place, Sums)]) {
    let columns = SUMS.map(|sum| format!("{sum} = rollups.{sum} + excluded.{sum}")).join(", ");
    let add = format!(
        "insert into rollups (provider_id, customer, series, start, configuration, {})
         select v.* from {from} where true
         on conflict (provider_id, customer, series, start, configuration) do update set {columns}",
        SUMS.join(", ")
    );
    add_rows!(*batch, &add, rows, |row| {
        provider_id: row.0.provider_id,
        customer: row.0.customer,
        series: row.0.series.as_str(),
        start: row.0.start,
        configuration: row.0.configuration,
        running: row.1.running,
        completed: row.1.completed,
        error: row.1.error,
        abandoned: row.1.abandoned,
        finished: row.1.finished,
        failed: row.1.failed,
        hours: row.1.hours,
        steps: row.1.steps,
        points: row.1.points,
        errors: row.1.errors,
    });
}

/// What a job's row says of how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobOutcome {
    /// How it is.
    pub status: JobStatus,
    /// Its earliest event.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it was last in error, if it is.
    pub failed_at: Option<DateTime<Utc>>,
    /// Whether no news come of it any more.
    pub is_anonymised: bool,
}

impl JobOutcome {
    /// What a job adds to the sums by itself, and when.
    fn sums(self, created_at: DateTime<Utc>) -> [Option<(DateTime<Utc>, Sums)>; 3] {
        let mut opened = Sums::default();
        match self.status {
            JobStatus::Pending | JobStatus::Running if self.is_anonymised => opened.abandoned = 1,
            JobStatus::Pending => {}
            JobStatus::Running => opened.running = 1,
            JobStatus::Completed => opened.completed = 1,
            JobStatus::Error => opened.error = 1,
        }
        let finished = self.finished_at.map(|finished_at| {
            let took = finished_at - self.started_at.unwrap_or(finished_at);
            (finished_at, Sums { finished: 1, hours: ten_thousandths_of_hours(took), ..Sums::default() })
        });
        let failed = self.failed_at.map(|failed_at| (failed_at, Sums { failed: 1, ..Sums::default() }));
        [Some((created_at, opened)), finished, failed]
    }
}

/// Of each job by itself, rounded, so that sums of any jobs add up.
fn ten_thousandths_of_hours(took: TimeDelta) -> i64 {
    (took.num_microseconds().unwrap_or(i64::MAX - 180_000) + 180_000) / 360_000
}

/// A step of a job that is finished.
#[derive(FromRow)]
struct Finish {
    step: Uuid,
    at: DateTime<Utc>,
    points: i64,
}

async fn load_finishes(tx: &mut Tx, job_id: Uuid) -> sqlx::Result<Vec<Finish>> {
    on!(tx, |c| {
        sqlx::query_as(
            "select s.step_configuration_id as step, s.finished_at as at, c.points
             from job_steps s join step_configurations c on c.id = s.step_configuration_id
             where s.job_id = $1 and s.finished_at is not null",
        )
        .bind(job_id)
        .fetch_all(c)
        .await
    })
}

/// Errors of a job within a quarter of an hour.
#[derive(FromRow)]
struct Failures {
    step: Option<Uuid>,
    at: DateTime<Utc>,
    errors: i64,
}

async fn load_errors(tx: &mut Tx, job_id: Uuid) -> sqlx::Result<Vec<Failures>> {
    let quarter = tx.quarter_of("occurred_at");
    on!(tx, |c| {
        sqlx::query_as(sql!(
            "select step_configuration_id as step, {quarter} as at, count(*) as errors
             from events where job_id = $1 and kind = 'error' group by 1, 2"
        ))
        .bind(job_id)
        .fetch_all(c)
        .await
    })
}

/// The conditions on `jobs j` that they were opened within some time and are pending: what sums do not have.
pub(crate) fn pending_jobs(
    select: &mut Select,
    provider: ProviderId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<String> {
    let [from, to] = [from, to].map(|time| select.value(time));
    vec![
        format!("j.provider_id = {} and j.status = 'pending'", select.value(provider.id())),
        format!("j.created_at >= {from} and j.created_at < {to} and j.anonymised_at is null"),
    ]
}

/// Counts what a job counts for another customer; its row still has the former one.
pub async fn hand_over(tx: &mut Tx, job: &StoredJob, link: Option<Uuid>) -> sqlx::Result<()> {
    let mut additions = Additions::default();
    additions.add_all_of(tx, job, Neg::neg).await?;
    let mut handed_over = job.clone();
    handed_over.customer_link_id = link;
    additions.add_all_of(tx, &handed_over, |sums| sums).await?;
    additions.write(tx).await
}

/// Writes down what jobs count for that are to be deleted: they go on counting for it.
pub async fn leave(tx: &mut Tx, jobs: &[StoredJob]) -> sqlx::Result<()> {
    let mut left = Vec::new();
    for job in jobs {
        let mut of_job = Additions::default();
        of_job.add_all_of(tx, job, |sums| sums).await?;
        let is_left = |place: &Place| {
            place.customer != EVERYBODY && matches!(place.series, Series::JobQuarters | Series::StepQuarters)
        };
        left.extend(
            of_job.0.into_iter().filter(|(place, _)| is_left(place)).map(|(place, sums)| (job.id, place, sums)),
        );
    }
    let insert = format!(
        "insert into deleted_rollups (job_id, provider_id, customer, series, start, configuration, {})
         select v.* from v where true",
        SUMS.join(", ")
    );
    let mut batch = tx.batch();
    add_rows!(batch, &insert, left, |row| {
        job_id: row.0,
        provider_id: row.1.provider_id,
        customer: row.1.customer,
        series: row.1.series.as_str(),
        start: row.1.start,
        configuration: row.1.configuration,
        running: row.2.running,
        completed: row.2.completed,
        error: row.2.error,
        abandoned: row.2.abandoned,
        finished: row.2.finished,
        failed: row.2.failed,
        hours: row.2.hours,
        steps: row.2.steps,
        points: row.2.points,
        errors: row.2.errors,
    });
    batch.run(tx).await.map(drop)
}

/// Adds up everything of a provider anew and changes nothing; gives a line for every difference.
pub async fn check(app: &App, provider_id: Uuid) -> Result<Vec<String>> {
    let mut snapshot = app.db().begin_reading().await?;
    let differing = find_differences(&mut snapshot, provider_id).await?;
    Ok(differing.into_iter().flat_map(Difference::lines).collect())
}

/// Adds up everything of a provider anew and mends what is stored; gives a line for every difference. If there is any, no
/// event is written while it is found again: those that wait for longer than 5 seconds get 503.
pub async fn mend(app: &App, provider_id: Uuid) -> Result<Vec<String>> {
    // On SQLite nobody else can write while we add, so first without keeping anybody from it.
    if check(app, provider_id).await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = app.db().begin().await?;
    tx.take_positions(Log::Events, 0).await?;
    let differing = find_differences(&mut tx, provider_id).await?;
    let missing: Vec<(Place, Sums)> = differing
        .iter()
        .map(|difference| {
            let place = Place {
                provider_id,
                customer: difference.customer,
                series: difference.series,
                start: difference.start,
                configuration: difference.configuration,
            };
            (place, difference.missing)
        })
        .collect();
    let mut batch = tx.batch();
    add(&mut batch, "v", &missing);
    batch.run(&mut tx).await?;
    tx.commit().await?;
    Ok(differing.into_iter().flat_map(Difference::lines).collect())
}

/// Sums of which something else is stored than there is.
#[derive(FromRow)]
struct Difference {
    customer: Uuid,
    series: Series,
    start: DateTime<Utc>,
    configuration: Uuid,
    /// What is to be added.
    #[sqlx(flatten)]
    missing: Sums,
}

impl Difference {
    fn lines(mut self) -> Vec<String> {
        let start = self.start.to_rfc3339_opts(SecondsFormat::Secs, true);
        let place = format!("{} {start} of {} for {}", self.series.as_str(), self.configuration, self.customer);
        let sums = SUMS.iter().zip(self.missing.columns());
        let differing = sums.filter(|(_, missing)| **missing != 0);
        differing
            .map(|(sum, missing)| {
                if *missing > 0 {
                    format!("{place}: {sum} is too small by {missing}")
                } else {
                    format!("{place}: {sum} is too great by {}", missing.unsigned_abs())
                }
            })
            .collect()
    }
}

/// In one statement, which sees everything at the same moment.
async fn find_differences(tx: &mut Tx, provider_id: Uuid) -> sqlx::Result<Vec<Difference>> {
    let (columns, quarter) = (SUMS.join(", "), tx.quarter_of("at"));
    let (day, month) = (tx.day_of("start"), tx.month_of("start"));
    let sum = |sign: &str| SUMS.map(|sum| format!("cast(sum({sign}{sum}) as bigint) as {sum}")).join(", ");
    let (sums, differing) = (sum(""), SUMS.map(|sum| format!("sum({sum}) <> 0")).join(" or "));
    let negative = SUMS.map(|sum| format!("-{sum}")).join(", ");
    let hours = tx.hours_between("started_at", "finished_at");
    let is = |condition: &str| format!("case when {condition} then 1 else 0 end");
    let running = is("status = 'running' and anonymised_at is null");
    let abandoned = is("status in ('pending', 'running') and anonymised_at is not null");
    let (completed, in_error) = (is("status = 'completed'"), is("status = 'error'"));
    let live = "jobs.provider_id = $1 and not exists (select 1 from deleted_jobs d where d.id = jobs.id)";
    on!(tx, |c| {
        sqlx::query_as(sql!(
            "with levels (level) as (values ('job_'), ('step_')), grains (grain) as (values ('quarters'), ('days'), ('months')),
             told (customer, level, at, configuration, {columns}) as (
                 select customer_link_id, 'job_', created_at, job_configuration_id,
                     {running}, {completed}, {in_error}, {abandoned}, 0, 0, 0, 0, 0, 0
                 from jobs where {live}
                 union all
                 select customer_link_id, 'job_', finished_at, job_configuration_id,
                     0, 0, 0, 0, 1, 0, {hours}, 0, 0, 0
                 from jobs where {live} and finished_at is not null
                 union all
                 select customer_link_id, 'job_', outcome_at, job_configuration_id, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0
                 from jobs where {live} and status = 'error'
                 union all
                 select customer_link_id, level, s.finished_at,
                     case level when 'step_' then s.step_configuration_id else s.job_configuration_id end,
                     0, 0, 0, 0, 0, 0, 0, 1, c.points, 0
                 from jobs join job_steps s on s.job_id = jobs.id
                 join step_configurations c on c.id = s.step_configuration_id cross join levels
                 where {live} and s.finished_at is not null
                 union all
                 select customer_link_id, level, e.occurred_at,
                     case level when 'step_' then e.step_configuration_id else jobs.job_configuration_id end,
                     0, 0, 0, 0, 0, 0, 0, 0, 0, 1
                 from jobs join events e on e.job_id = jobs.id cross join levels
                 where {live} and e.kind = 'error' and (level = 'job_' or e.step_configuration_id is not null)),
             quarters (customer, level, start, configuration, {columns}) as (
                 select coalesce(customer, $2), level, {quarter}, configuration, {columns} from told
                 union all
                 select customer, case series when 'job_quarters' then 'job_' else 'step_' end, start, configuration,
                     {columns}
                 from deleted_rollups where provider_id = $1),
             counted (customer, series, start, configuration, {columns}) as (
                 select customer, level || grain, case grain when 'months' then {month} when 'days' then {day} else start end,
                     configuration, {columns}
                 from (select customer, level, start, configuration, {columns} from quarters
                       union all select $3, level, start, configuration, {columns} from quarters) as of_each
                 join grains on level = 'job_' or grain <> 'months')
             select customer, series, start, configuration, {sums}
             from (select customer, series, start, configuration, {columns} from counted
                   union all
                   select customer, series, start, configuration, {negative} from rollups
                   where provider_id = $1) as both_sides
             group by customer, series, start, configuration having {differing}
             order by series, start, configuration, customer"
        ))
        .bind(provider_id)
        .bind(NOBODY)
        .bind(EVERYBODY)
        .fetch_all(c)
        .await
    })
}
