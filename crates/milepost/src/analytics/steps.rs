//! Which steps fail, which are slow, and since which version.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::{Filter, PeriodBefore, PeriodTold, Selection};
use super::samples::{self, Wanted};
use super::sums::{self, By};
use crate::app::App;
use crate::auth::{ProviderId, ProviderReader};
use crate::db::{Select, Tx};
use crate::error::Result;
use crate::http::{Json, Query};
use crate::rollups::{EVERYBODY, Sums};
use crate::spread::Spread;
use crate::values::{Name, Tag};

/// The most steps that are told of.
const MAX_STEPS: usize = 500;
/// The most versions of a step that are told of by themselves.
const MAX_VERSIONS: usize = 20;
/// The most durations of a step version that are looked at.
const MAX_SAMPLES: usize = 1_000;
/// The most that are looked at in all: of more than 100 step versions, fewer of each are.
const MAX_ALL_SAMPLES: usize = 100_000;

/// The steps of a period in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepFigures {
    /// The period.
    period: PeriodTold,
    /// The period before.
    before: PeriodBefore,
    /// The steps that anything finished or failed in within the period, by the tag of their configuration and then in the
    /// order of its newest version: at most the 500 with most finishes and errors.
    #[schema(max_items = 500)]
    items: Vec<StepFiguresItem>,
    /// How many such steps there are beside these.
    more: usize,
}

/// A step of all versions of a configuration in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepFiguresItem {
    /// The tag of the configuration.
    tag: Tag,
    /// The tag of the step.
    step: Tag,
    /// Its name in the newest of these versions.
    name: Name,
    /// How often it was finished.
    finished: i64,
    /// How many errors named it.
    errors: i64,
    /// The share of errors among finishes and errors, 0..1; null without any.
    #[schema(minimum = 0, maximum = 1)]
    error_rate: Option<f64>,
    /// The same in the period before.
    #[schema(minimum = 0, maximum = 1)]
    error_rate_before: Option<f64>,
    #[serde(flatten)]
    durations: DurationFigures,
    /// Versions that anything finished or failed in, the newest last: at most the 20 newest.
    #[schema(max_items = 20)]
    versions: Vec<StepVersionFigures>,
}

/// A step of a version in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepVersionFigures {
    /// The version of the configuration.
    version: String,
    /// The quarter of an hour in which the first job of this version was opened, ever, of those that have begun; null
    /// without one.
    first_seen: Option<DateTime<Utc>>,
    /// How often the step was finished.
    finished: i64,
    /// How many errors named it.
    errors: i64,
    /// The share of errors among finishes and errors, 0..1; null without any.
    #[schema(minimum = 0, maximum = 1)]
    error_rate: Option<f64>,
    #[serde(flatten)]
    durations: DurationFigures,
}

/// How long a step takes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DurationFigures {
    /// How many durations were looked at: of each version the newest 1,000 of the period, fewer where there are more than 100
    /// versions of steps in all.
    samples: usize,
    /// Seconds that half of these take at most; null without any.
    median: Option<f64>,
    /// Seconds that nine tenths of these take at most; null without any.
    p90: Option<f64>,
}

/// Which steps fail, which are slow, and since which version
///
/// For each step of each configuration how often it finished and failed, how long it took, and the same by version.
#[utoipa::path(get, path = "/analytics/steps", tag = "Analytics", operation_id = "analyse_steps", params(Filter),
    responses((status = 200, description = "The figures", body = StepFigures)))]
pub(super) async fn read_steps(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(filter): Query<Filter>,
) -> Result<Json<StepFigures>> {
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let selection = filter.select(&mut snapshot, provider, app.clock().now()).await?;
    let mut steps = load_steps(&mut snapshot, &selection).await?;
    steps.sort_by_key(|step| Reverse(step.size()));
    let more = steps.split_off(steps.len().min(MAX_STEPS)).len();
    steps.sort_by(|a, b| a.order().cmp(&b.order()));
    let versions: Vec<&(StepVersion, Sums)> = steps.iter().flat_map(|step| &step.versions).collect();
    let mut seconds = load_durations(&mut snapshot, &selection, &versions).await?;
    let first_seen = load_first_seen(&mut snapshot, provider, &versions).await?;
    snapshot.commit().await?;
    let items = steps.iter().map(|step| step.tell(&mut seconds, &first_seen)).collect();
    Ok(Json(StepFigures { period: selection.period(), before: selection.period_before(), items, more }))
}

/// A step of a version of a configuration.
#[derive(Debug, Clone, FromRow)]
pub(super) struct StepVersion {
    pub(super) step_configuration_id: Uuid,
    pub(super) job_configuration_id: Uuid,
    tag: Tag,
    pub(super) version: String,
    precedence: Vec<u8>,
    created_at: DateTime<Utc>,
    pub(super) step: Tag,
    name: Name,
    position: i64,
}

impl StepVersion {
    /// The newest version is the greatest.
    pub(super) fn precedence(&self) -> impl Ord + use<'_> {
        (&self.precedence, self.created_at, self.job_configuration_id)
    }
}

/// A step of all versions of a configuration.
#[derive(Default)]
struct Step {
    /// Of the period before, and of the period.
    sums: [Sums; 2],
    /// Those of the period, the newest last.
    versions: Vec<(StepVersion, Sums)>,
}

