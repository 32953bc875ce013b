//! Jobs and their configurations as reporting asks for them: the same ones again and again. What is known here is never
//! believed about what may change: the transaction that writes an event finds out whether the job is there still, and a
//! configuration never changes.

use std::sync::Arc;

use moka::sync::Cache;
use uuid::Uuid;

use crate::app::App;
use crate::auth::ProviderId;
use crate::configurations::{Step, load_steps};
use crate::db::Select;
use crate::error::Result;

/// Jobs that are kept in mind, some 200 bytes each.
const JOBS: u64 = 50_000;
/// Steps and metadata fields of configurations that are kept in mind, some 200 bytes each.
const STEPS_AND_FIELDS: u64 = 200_000;

/// A provider's job as its events name it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct KnownJob {
    pub(super) id: Uuid,
    pub(super) provider_job_id: String,
    pub(super) job_configuration_id: Uuid,
}

/// Jobs that events were reported of lately, and the steps of their configurations.
#[derive(Debug)]
pub struct KnownJobs {
    jobs: Cache<(Uuid, String), KnownJob>,
    steps: Cache<Uuid, Arc<[Step]>>,
}

impl Default for KnownJobs {
    fn default() -> Self {
        let weigh = |_: &Uuid, steps: &Arc<[Step]>| {
            let weight: usize = steps.iter().map(|step| 1 + step.metadata_configurations.len()).sum();
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        Self { jobs: Cache::new(JOBS), steps: Cache::builder().max_capacity(STEPS_AND_FIELDS).weigher(weigh).build() }
    }
}

impl KnownJobs {
    /// A job of the provider and its steps, if it is known.
    pub(super) fn find(&self, provider: ProviderId, provider_job_id: &str) -> Option<(KnownJob, Arc<[Step]>)> {
        let job = self.jobs.get(&(provider.id(), provider_job_id.to_owned()))?;
        let steps = self.steps.get(&job.job_configuration_id)?;
        Some((job, steps))
    }

    /// Asks the database for it and keeps it in mind.
    pub(super) async fn load(
        &self,
        app: &App,
        provider: ProviderId,
        provider_job_id: &str,
    ) -> Result<Option<(KnownJob, Arc<[Step]>)>> {
        let key = (provider.id(), provider_job_id.to_owned());
        let Some(job) = load_jobs(app, provider, [provider_job_id]).await?.pop() else {
            self.jobs.invalidate(&key);
            return Ok(None);
        };
        let configuration = job.job_configuration_id;
        let steps = match self.steps.get(&configuration) {
            Some(steps) => steps,
            None => load_steps(app.db(), &[configuration]).await?.remove(&configuration).unwrap_or_default().into(),
        };
        self.jobs.insert(key, job.clone());
        self.steps.insert(configuration, steps.clone());
        Ok(Some((job, steps)))
    }
}

/// Jobs of the provider that take events, by the provider's own ids.
pub(super) async fn load_jobs(
    app: &App,
    provider: ProviderId,
    provider_job_ids: impl IntoIterator<Item = &str>,
) -> sqlx::Result<Vec<KnownJob>> {
    Select::new("select id, provider_job_id, job_configuration_id from jobs")
        .bind(" where anonymised_at is null and provider_id = ", provider.id())
        .bind_all(" and provider_job_id", provider_job_ids.into_iter().map(str::to_owned))
        .fetch_all(app.db())
        .await
}
