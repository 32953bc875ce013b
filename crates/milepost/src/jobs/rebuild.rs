//! The state of a job, and how long it and its steps took, computed anew from its events and compared with what is stored.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::state::{self, StepRow, StoredJob, StoredStep};
use crate::app::App;
use crate::configurations::{self, Step};
use crate::db::{Db, Select, Tx, on};
use crate::durations;
use crate::error::{Error, Result};
use crate::events::{Event, load_after_sequence, measure};
use crate::progress::{Fact, JobSummary, Moment, StepSummary, Totals};
use crate::values::Fraction;

/// How many events are read at once.
const PAGE: i64 = 500;

/// The ids of jobs behind an id, in the order of the ids.
pub async fn job_ids_after(db: &Db, after: Uuid, count: i64) -> sqlx::Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = Select::new("select id from jobs")
        .bind(" where id > ", after)
        .bind(" order by id limit ", count)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Recomputes a job and changes nothing; gives a line for every difference.
pub async fn check(app: &App, job_id: Uuid) -> Result<Vec<String>> {
    let mut snapshot = app.db().begin_reading().await?;
    let found = state::find_job(&mut snapshot, job_id).await;
    match read_job(&mut snapshot, job_id, found).await? {
        Some(job) if job.stored.is_being_retired() => Ok(Vec::new()),
        Some(job) => {
            let met = durations::follower_position(&mut snapshot).await?;
            Ok(compare(&mut snapshot, job, met, app.clock().now()).await?.differences)
        }
        None => Ok(Vec::new()),
    }
}

/// Recomputes a job and mends what is stored; gives a line for every difference. Events may go on coming meanwhile.
pub async fn mend(app: &App, job_id: Uuid) -> Result<Vec<String>> {
    // Nobody else can write on SQLite, or to this job, while we compute, so first without keeping anybody from it.
    if check(app, job_id).await?.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let met = durations::disturb_follower(&mut tx).await?;
    let locked = state::lock_job(&mut tx, job_id).await;
    let Some(job) = read_job(&mut tx, job_id, locked).await? else { return Ok(Vec::new()) };
    if job.stored.is_being_retired() {
        return Ok(Vec::new());
    }
    let Comparison { differences, job, differing, superfluous, durations } = compare(&mut tx, job, met, now).await?;
    if differences.is_empty() {
        return Ok(differences);
    }
    let mut batch = tx.batch();
    state::save_jobs(&mut batch, std::slice::from_ref(&job));
    for step_id in superfluous {
        delete_step(&mut tx, job_id, step_id).await?;
    }
    let rows = differing.into_iter().map(|step| StepRow {
        id: app.clock().new_id(),
        job_configuration_id: job.job_configuration_id,
        step,
    });
    state::save_steps(&mut batch, &rows.collect::<Vec<_>>(), now);
    batch.run(&mut tx).await?;
    // They are written for the job as it is then.
    let mut batch = tx.batch();
    durations.add_to(&mut batch);
    batch.run(&mut tx).await?;
    tx.commit().await?;
    durations::catch_up(app).await?;
    Ok(differences)
}

/// What is stored of a job beside what its events say.
struct Comparison {
    /// A line for each.
    differences: Vec<String>,
    /// As the events say.
    job: StoredJob,
    /// Steps as the events say, where something else is stored, or nothing.
    differing: Vec<StoredStep>,
    /// Steps that are stored though no event names them.
    superfluous: Vec<Uuid>,
    /// How long it and its steps took, where something else is stored.
    durations: durations::Changes,
}

/// A job as it was found.
struct FoundJob {
    /// What is stored; if that cannot be read, the job before its first event.
    stored: StoredJob,
    /// The column that cannot be read.
    unreadable: Option<String>,
}

/// What became of reading a job; a column that holds nothing that we write is to be mended, not to fail on.
async fn read_job(tx: &mut Tx, id: Uuid, found: sqlx::Result<Option<StoredJob>>) -> Result<Option<FoundJob>> {
    let (stored, unreadable) = match readable(found)? {
        Ok(stored) => (stored, None),
        Err(column) => (state::find_job_before_events(tx, id).await?, Some(column)),
    };
    Ok(stored.map(|stored| FoundJob { stored, unreadable }))
}

/// What was read, or the column that holds what cannot be read.
fn readable<T>(read: sqlx::Result<T>) -> sqlx::Result<Result<T, String>> {
    match read {
        Err(sqlx::Error::ColumnDecode { index, .. }) => Ok(Err(index.trim_matches('"').to_owned())),
        read => read.map(Ok),
    }
}

/// The stored summaries of steps, and of those that cannot be read the column that is why.
async fn read_steps(tx: &mut Tx, job_id: Uuid, steps: &[Step]) -> Result<(Vec<StoredStep>, HashMap<Uuid, String>)> {
    let mut unreadable = HashMap::new();
    if let Ok(all) = readable(state::load_steps(&mut *tx, job_id).await)? {
        return Ok((all, unreadable));
    }
    let mut stored = Vec::new();
    for step in steps {
        match readable(state::load_some_steps(&mut *tx, &[(job_id, step.id)]).await)? {
            Ok(found) => stored.extend(found),
            Err(column) => drop(unreadable.insert(step.id, column)),
        }
    }
    Ok((stored, unreadable))
}