/// The steps that anything finished or failed in within the period.
async fn load_steps(tx: &mut Tx, selection: &Selection) -> Result<Vec<Step>> {
    let boundaries = [selection.before, selection.from, selection.to];
    let found = sums::load::<StepVersion>(tx, selection, &selection.whose.scopes(), &boundaries, By::Step).await?;
    let mut versions: HashMap<Uuid, (StepVersion, [Sums; 2])> = HashMap::new();
    for sum in found {
        let version = versions.entry(sum.key.step_configuration_id).or_insert_with(|| (sum.key, Default::default()));
        version.1[sum.part] += sum.sums;
    }
    let mut steps: BTreeMap<(Tag, Tag), Step> = BTreeMap::new();
    for (version, sums) in versions.into_values() {
        let step = steps.entry((version.tag.clone(), version.step.clone())).or_default();
        step.sums[0] += sums[0];
        step.sums[1] += sums[1];
        if sums[1] != Sums::default() {
            step.versions.push((version, sums[1]));
        }
    }
    let mut steps: Vec<Step> = steps.into_values().filter(|step| !step.versions.is_empty()).collect();
    for step in &mut steps {
        step.versions.sort_by(|(a, _), (b, _)| a.precedence().cmp(&b.precedence()));
        step.versions.drain(..step.versions.len().saturating_sub(MAX_VERSIONS));
    }
    Ok(steps)
}

impl Step {
    /// How much there was of it.
    fn size(&self) -> i64 {
        let [_, Sums { steps, errors, .. }] = self.sums;
        steps + errors
    }

    /// By configuration, and there as in its newest version.
    fn order(&self) -> impl Ord + use<'_> {
        let newest = self.versions.last();
        newest.map(|(version, _)| (&version.tag, Reverse(version.precedence()), version.position))
    }

    fn tell(
        &self,
        seconds: &mut HashMap<Uuid, Vec<f64>>,
        first_seen: &HashMap<Uuid, DateTime<Utc>>,
    ) -> StepFiguresItem {
        let mut all = Vec::new();
        let tell_version = |(version, sums): &(StepVersion, Sums)| {
            let of_version = seconds.remove(&version.step_configuration_id).unwrap_or_default();
            all.extend_from_slice(&of_version);
            StepVersionFigures {
                version: version.version.clone(),
                first_seen: first_seen.get(&version.job_configuration_id).copied(),
                finished: sums.steps,
                errors: sums.errors,
                error_rate: error_rate(sums),
                durations: DurationFigures::of(of_version),
            }
        };
        let versions = self.versions.iter().map(tell_version).collect();
        let (newest, _) = &self.versions[self.versions.len() - 1];
        let [before, sums] = &self.sums;
        StepFiguresItem {
            tag: newest.tag.clone(),
            step: newest.step.clone(),
            name: newest.name.clone(),
            finished: sums.steps,
            errors: sums.errors,
            error_rate: error_rate(sums),
            error_rate_before: error_rate(before),
            durations: DurationFigures::of(all),
            versions,
        }
    }
}

impl DurationFigures {
    fn of(seconds: Vec<f64>) -> Self {
        let samples = seconds.len();
        let spread = Spread::of(seconds);
        let quantile = |share| spread.as_ref().map(|spread| spread.quantile(share));
        Self { samples, median: quantile(0.5), p90: quantile(0.9) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
fn error_rate(sums: &Sums) -> Option<f64> {
    let tries = sums.steps + sums.errors;
    (tries > 0).then(|| sums.errors as f64 / tries as f64)
}

#[derive(FromRow)]
struct Duration {
    #[sqlx(try_from = "i64")]
    place: usize,
    duration: i64,
}

/// How many seconds the newest finishes of each step version took.
#[expect(clippy::cast_precision_loss, reason = "microseconds of 285 years are exact")]
async fn load_durations(
    tx: &mut Tx,
    selection: &Selection,
    versions: &[&(StepVersion, Sums)],
) -> Result<HashMap<Uuid, Vec<f64>>> {
    let most = MAX_SAMPLES.min(MAX_ALL_SAMPLES / versions.len().max(1));
    let finished: Vec<&StepVersion> =
        versions.iter().filter(|(_, sums)| sums.steps > 0).map(|(version, _)| version).collect();
    let want = |version: &&StepVersion| Wanted {
        job_configuration_id: version.job_configuration_id,
        step_configuration_id: version.step_configuration_id,
        from: selection.from,
        to: selection.to,
        most,
    };
    let wanted: Vec<Wanted> = finished.iter().map(want).collect();
    let found: Vec<Duration> = samples::load_newest(tx, &selection.whose, "duration", &wanted).await?;
    let mut seconds: HashMap<Uuid, Vec<f64>> = HashMap::new();
    for Duration { place, duration } in found {
        let of_version = seconds.entry(finished[place].step_configuration_id).or_default();
        of_version.push(duration as f64 / 1_000_000.0);
    }
    Ok(seconds)
}

/// That jobs were opened within that have begun.
const OPENED: &str = "running + completed + error + abandoned > 0";

/// The quarter of an hour in which the first job of each version was opened, of those that have begun.
async fn load_first_seen(
    tx: &mut Tx,
    provider: ProviderId,
    versions: &[&(StepVersion, Sums)],
) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    if versions.is_empty() {
        return Ok(HashMap::new());
    }
    let mut ids: Vec<Uuid> = versions.iter().map(|(version, _)| version.job_configuration_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut select = Select::new("");
    let provider = select.value(provider.id());
    let all = select.value(EVERYBODY);
    // The first day leads to the quarter: of it no more than that day is read.
    let rows: Vec<(Uuid, Option<DateTime<Utc>>)> = select
        .push(&format!(
            "select days.configuration, (select start from rollups where provider_id = {provider} and customer = {all}
                 and series = 'job_quarters' and start >= days.first and configuration = days.configuration and {OPENED}
                 order by start limit 1)
             from (select configuration, min(start) as first from rollups where provider_id = {provider}
                 and customer = {all} and series = 'job_days' and {OPENED} and"
        ))
        .bind_all(" configuration", ids)
        .push(" group by configuration) as days")
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().filter_map(|(id, start)| Some((id, start?))).collect())
}
