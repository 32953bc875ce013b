//! The state of jobs as it was last written or read, so that a group of events need not read it again. It is never
//! believed: a group is written only if the rows of its jobs are still as they are in mind. Whatever writes a summary, of a
//! job or of a step, changes the job's row, so the row vouches for both.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use uuid::Uuid;

use crate::db::Db;
use crate::jobs::state::{StoredJob, load_jobs, load_some_steps};
use crate::progress::StepSummary;

/// How much is kept in mind, in bytes, roughly.
const MOST: usize = 32 * 1024 * 1024;
/// What a job, a step and a measured value take without their texts, in bytes, roughly.
const JOB: usize = 512;
const STEP: usize = 320;
const MEASUREMENT: usize = 160;

/// What is known of a job and of those of its steps that were asked for.
#[derive(Debug)]
pub(super) struct JobState {
    pub(super) job: StoredJob,
    /// None: no event has named the step.
    pub(super) steps: HashMap<Uuid, Option<StepSummary>>,
}

impl JobState {
    /// A job of whose steps nothing is known.
    pub(super) fn new(job: StoredJob) -> Self {
        Self { job, steps: HashMap::new() }
    }

    fn size(&self) -> usize {
        let texts = |summary: &StepSummary| {
            let size_of = |(name, measured): (&String, &crate::progress::Measurement)| {
                MEASUREMENT + name.len() + measured.value.as_str().map_or(0, str::len)
            };
            summary.metadata.iter().map(size_of).sum::<usize>()
        };
        JOB + self.steps.values().map(|step| STEP + step.as_ref().map_or(0, texts)).sum::<usize>()
    }
}

/// States by the ids of their jobs.
pub(super) type States = HashMap<Uuid, JobState>;

/// The states of the jobs that events were written of lately.
#[derive(Debug)]
pub struct JobStates(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// With the size of each.
    states: LruCache<Uuid, (usize, JobState)>,
    size: usize,
}

impl Default for JobStates {
    fn default() -> Self {
        Self(Mutex::new(Kept { states: LruCache::new_unbounded(), size: 0 }))
    }
}

impl JobStates {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the states of jobs out, each with those of its steps that are asked for as well; what is not in mind is read.
    /// Jobs that are not there any more are missing. Whoever has written them keeps them; otherwise they are forgotten.
    pub(super) async fn take(&self, db: &Db, job_ids: &[Uuid], steps: &[(Uuid, Uuid)]) -> sqlx::Result<States> {
        let mut states = self.take_kept(job_ids);
        let missing: Vec<Uuid> = job_ids.iter().copied().filter(|id| !states.contains_key(id)).collect();
        if !missing.is_empty() {
            let jobs = load_jobs(db, missing).await?;
            states.extend(jobs.into_iter().map(|job| (job.id, JobState::new(job))));
        }
        // Read after their jobs: a change in between is one of the job that is in mind.
        learn_steps(&mut states, steps, async |missing| load_some_steps(db, missing).await).await?;
        Ok(states)
    }

    fn take_kept(&self, job_ids: &[Uuid]) -> States {
        let mut kept = self.kept();
        let mut taken = HashMap::with_capacity(job_ids.len());
        for id in job_ids {
            if let Some((size, state)) = kept.states.remove(id) {
                kept.size -= size;
                taken.insert(*id, state);
            }
        }
        taken
    }

    /// Keeps states that were written in mind.
    pub(super) fn keep(&self, states: States) {
        let mut kept = self.kept();
        for (id, state) in states {
            let size = state.size();
            kept.size += size;
            if let Some((before, _)) = kept.states.insert(id, (size, state)) {
                kept.size -= before;
            }
        }
        while kept.size > MOST {
            let Some((_, (size, _))) = kept.states.remove_lru() else { break };
            kept.size -= size;
        }
    }
}

/// Reads steps of jobs whose states are not known yet.
pub(super) async fn learn_steps(
    states: &mut States,
    steps: &[(Uuid, Uuid)],
    load: impl AsyncFnOnce(&[(Uuid, Uuid)]) -> sqlx::Result<Vec<crate::jobs::state::StoredStep>>,
) -> sqlx::Result<()> {
    let is_missing = |(job_id, step_id): &&(Uuid, Uuid)| {
        states.get(job_id).is_some_and(|state| !state.steps.contains_key(step_id))
    };
    let missing: Vec<(Uuid, Uuid)> = steps.iter().filter(is_missing).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut found: HashMap<(Uuid, Uuid), StepSummary> = load(&missing)
        .await?
        .into_iter()
        .map(|step| ((step.job_id, step.step_configuration_id), step.summary()))
        .collect();
    for (job_id, step_id) in missing {
        if let Some(state) = states.get_mut(&job_id) {
            state.steps.insert(step_id, found.remove(&(job_id, step_id)));
        }
    }
    Ok(())
}