async fn compare(
    tx: &mut Tx,
    FoundJob { stored, unreadable }: FoundJob,
    met: i64,
    now: DateTime<Utc>,
) -> Result<Comparison> {
    let mut steps = configurations::load_steps(&mut *tx, &[stored.job_configuration_id]).await?;
    let steps = steps.remove(&stored.job_configuration_id).unwrap_or_default();
    let link = super::queries::find_recipient_of(&mut *tx, stored.id).await?.map(|recipient| recipient.link_id);
    let (stored_steps, mut unreadable_steps) = read_steps(&mut *tx, stored.id, &steps).await?;
    let Recomputed { job, steps: mut summaries, mut differences } = recompute(tx, &stored, &steps, now).await?;
    match unreadable {
        Some(column) => differences.push(unreadable_field("state", &column, Some(&job))?),
        None => differences.extend(differing_fields("state", &stored, &job)?),
    }
    let times: Vec<(Uuid, &StepSummary)> = summaries.iter().map(|(id, summary)| (*id, summary)).collect();
    let durations = durations::compare(&mut *tx, &job.times(link), &times, met).await?;
    let (mut differing, mut superfluous) = (Vec::new(), Vec::new());
    for step in &steps {
        let name = format!("step {}", step.tag);
        let before = stored_steps.iter().find(|s| s.step_configuration_id == step.id);
        let after = summaries.remove(&step.id).map(|summary| StoredStep::new(stored.id, step.id, &summary));
        if let Some(column) = unreadable_steps.remove(&step.id) {
            differences.push(unreadable_field(&name, &column, after.as_ref())?);
            match after {
                Some(after) => differing.push(after),
                None => superfluous.push(step.id),
            }
            continue;
        }
        match (before, after) {
            (None, None) => {}
            (Some(_), None) => {
                differences.push(format!("{name}: is stored, but no event names it"));
                superfluous.push(step.id);
            }
            (None, Some(after)) => {
                differences.push(format!("{name}: is not stored, but events name it"));
                differing.push(after);
            }
            (Some(before), Some(after)) if *before == after => {}
            (Some(before), Some(after)) => {
                differences.extend(differing_fields(&name, before, &after)?);
                differing.push(after);
            }
        }
    }
    differences.extend(durations.lines(&steps)?);
    Ok(Comparison { differences, job, differing, superfluous, durations })
}

/// A line for each column that differs.
pub(crate) fn differing_fields(
    name: &str,
    stored: &impl Serialize,
    computed: &impl Serialize,
) -> Result<Vec<String>> {
    let stored = serde_json::to_value(stored).map_err(Error::internal)?;
    let computed = serde_json::to_value(computed).map_err(Error::internal)?;
    let columns = stored.as_object().into_iter().flatten();
    let differing = columns.filter(|(column, value)| computed[*column] != **value);
    Ok(differing
        .map(|(column, value)| format!("{name}: {column} is {value}, events say {}", computed[column]))
        .collect())
}

/// A line for a column of which what is stored cannot be read.
fn unreadable_field(name: &str, column: &str, computed: Option<&impl Serialize>) -> Result<String> {
    let said = match computed {
        Some(computed) => serde_json::to_value(computed).map_err(Error::internal)?[column].to_string(),
        None => "nothing of it".to_owned(),
    };
    Ok(format!("{name}: {column} cannot be read, events say {said}"))
}

/// What the events of a job say.
struct Recomputed {
    job: StoredJob,
    steps: HashMap<Uuid, StepSummary>,
    /// What is wrong with the events themselves, which nothing mends.
    differences: Vec<String>,
}

/// Folds all events of a job.
async fn recompute(tx: &mut Tx, stored: &StoredJob, steps: &[Step], now: DateTime<Utc>) -> Result<Recomputed> {
    let points: Vec<i64> = steps.iter().map(|step| step.points).collect();
    let totals = Totals::of(&points);
    let mut job = JobSummary::default();
    let mut summaries: HashMap<Uuid, StepSummary> = HashMap::new();
    let mut differences = Vec::new();
    loop {
        let page = load_after_sequence(&mut *tx, stored.id, job.last_sequence, PAGE).await?;
        for event in page.iter().map(|stored| &stored.event) {
            if event.sequence != job.last_sequence + 1 {
                differences.push(format!("event {}: the one before it is missing", event.sequence));
            }
            if job.last_event_at.is_some_and(|last| event.created_at < last) {
                differences.push(format!("event {}: arrived before the one before it", event.sequence));
            }
            let step = event.step_configuration_id.and_then(|id| steps.iter().find(|step| step.id == id));
            let named = step.map(|step| (step.points, summaries.remove(&step.id)));
            let after = job.apply(totals, fact(event, step)?, named);
            if let (Some(step), Some(after)) = (step, after) {
                summaries.insert(step.id, after);
            }
        }
        if page.is_empty() {
            return Ok(Recomputed { job: stored.with(totals, &job, now), steps: summaries, differences });
        }
    }
}

fn fact(event: &Event, step: Option<&Step>) -> Result<Fact> {
    let metadata = match (&event.event_metadata, step) {
        (Some(metadata), Some(step)) => measure(metadata, &step.metadata_configurations)?,
        _ => BTreeMap::new(),
    };
    Ok(Fact {
        kind: event.kind,
        moment: Moment { at: event.occurred_at, sequence: event.sequence },
        created_at: event.created_at,
        fraction: event.fraction.map(Fraction::millionths),
        metadata,
    })
}

async fn delete_step(tx: &mut Tx, job_id: Uuid, step_id: Uuid) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("delete from job_steps where job_id = $1 and step_configuration_id = $2")
            .bind(job_id)
            .bind(step_id)
            .execute(c)
            .await
            .map(drop)
    })
}
