//! What a step measured: how each of its numbers is spread, and how it went over time.

use std::cmp::Reverse;
use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json as JsonColumn;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::query::{Filter, PeriodTold, Selection};
use super::samples::{self, Wanted};
use super::steps::StepVersion;
use super::sums::{self, By};
use crate::app::App;
use crate::auth::ProviderReader;
use crate::configurations::version::Version;
use crate::customers::Whom;
use crate::db::{Tx, fetch_for_rows};
use crate::error::Result;
use crate::http::{Json, Query};
use crate::period::{Bound, Part, Unit, Zone};
use crate::progress::Measurement;
use crate::spread::Spread;
use crate::values::Tag;

/// The most finished steps that are looked at.
const MAX_SAMPLES: usize = 1_000;
/// Into how many slices the period is cut at most.
const MAX_SLICES: usize = 62;
/// The most versions that are looked at.
const MAX_VERSIONS: usize = 20;
/// Into how many bins of equal width the values are counted.
const BINS: u8 = 24;
/// How many steps' metadata is in memory at once: that of one may be 400 KiB.
const TOGETHER: usize = 64;

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MetadataFilter {
    /// The configuration.
    tag: Tag,
    /// The step, by its tag.
    step: Tag,
    /// The first day of the period, or the time it begins at, a whole quarter of an hour; 30 days before its end if absent.
    #[param(inline, value_type = Option<Bound>, example = "2026-11-01")]
    from: Option<Bound>,
    /// The last day of the period, or the time it ends before, a whole quarter of an hour; today if absent.
    #[param(inline, value_type = Option<Bound>, example = "2026-11-30")]
    to: Option<Bound>,
    /// The time zone whose days and months count; UTC if absent.
    #[param(value_type = Option<Zone>)]
    zone: Option<Zone>,
    /// The parts that the period is shown in, at most 400 days or 240 months; days if absent.
    #[param(inline)]
    by: Option<Unit>,
    /// Jobs of this version of the `tag`.
    #[param(value_type = Option<Version>)]
    version: Option<Version>,
    /// Jobs for this customer: a `customer_id`, the `id` in the list of customers, an e-mail address, or `none` for those of
    /// nobody.
    #[param(inline, value_type = Option<Whom>)]
    customer: Option<Whom>,
}

/// The numbers that a step measured.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MetadataFigures {
    /// The period.
    period: PeriodTold,
    /// One for each numeric field with a value, in the order of the newest version that has it. A field whose unit changed
    /// is one for each unit.
    items: Vec<FieldFigures>,
}

/// How the values of a numeric field are spread: the latest of each job, of at most 1,000 of the jobs that finished the step
/// within the period, spread over it as evenly as possible, the newest of each day or month.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldFigures {
    /// Its key in `event_metadata`.
    name: String,
    /// Its unit.
    units: Option<String>,
    /// How many values were looked at.
    samples: usize,
    /// The smallest of them.
    min: f64,
    /// A tenth of them are at most so great.
    p10: f64,
    /// Half of them are at most so great.
    median: f64,
    /// Nine tenths of them are at most so great.
    p90: f64,
    /// The greatest of them.
    max: f64,
    /// How many of them lie in each of 24 bins of equal width from `min` to `max`; one bin if these are equal.
    #[schema(min_items = 1, max_items = 24)]
    histogram: Vec<Bin>,
    /// The same by version, the newest last: at most the 20 newest.
    #[schema(max_items = 20)]
    versions: Vec<VersionSpread>,
    /// The same over time, where there are any. At most 62 days or months are told of one by one; in a longer period they are
    /// put together by equal numbers.
    #[schema(max_items = 62)]
    trend: Vec<TrendPoint>,
}

/// Values that lie close to each other.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Bin {
    /// The smallest value that is counted.
    from: f64,
    /// The value up to which is counted, which itself belongs to the next bin; in the last bin it is counted.
    to: f64,
    /// How many there are.
    count: usize,
}

