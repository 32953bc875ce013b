//! The state of a job computed anew from its events, compared with what is stored.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use uuid::Uuid;

use super::state::{self, StepRow, StoredJob, StoredStep};
use crate::app::App;
use crate::configurations::{self, Step};
use crate::db::{Db, Select, Tx, on};
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
    match state::find_job(&mut snapshot, job_id).await? {
        Some(stored) if stored.is_being_retired() => Ok(Vec::new()),
        Some(stored) => Ok(compare(&mut snapshot, stored).await?.differences),
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
    let Some(stored) = state::lock_job(&mut tx, job_id).await? else { return Ok(Vec::new()) };
    if stored.is_being_retired() {
        return Ok(Vec::new());
    }
    let Comparison { differences, job, differing, superfluous } = compare(&mut tx, stored).await?;
    if differences.is_empty() {
        return Ok(differences);
    }
    state::save_jobs(&mut tx, std::slice::from_ref(&job), now).await?;
    for step in &superfluous {
        delete_step(&mut tx, step).await?;
    }
    let rows = differing.into_iter().map(|step| StepRow {
        id: app.clock().new_id(),
        job_configuration_id: job.job_configuration_id,
        step,
    });
    state::save_steps(&mut tx, &rows.collect::<Vec<_>>(), now).await?;
    tx.commit().await?;
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
    superfluous: Vec<StoredStep>,
}

async fn compare(tx: &mut Tx, stored: StoredJob) -> Result<Comparison> {
    let mut steps = configurations::load_steps(&mut *tx, &[stored.job_configuration_id]).await?;
    let steps = steps.remove(&stored.job_configuration_id).unwrap_or_default();
    let stored_steps = state::load_steps(&mut *tx, stored.id).await?;
    let Recomputed { job, steps: mut summaries, mut differences } = recompute(tx, &stored, &steps).await?;
    differences.extend(differing_fields("state", &stored, &job)?);
    let (mut differing, mut superfluous) = (Vec::new(), Vec::new());
    for step in &steps {
        let name = format!("step {}", step.tag);
        let before = stored_steps.iter().find(|s| s.step_configuration_id == step.id);
        let after = summaries.remove(&step.id).map(|summary| StoredStep::new(stored.id, step.id, &summary));
        match (before, after) {
            (None, None) => {}
            (Some(before), None) => {
                differences.push(format!("{name}: is stored, but no event names it"));
                superfluous.push(before.clone());
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
    Ok(Comparison { differences, job, differing, superfluous })
}

/// A line for each column that differs.
fn differing_fields(name: &str, stored: &impl Serialize, computed: &impl Serialize) -> Result<Vec<String>> {
    let stored = serde_json::to_value(stored).map_err(Error::internal)?;
    let computed = serde_json::to_value(computed).map_err(Error::internal)?;
    let columns = stored.as_object().into_iter().flatten();
    let differing = columns.filter(|(column, value)| computed[*column] != **value);
    Ok(differing
        .map(|(column, value)| format!("{name}: {column} is {value}, events say {}", computed[column]))
        .collect())
}

/// What the events of a job say.
struct Recomputed {
    job: StoredJob,
    steps: HashMap<Uuid, StepSummary>,
    /// What is wrong with the events themselves, which nothing mends.
    differences: Vec<String>,
}

/// Folds all events of a job.
async fn recompute(tx: &mut Tx, stored: &StoredJob, steps: &[Step]) -> Result<Recomputed> {
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
            return Ok(Recomputed { job: stored.with(totals, &job), steps: summaries, differences });
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

async fn delete_step(tx: &mut Tx, step: &StoredStep) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("delete from job_steps where job_id = $1 and step_configuration_id = $2")
            .bind(step.job_id)
            .bind(step.step_configuration_id)
            .execute(c)
            .await
            .map(drop)
    })
}
