//! The state of a job computed anew from its events, compared with what is stored.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::state::{self, StoredJob, StoredStep};
use crate::app::App;
use crate::configurations::{self, Step};
use crate::db::{Db, Select, Tx, on};
use crate::error::{Error, Result};
use crate::events::{Event, load_after_sequence, measured};
use crate::progress::{Fact, JobSummary, Moment, StepSummary, Totals};
use crate::values::Fraction;

/// How many events are read at once.
const PAGE: i64 = 500;

/// A job or step whose stored state was not what its events say.
#[derive(Debug)]
pub struct Mismatch {
    /// The job.
    pub job_id: Uuid,
    /// What was stored, and what the events say.
    pub detail: String,
}

/// The ids of jobs behind an id, in the order of the ids.
pub async fn job_ids_after(db: &Db, after: Uuid, count: i64) -> sqlx::Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = Select::new("select id from jobs")
        .bind(" where id > ", after)
        .bind(" order by id limit ", count)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Recomputes a job. With `write` the stored state is mended; events may go on coming meanwhile.
pub async fn rebuild(app: &App, job_id: Uuid, write: bool) -> Result<Vec<Mismatch>> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let Some(stored) = state::lock_job(&mut tx, job_id).await? else { return Ok(Vec::new()) };
    let mut steps = configurations::load_steps(&mut tx, &[stored.job_configuration_id]).await?;
    let steps = steps.remove(&stored.job_configuration_id).unwrap_or_default();
    let (job, summaries) = recompute(&mut tx, &stored, &steps).await?;
    let stored_steps = state::load_steps(&mut tx, job_id, None).await?;
    let mut mismatches = Vec::new();
    let mut mismatch = |detail: String| mismatches.push(Mismatch { job_id, detail });
    if job != stored {
        mismatch(format!("job: stored {stored:?}, events say {job:?}"));
        if write {
            state::save_job(&mut tx, &job, now).await?;
        }
    }
    for step in &stored_steps {
        if !summaries.contains_key(&step.step_configuration_id) {
            mismatch(format!("step: stored {step:?}, no event names it"));
            if write {
                delete_step(&mut tx, step).await?;
            }
        }
    }
    for (step_id, summary) in summaries {
        let before = stored_steps.iter().find(|step| step.step_configuration_id == step_id);
        let after = StoredStep::new(job_id, step_id, &summary);
        if before != Some(&after) {
            mismatch(format!("step: stored {before:?}, events say {after:?}"));
            if write {
                state::save_step(&mut tx, app.clock().new_id(), &job, &after, now).await?;
            }
        }
    }
    if write {
        tx.commit().await?;
    }
    Ok(mismatches)
}

/// Folds all events of a job.
async fn recompute(
    tx: &mut Tx,
    stored: &StoredJob,
    steps: &[Step],
) -> Result<(StoredJob, HashMap<Uuid, StepSummary>)> {
    let points: Vec<i64> = steps.iter().map(|step| step.points).collect();
    let totals = Totals::of(&points);
    let mut job = JobSummary::default();
    let mut summaries: HashMap<Uuid, StepSummary> = HashMap::new();
    let mut last: Option<DateTime<Utc>> = None;
    loop {
        let page = load_after_sequence(&mut *tx, stored.id, job.last_sequence, PAGE).await?;
        for event in page.iter().map(|stored| &stored.event) {
            if event.sequence != job.last_sequence + 1 || last.is_some_and(|last| event.created_at < last) {
                return Err(Error::internal(format!("job {}: event {} is out of order", stored.id, event.sequence)));
            }
            last = Some(event.created_at);
            let step = event.step_configuration_id.and_then(|id| steps.iter().find(|step| step.id == id));
            let named = step.map(|step| (step.points, summaries.remove(&step.id)));
            let after = job.apply(totals, fact(event, step)?, named);
            if let (Some(step), Some(after)) = (step, after) {
                summaries.insert(step.id, after);
            }
        }
        if page.is_empty() {
            return Ok((stored.with(totals, &job), summaries));
        }
    }
}

fn fact(event: &Event, step: Option<&Step>) -> Result<Fact> {
    let metadata = match (&event.event_metadata, step) {
        (Some(metadata), Some(step)) => measured(metadata, &step.metadata_configurations)?,
        _ => std::collections::BTreeMap::new(),
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