/// The values of a version of a configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionSpread {
    /// The version.
    version: String,
    /// How many values.
    samples: usize,
    /// A tenth of them are at most so great.
    p10: f64,
    /// Half of them are at most so great.
    median: f64,
    /// Nine tenths of them are at most so great.
    p90: f64,
}

/// The values of a day or a month, or of several in a row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrendPoint {
    /// The first day.
    date: NaiveDate,
    /// How many values.
    samples: usize,
    /// A tenth of them are at most so great.
    p10: f64,
    /// Half of them are at most so great.
    median: f64,
    /// Nine tenths of them are at most so great.
    p90: f64,
}

/// What a step measured
///
/// For each of its numbers how the values are spread, by version as well, and how they went over time.
#[utoipa::path(get, path = "/analytics/metadata", tag = "Analytics", operation_id = "analyse_metadata",
    params(MetadataFilter), responses((status = 200, description = "The figures", body = MetadataFigures)))]
pub(super) async fn read_metadata(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(filter): Query<MetadataFilter>,
) -> Result<Json<MetadataFigures>> {
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let (filter, step) = filter.apart();
    let selection = filter.select(&mut snapshot, provider, app.clock().now()).await?;
    let slices = Slices::of(&selection);
    let finished = load_finished(&mut snapshot, &selection, &slices, &step).await?;
    let samples = choose_samples(&mut snapshot, &selection, &slices, &finished).await?;
    let fields = load_fields(&mut snapshot, &finished).await?;
    let values = load_values(&mut snapshot, &fields, &samples).await?;
    snapshot.commit().await?;
    let items = fields.order.iter().zip(values).filter_map(|(field, values)| field.tell(values, &slices, &finished));
    Ok(Json(MetadataFigures { period: selection.period(), items: items.collect() }))
}

impl MetadataFilter {
    /// What every call is asked for, and the step.
    fn apart(self) -> (Filter, Tag) {
        let Self { tag, step, from, to, zone, by, version, customer } = self;
        (Filter { from, to, zone, by, tag: Some(tag), version, customer }, step)
    }
}

/// Days or months of a period, or several in a row each.
struct Slices {
    dates: Vec<NaiveDate>,
    /// One more than there are slices.
    boundaries: Vec<DateTime<Utc>>,
}

impl Slices {
    fn of(selection: &Selection) -> Self {
        let size = selection.parts.len().div_ceil(MAX_SLICES).max(1);
        let firsts: Vec<&Part> = selection.parts.iter().step_by(size).collect();
        let boundaries = firsts.iter().map(|part| part.from).chain([selection.to]).collect();
        Self { dates: firsts.iter().map(|part| part.date).collect(), boundaries }
    }
}

/// A version of the step, and how often it was finished in each slice.
struct FinishedVersion {
    version: StepVersion,
    by_slice: Vec<usize>,
}

/// The newest versions that finished the step within the period, the newest first.
async fn load_finished(
    tx: &mut Tx,
    selection: &Selection,
    slices: &Slices,
    step: &Tag,
) -> Result<Vec<FinishedVersion>> {
    let scopes = selection.whose.scopes();
    let found = sums::load::<StepVersion>(tx, selection, &scopes, &slices.boundaries, By::Step).await?;
    let mut counts: HashMap<Uuid, (StepVersion, Vec<i64>)> = HashMap::new();
    for sum in found.into_iter().filter(|sum| sum.key.step == *step) {
        let none = || vec![0; slices.dates.len()];
        let counted = counts.entry(sum.key.step_configuration_id).or_insert_with(|| (sum.key, none()));
        counted.1[sum.part] += sum.sums.steps;
    }
    let counted = |(version, by_slice): (StepVersion, Vec<i64>)| FinishedVersion {
        version,
        by_slice: by_slice.into_iter().map(|count| usize::try_from(count).unwrap_or_default()).collect(),
    };
    let mut versions: Vec<FinishedVersion> = counts.into_values().map(counted).collect();
    versions.retain(|finished| finished.by_slice.iter().any(|count| *count > 0));
    versions.sort_by(|a, b| b.version.precedence().cmp(&a.version.precedence()));
    versions.truncate(MAX_VERSIONS);
    Ok(versions)
}

