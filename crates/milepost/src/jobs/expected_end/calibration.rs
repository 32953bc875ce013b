//! How often expectations held: past runs are gone through once more, and at each step it is compared what would have been
//! expected then with when the run really ended.

use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::MOST_RUNS;
use super::quantiles::interval;
use crate::app::App;
use crate::auth::{ProviderId, ProviderReader};
use crate::configurations::version::Version;
use crate::db::{Db, Select, Tx, on};
use crate::durations::WHOLE_JOB;
use crate::error::Result;
use crate::http::{Json, Query};
use crate::values::Tag;

/// The most versions that are looked at, the newest.
const MOST_VERSIONS: i64 = 10;
/// The most runs of each that are gone through, the newest.
const MOST_TESTED: usize = 200;
/// About how many durations of each are read: of configurations with many steps fewer runs.
const MOST_DURATIONS: i64 = 20_000;

/// Whose expectations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::jobs) struct CalibrationQuery {
    /// The tag of the configuration.
    tag: Tag,
    /// One version of it; the newest 10 if absent.
    #[param(value_type = Option<Version>)]
    version: Option<Version>,
}

/// How often expectations held.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::jobs) struct Calibration {
    /// Of all versions together.
    #[serde(flatten)]
    all: Tally,
    /// By version, the newest first.
    items: Vec<CalibrationOfVersion>,
}

/// How often expectations of a version held.
#[derive(Debug, Serialize, ToSchema)]
struct CalibrationOfVersion {
    /// The configuration.
    job_configuration_id: Uuid,
    /// Its version.
    version: String,
    /// How many of its completed runs were gone through: the newest, at most 200.
    runs: usize,
    #[serde(flatten)]
    tally: Tally,
}

/// Expectations, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
struct Tally {
    /// How many there were: one at the begin of a run and one at each step it finished, where 5 runs had ended before.
    predictions: usize,
    /// Of these the run ended inside the interval.
    inside: usize,
    /// It ended earlier.
    below: usize,
    /// It ended later.
    above: usize,
}

/// How often expected ends held
///
/// Goes through the newest 200 completed runs of each version. At the begin and at each step that a run finished it is
/// worked out what was to be expected then, from the runs of that version that had ended before, and compared with its
/// real end. Four fifths should lie inside.
#[utoipa::path(get, path = "/analytics/calibration", tag = "Analytics", operation_id = "read_calibration",
    params(CalibrationQuery), responses((status = 200, description = "The numbers", body = Calibration)))]
pub(in crate::jobs) async fn read_calibration(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(query): Query<CalibrationQuery>,
) -> Result<Json<Calibration>> {
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let versions = find_versions(app.db(), provider, &query).await?;
    let mut calibration = Calibration { all: Tally::default(), items: Vec::new() };
    for VersionToTest { id, version, steps } in versions {
        let mut snapshot = app.db().begin_reading().await?;
        let runs = load_runs(&mut snapshot, id, steps).await?;
        snapshot.commit().await?;
        let (runs, tally) = test(&runs);
        calibration.all.add(tally);
        calibration.items.push(CalibrationOfVersion { job_configuration_id: id, version, runs, tally });
    }
    Ok(Json(calibration))
}

#[derive(FromRow)]
struct VersionToTest {
    id: Uuid,
    version: String,
    steps: i64,
}

async fn find_versions(db: &Db, provider: ProviderId, query: &CalibrationQuery) -> sqlx::Result<Vec<VersionToTest>> {
    Select::new(
        "select c.id, c.version, (select count(*) from step_configurations s where s.job_configuration_id = c.id) as steps
         from job_configurations c",
    )
    .bind(" where c.provider_id = ", provider.id())
    .bind(" and c.tag = ", query.tag.to_string())
    .bind_some(" and c.version = ", query.version.as_ref().map(Version::to_string))
    .bind(" order by c.precedence desc, c.created_at desc, c.id desc limit ", MOST_VERSIONS)
    .fetch_all(db)
    .await
}

