//! What a job measured beside what other jobs of the same configuration measured.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use futures::TryStreamExt;
use serde::Serialize;
use sqlx::types::Json as JsonColumn;
use utoipa::ToSchema;
use uuid::Uuid;

use super::queries;
use crate::app::App;
use crate::audit::{self, Actor, Part};
use crate::auth::{ProviderReader, Tenant};
use crate::configurations::{self, MetadataKind, Step};
use crate::db::{Tx, on};
use crate::error::{Error, Result};
use crate::http::{Json, PathId};
use crate::progress::Measurement;
use crate::spread::Spread;
use crate::values::Tag;

/// The most other jobs that are looked at.
const MAX_JOBS: usize = 1_000;
/// The most values that are looked at: of a configuration with more than 1,000 fields, fewer jobs are.
const MAX_VALUES: usize = 1_000_000;
/// Into how many bins of equal width the values are counted.
const BINS: usize = 24;

/// What a job measured beside other jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Distributions {
    /// How many other jobs were looked at: the newest of the same version of the configuration, at most 1,000.
    jobs: usize,
    /// One for each numeric field that any of them has a value of.
    items: Vec<Distribution>,
}

/// A numeric field: this job's value, and how those of the others are spread.
#[derive(Debug, Serialize, ToSchema)]
struct Distribution {
    /// The step that defines it.
    tag: Tag,
    /// Its key in `event_metadata`.
    name: String,
    /// Its unit.
    units: Option<String>,
    /// This job's value; null if it was not measured.
    value: Option<f64>,
    /// How many of the others have a value.
    count: usize,
    /// Their smallest value.
    min: f64,
    /// Their greatest value.
    max: f64,
    /// A quarter, a half and three quarters of them are at most so great, interpolated between neighbours.
    #[schema(min_items = 3, max_items = 3)]
    quartiles: Vec<f64>,
    /// How many of them lie in each of 24 bins of equal width from `min` to `max`; one bin if these are equal.
    bins: Vec<usize>,
    /// The share of them that is smaller than `value`, 0..1; null without a value.
    #[schema(minimum = 0, maximum = 1)]
    below: Option<f64>,
}

/// What a job measured beside other jobs of its configuration
///
/// For each numeric field the value of this job and the spread of the values of the newest 1,000 other jobs of the
/// same configuration version.
#[utoipa::path(get, path = "/jobs/{id}/distributions", tag = "Jobs", operation_id = "read_distributions",
    params(("id" = Uuid, Path, description = "The job")),
    responses((status = 200, description = "The distributions, in the order of steps and fields", body = Distributions)))]
pub(super) async fn read_distributions(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    actor: Actor,
    PathId(id): PathId,
) -> Result<Json<Distributions>> {
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let job = queries::find(&mut snapshot, Tenant::Provider(provider), id).await?.ok_or(Error::NotFound)?;
    let mut steps = configurations::load_steps(&mut snapshot, &[job.job_configuration_id]).await?;
    let steps = steps.remove(&job.job_configuration_id).unwrap_or_default();
    let fields: usize = steps.iter().map(|step| numeric_fields(step).count()).sum();
    let most = MAX_JOBS.min(MAX_VALUES / fields.max(1));
    let others = Others {
        provider_id: job.provider_id,
        job_id: id,
        configuration_id: job.job_configuration_id,
        most: i64::try_from(most).map_err(Error::internal)?,
    };
    let jobs = usize::try_from(others.count(&mut snapshot).await?).map_err(Error::internal)?;
    let mut values = others.load_values(&mut snapshot).await?;
    snapshot.commit().await?;
    audit::record_read(&app, &actor, &job, Part::Distributions).await?;
    let mut items = Vec::new();
    for step in steps {
        for (name, units) in numeric_fields(&step) {
            let Some(Values { own, others }) = values.remove(&(step.id, name.to_owned())) else { continue };
            let Some(spread) = Spread::of(others) else { continue };
            items.push(Distribution {
                tag: step.tag.clone(),
                name: name.to_owned(),
                units: units.map(str::to_owned),
                value: own,
                count: spread.count(),
                min: spread.min(),
                max: spread.max(),
                quartiles: [0.25, 0.5, 0.75].map(|share| spread.quantile(share)).to_vec(),
                bins: spread.bins(BINS),
                below: own.map(|own| spread.below(own)),
            });
        }
    }
    Ok(Json(Distributions { jobs, items }))
}

/// The names and units of a step's numeric fields.
fn numeric_fields(step: &Step) -> impl Iterator<Item = (&str, Option<&str>)> {
    let fields = step.metadata_configurations.iter().filter(|field| field.kind == MetadataKind::Number);
    fields.map(|field| (field.name.as_str(), field.units.as_deref()))
}

/// The newest jobs of a configuration but one.
struct Others {
    provider_id: Uuid,
    configuration_id: Uuid,
    job_id: Uuid,
    most: i64,
}

/// The values of one field.
#[derive(Default)]
struct Values {
    own: Option<f64>,
    others: Vec<f64>,
}

#[derive(sqlx::FromRow)]
struct MeasuredStep {
    job_id: Uuid,
    step_configuration_id: Uuid,
    metadata: JsonColumn<BTreeMap<String, Measurement>>,
}

impl Others {
    async fn count(&self, tx: &mut Tx) -> sqlx::Result<i64> {
        on!(tx, |c| {
            sqlx::query_scalar(
                "select count(*) from (
                     select 1 from jobs where job_configuration_id = $1 and provider_id = $2 and id <> $3 limit $4
                 ) as others",
            )
            .bind(self.configuration_id)
            .bind(self.provider_id)
            .bind(self.job_id)
            .bind(self.most)
            .fetch_one(c)
            .await
        })
    }

    /// What they and the job itself measured, by step and name.
    async fn load_values(&self, tx: &mut Tx) -> sqlx::Result<HashMap<(Uuid, String), Values>> {
        let mut values: HashMap<(Uuid, String), Values> = HashMap::new();
        // Row by row: all the metadata of a thousand jobs may be more than memory holds.
        let mut keep = |row: MeasuredStep| {
            for (name, Measurement { value, .. }) in row.metadata.0 {
                let Some(number) = value.as_f64() else { continue };
                let of_field = values.entry((row.step_configuration_id, name)).or_default();
                if row.job_id == self.job_id {
                    of_field.own = Some(number);
                } else {
                    of_field.others.push(number);
                }
            }
        };
        on!(tx, |c| {
            let mut rows = sqlx::query_as(
                "select job_id, step_configuration_id, metadata from job_steps
                 where job_id in (
                     select id from jobs where id = $3
                     union all
                     select id from (select id from jobs
                         where job_configuration_id = $1 and provider_id = $2 and id <> $3
                         order by created_at desc, id desc limit $4) as newest)",
            )
            .bind(self.configuration_id)
            .bind(self.provider_id)
            .bind(self.job_id)
            .bind(self.most)
            .fetch(c);
            while let Some(row) = rows.try_next().await? {
                keep(row);
            }
        });
        Ok(values)
    }
}