/// A finished step of a job that is looked at.
#[derive(Clone, Copy)]
struct Sample {
    slice: usize,
    /// The place among the versions.
    version: usize,
}

#[derive(FromRow)]
struct Finish {
    #[sqlx(try_from = "i64")]
    place: usize,
    job_id: Uuid,
    finished_at: DateTime<Utc>,
}

/// The newest finishes of each slice, so many as are its share, by job and step.
async fn choose_samples(
    tx: &mut Tx,
    selection: &Selection,
    slices: &Slices,
    versions: &[FinishedVersion],
) -> Result<HashMap<(Uuid, Uuid), Sample>> {
    let counts: Vec<usize> =
        (0..slices.dates.len()).map(|slice| versions.iter().map(|finished| finished.by_slice[slice]).sum()).collect();
    let shares = share_out(MAX_SAMPLES, &counts);
    let mut places = Vec::new();
    let mut wanted = Vec::new();
    for (slice, most) in shares.iter().copied().enumerate() {
        for (place, FinishedVersion { version, .. }) in
            versions.iter().enumerate().filter(|(_, finished)| finished.by_slice[slice] > 0)
        {
            places.push((slice, place));
            wanted.push(Wanted {
                job_configuration_id: version.job_configuration_id,
                step_configuration_id: version.step_configuration_id,
                from: slices.boundaries[slice],
                to: slices.boundaries[slice + 1],
                most,
            });
        }
    }
    let mut found: Vec<Finish> = samples::load_newest(tx, &selection.whose, "job_id, finished_at", &wanted).await?;
    found.sort_unstable_by_key(|finish| Reverse((finish.finished_at, finish.job_id)));
    let mut left = shares;
    let mut samples = HashMap::new();
    for Finish { place, job_id, .. } in found {
        let (slice, version) = places[place];
        if left[slice] > 0 {
            left[slice] -= 1;
            let step = versions[version].version.step_configuration_id;
            samples.insert((job_id, step), Sample { slice, version });
        }
    }
    Ok(samples)
}

/// Shares so many out, as evenly as possible, among those who can take so many each.
fn share_out(most: usize, can_take: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..can_take.len()).collect();
    order.sort_by_key(|place| can_take[*place]);
    let mut shares = vec![0; can_take.len()];
    let mut left = most;
    for (done, place) in order.iter().enumerate() {
        let share = can_take[*place].min(left / (order.len() - done));
        shares[*place] = share;
        left -= share;
    }
    shares
}

/// A numeric field in one unit.
struct Field {
    name: String,
    units: Option<String>,
}

/// The numeric fields of several versions.
struct Fields {
    /// In the order of the newest version that has them.
    order: Vec<Field>,
    /// The place there of a step version's field.
    places: HashMap<(Uuid, String), usize>,
}

#[derive(FromRow)]
struct FieldRow {
    step_configuration_id: Uuid,
    name: String,
    units: Option<String>,
    position: i64,
}

async fn load_fields(tx: &mut Tx, versions: &[FinishedVersion]) -> sqlx::Result<Fields> {
    let steps: Vec<Uuid> = versions.iter().map(|finished| finished.version.step_configuration_id).collect();
    let find = "select m.step_configuration_id, m.name, m.units, m.position
        from v cross join metadata_configurations m where m.step_configuration_id = v.id and m.kind = 'number'";
    let mut rows: Vec<FieldRow> = fetch_for_rows!(tx, find, steps, |step| { id: *step });
    let newness = |row: &FieldRow| steps.iter().position(|step| *step == row.step_configuration_id);
    rows.sort_by_key(|row| (newness(row), row.position));
    let mut fields = Fields { order: Vec::new(), places: HashMap::new() };
    for FieldRow { step_configuration_id, name, units, .. } in rows {
        let known = fields.order.iter().position(|field| field.name == name && field.units == units);
        let place = known.unwrap_or_else(|| {
            fields.order.push(Field { name: name.clone(), units });
            fields.order.len() - 1
        });
        fields.places.insert((step_configuration_id, name), place);
    }
    Ok(fields)
}

