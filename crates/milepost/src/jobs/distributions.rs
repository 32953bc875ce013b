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
                count: spread.sorted.len(),
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

/// How at least one value is spread.
struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        (!values.is_empty()).then_some(Self { sorted: values })
    }

    fn min(&self) -> f64 {
        self.sorted[0]
    }

    fn max(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }

    /// The value that a share of all is at most, interpolated linearly between its neighbours.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among at most a million values"
    )]
    fn quantile(&self, share: f64) -> f64 {
        let place = share * (self.sorted.len() - 1) as f64;
        let (low, high) = (self.sorted[place.floor() as usize], self.sorted[place.ceil() as usize]);
        let part = place.fract();
        // Both in proportion, since the difference of two doubles may be beyond them.
        (low * (1.0 - part) + high * part).clamp(low, high)
    }

    /// How many values lie in each of so many bins of equal width; the greatest belongs to the last one.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among a few bins"
    )]
    fn bins(&self, count: usize) -> Vec<usize> {
        let (min, max) = (self.min(), self.max());
        if min >= max {
            return vec![self.sorted.len()];
        }
        // Halved, values at both ends of what doubles can hold have a difference.
        let scale = if (max - min).is_finite() { 1.0 } else { 0.5 };
        let width = max * scale - min * scale;
        let mut bins = vec![0; count];
        for value in &self.sorted {
            let share = (value * scale - min * scale) / width;
            bins[((share * count as f64) as usize).min(count - 1)] += 1;
        }
        bins
    }

    /// The share of the values that is smaller.
    #[expect(clippy::cast_precision_loss, reason = "at most a million values")]
    fn below(&self, value: f64) -> f64 {
        self.sorted.partition_point(|other| *other < value) as f64 / self.sorted.len() as f64
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is told must be exact")]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Spread {
        Spread::of(values.to_vec()).unwrap()
    }

    fn quartiles(values: &[f64]) -> [f64; 3] {
        [0.25, 0.5, 0.75].map(|share| spread(values).quantile(share))
    }

    #[test]
    fn nothing_has_no_spread() {
        assert!(Spread::of(Vec::new()).is_none());
    }

    #[test]
    fn quartiles_are_interpolated_between_neighbours() {
        assert_eq!(quartiles(&[7.0]), [7.0, 7.0, 7.0]);
        assert_eq!(quartiles(&[1.0, 2.0]), [1.25, 1.5, 1.75]);
        assert_eq!(quartiles(&[4.0, 1.0, 3.0, 2.0]), [1.75, 2.5, 3.25]);
        assert_eq!(quartiles(&[5.0, 1.0, 4.0, 2.0, 3.0]), [2.0, 3.0, 4.0]);
        assert_eq!(quartiles(&[-1.0, -1.0, -1.0, 9.0]), [-1.0, -1.0, 1.5]);
    }

    #[test]
    fn bins_are_of_equal_width_and_hold_every_value() {
        assert_eq!(spread(&[0.0, 1.0, 2.0, 3.0, 4.0]).bins(4), [1, 1, 1, 2]);
        assert_eq!(spread(&[0.0, 0.9, 1.0, 4.0]).bins(4), [2, 1, 0, 1]);
        assert_eq!(spread(&[-2.0, 2.0]).bins(24).len(), 24);
        assert_eq!(spread(&[3.5, 3.5, 3.5]).bins(24), [3]);
        assert_eq!(spread(&[0.0, -0.0]).bins(24), [2]);
    }

    #[test]
    fn below_counts_only_what_is_smaller() {
        let four = spread(&[1.0, 2.0, 2.0, 3.0]);
        assert_eq!([0.0, 1.0, 2.0, 2.5, 3.0, 9.0].map(|v| four.below(v)), [0.0, 0.0, 0.25, 0.75, 0.75, 1.0]);
    }

    #[test]
    fn the_ends_of_what_a_double_can_hold_are_no_exception() {
        for ends in [[f64::MIN, f64::MAX], [0.0, f64::from_bits(1)], [-1.0e308, 1.7e308], [1.0, 1.0 + f64::EPSILON]] {
            let two = spread(&ends);
            let bins = two.bins(24);
            assert_eq!((bins[0], bins[23], bins.iter().sum::<usize>()), (1, 1, 2), "{ends:?}");
            for share in [0.25, 0.5, 0.75] {
                assert!((ends[0]..=ends[1]).contains(&two.quantile(share)), "{ends:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn every_value_is_counted_once_and_quartiles_are_in_order(
            values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 1..60)
        ) {
            let spread = spread(&values);
            assert_eq!(spread.bins(24).iter().sum::<usize>(), values.len());
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| spread.quantile(share));
            assert!(spread.min() <= low && low <= middle && middle <= high && high <= spread.max());
            assert!((0.0..=1.0).contains(&spread.below(values[0])));
        }
    }
}