/// A completed run at its begin or where it had finished a step.
#[derive(Debug, Clone, Copy, FromRow)]
struct Reached {
    job_id: Uuid,
    step_configuration_id: Uuid,
    finished_at: DateTime<Utc>,
    remaining: i64,
}

impl Reached {
    /// When it was there.
    fn at(&self) -> DateTime<Utc> {
        if self.step_configuration_id == WHOLE_JOB { self.ended_at() - self.remaining() } else { self.finished_at }
    }

    fn ended_at(&self) -> DateTime<Utc> {
        if self.step_configuration_id == WHOLE_JOB { self.finished_at } else { self.finished_at + self.remaining() }
    }

    fn remaining(&self) -> TimeDelta {
        TimeDelta::microseconds(self.remaining)
    }
}

/// The newest completed runs of a configuration with so many steps.
async fn load_runs(tx: &mut Tx, configuration: Uuid, steps: i64) -> sqlx::Result<Vec<Reached>> {
    let tested = i64::try_from(MOST_TESTED).unwrap_or(i64::MAX);
    // Before the first that is tested there are as many as are looked at of a run that is under way.
    let most = (MOST_DURATIONS / (steps + 1)).clamp(1, tested + MOST_RUNS);
    on!(tx, |c| {
        sqlx::query_as(
            "select job_id, step_configuration_id, finished_at, remaining from durations
             where remaining > 0 and job_id in (
                 select job_id from durations where job_configuration_id = $1 and step_configuration_id = $2
                 order by finished_at desc limit $3)",
        )
        .bind(configuration)
        .bind(WHOLE_JOB)
        .bind(most)
        .fetch_all(c)
        .await
    })
}

/// Expects the newest runs to end at each place they reached; gives how many runs, and what became of it.
fn test(reached: &[Reached]) -> (usize, Tally) {
    let mut ends: Vec<(DateTime<Utc>, Uuid)> = reached
        .iter()
        .filter(|it| it.step_configuration_id == WHOLE_JOB)
        .map(|it| (it.ended_at(), it.job_id))
        .collect();
    ends.sort_unstable_by(|one, other| other.cmp(one));
    ends.truncate(MOST_TESTED);
    let tested: HashMap<Uuid, DateTime<Utc>> = ends.iter().map(|(at, id)| (*id, *at)).collect();
    let mut by_step: HashMap<Uuid, Vec<Reached>> = HashMap::new();
    for it in reached {
        by_step.entry(it.step_configuration_id).or_default().push(*it);
    }
    let mut tally = Tally::default();
    for mut of_step in by_step.into_values() {
        // As an expectation looks at them: the last to get there first.
        of_step.sort_unstable_by_key(|it| std::cmp::Reverse(it.finished_at));
        for run in of_step.iter().filter(|it| tested.contains_key(&it.job_id)) {
            tally.note(run, &of_step);
        }
    }
    (tested.len(), tally)
}

impl Tally {
    /// Expects a run to end, from those that had ended when it was there.
    fn note(&mut self, run: &Reached, others: &[Reached]) {
        let most = usize::try_from(MOST_RUNS).unwrap_or(usize::MAX);
        let before = others.iter().filter(|other| other.job_id != run.job_id && other.ended_at() < run.at());
        let mut remaining: Vec<i64> = before.take(most).map(|other| other.remaining).collect();
        remaining.sort_unstable();
        let Some(expected) = interval(&remaining, 0) else { return };
        self.predictions += 1;
        if run.remaining < expected.from {
            self.below += 1;
        } else if run.remaining > expected.to {
            self.above += 1;
        } else {
            self.inside += 1;
        }
    }

    fn add(&mut self, other: Self) {
        self.predictions += other.predictions;
        self.inside += other.inside;
        self.below += other.below;
        self.above += other.above;
    }
}