#[derive(FromRow)]
struct MeasuredStep {
    job_id: Uuid,
    step_configuration_id: Uuid,
    metadata: JsonColumn<HashMap<String, Measurement>>,
}

/// The values of each field.
async fn load_values(
    tx: &mut Tx,
    fields: &Fields,
    samples: &HashMap<(Uuid, Uuid), Sample>,
) -> sqlx::Result<Vec<Vec<(Sample, f64)>>> {
    let mut values = vec![Vec::new(); fields.order.len()];
    let find = "select s.job_id, s.step_configuration_id, s.metadata from v cross join job_steps s
        where s.job_id = v.job_id and s.step_configuration_id = v.step_configuration_id";
    let keys: Vec<(Uuid, Uuid)> = samples.keys().copied().collect();
    for together in keys.chunks(TOGETHER) {
        let rows: Vec<MeasuredStep> =
            fetch_for_rows!(&mut *tx, find, together, |key| { job_id: key.0, step_configuration_id: key.1 });
        for row in rows {
            let step = row.step_configuration_id;
            let Some(sample) = samples.get(&(row.job_id, step)) else { continue };
            for (name, Measurement { value, .. }) in row.metadata.0 {
                if let (Some(value), Some(place)) = (value.as_f64(), fields.places.get(&(step, name))) {
                    values[*place].push((*sample, value));
                }
            }
        }
    }
    Ok(values)
}

impl Field {
    /// What its values come to; nothing without any.
    fn tell(
        &self,
        values: Vec<(Sample, f64)>,
        slices: &Slices,
        versions: &[FinishedVersion],
    ) -> Option<FieldFigures> {
        let mut by_version = vec![Vec::new(); versions.len()];
        let mut by_slice = vec![Vec::new(); slices.dates.len()];
        for (sample, value) in &values {
            by_version[sample.version].push(*value);
            by_slice[sample.slice].push(*value);
        }
        let spread = Spread::of(values.into_iter().map(|(_, value)| value).collect())?;
        let of_version = |(finished, values): (&FinishedVersion, Vec<f64>)| {
            let [p10, median, p90] = shares_of(&Spread::of(values.clone())?);
            let version = finished.version.version.clone();
            Some(VersionSpread { version, samples: values.len(), p10, median, p90 })
        };
        let of_slice = |(date, values): (&NaiveDate, Vec<f64>)| {
            let [p10, median, p90] = shares_of(&Spread::of(values.clone())?);
            Some(TrendPoint { date: *date, samples: values.len(), p10, median, p90 })
        };
        let [p10, median, p90] = shares_of(&spread);
        Some(FieldFigures {
            name: self.name.clone(),
            units: self.units.clone(),
            samples: spread.count(),
            min: spread.min(),
            p10,
            median,
            p90,
            max: spread.max(),
            histogram: histogram(&spread),
            versions: versions.iter().zip(by_version).rev().filter_map(of_version).collect(),
            trend: slices.dates.iter().zip(by_slice).filter_map(of_slice).collect(),
        })
    }
}

fn shares_of(spread: &Spread) -> [f64; 3] {
    [0.1, 0.5, 0.9].map(|share| spread.quantile(share))
}

fn histogram(spread: &Spread) -> Vec<Bin> {
    let counts = spread.bins(usize::from(BINS));
    let bins = if counts.len() == 1 { 1 } else { BINS };
    let edge = |number: u8| spread.between(f64::from(number) / f64::from(bins));
    let bin = |(number, count)| Bin { from: edge(number), to: edge(number + 1), count };
    (0..bins).zip(counts).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_cannot_take_goes_to_the_others() {
        assert_eq!(share_out(10, &[100, 100]), [5, 5]);
        assert_eq!(share_out(10, &[1, 0, 100]), [1, 0, 9]);
        assert_eq!(share_out(10, &[100, 2, 3]), [5, 2, 3]);
        assert_eq!(share_out(1_000, &[300]), [300]);
        assert_eq!(share_out(3, &[5, 5, 5, 5]), [0, 1, 1, 1]);
        assert!(share_out(5, &[]).is_empty());
    }
}
