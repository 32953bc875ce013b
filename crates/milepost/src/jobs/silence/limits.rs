//! How long jobs may go without news: as long as their steps usually take, or what the provider has set.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use sqlx::FromRow;
use uuid::Uuid;

use super::schedule::{LEAST, Limits, USUAL};
use crate::app::App;
use crate::db::Select;

/// How long the limits of steps are kept in mind.
const KEPT: TimeDelta = TimeDelta::minutes(5);
/// Limits of steps that are kept in mind, some 24 bytes each.
const STEPS: u64 = 100_000;
/// So many of the newest durations of a step say how long it usually takes.
const NEWEST: i64 = 1_000;
/// With fewer it is not known.
const ENOUGH: i64 = 20;
/// Of configurations so many are asked for at once.
const AT_ONCE: usize = 100;

/// A step and how long it usually takes, at least.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepLimit {
    pub(super) step_id: Uuid,
    limit: TimeDelta,
}

/// The steps of configurations with their limits, as they were a short while ago. Counting them out takes longer than all
/// else that a look at a job does.
#[derive(Debug)]
pub struct StepLimits(Cache<Uuid, Known>);

#[derive(Debug, Clone)]
struct Known {
    as_of: DateTime<Utc>,
    steps: Arc<[StepLimit]>,
}

impl Default for StepLimits {
    fn default() -> Self {
        let weigh = |_: &Uuid, known: &Known| u32::try_from(1 + known.steps.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(STEPS).weigher(weigh).build())
    }
}

/// The steps of a configuration, in their order, and how long its jobs may go without news.
#[derive(Debug)]
pub(super) struct ConfigurationLimits {
    pub(super) steps: Arc<[StepLimit]>,
    pub(super) limits: Limits,
}

/// The limits of configurations, by their ids. What providers have set counts at once.
pub(super) async fn load(
    app: &App,
    configurations: &BTreeSet<Uuid>,
) -> sqlx::Result<HashMap<Uuid, ConfigurationLimits>> {
    let steps = load_steps(app, configurations).await?;
    let set = load_set(app, configurations).await?;
    let with_limits = |(id, steps): (Uuid, Arc<[StepLimit]>)| {
        let limits = match set.get(&id) {
            Some(limit) => Limits { of_steps: vec![*limit; steps.len()], otherwise: *limit },
            None => Limits { of_steps: steps.iter().map(|step| step.limit).collect(), otherwise: USUAL },
        };
        (id, ConfigurationLimits { steps, limits })
    };
    Ok(steps.into_iter().map(with_limits).collect())
}

async fn load_steps(app: &App, configurations: &BTreeSet<Uuid>) -> sqlx::Result<HashMap<Uuid, Arc<[StepLimit]>>> {
    let now = app.clock().now();
    let cache = &app.step_limits().0;
    // A clock that is set back makes nothing known for longer.
    let is_fresh = |known: &Known| known.as_of <= now && now < known.as_of + KEPT;
    let mut found: HashMap<Uuid, Arc<[StepLimit]>> =
        configurations.iter().filter_map(|id| Some((*id, cache.get(id).filter(is_fresh)?.steps))).collect();
    let missing: Vec<Uuid> = configurations.iter().filter(|id| !found.contains_key(id)).copied().collect();
    for some in missing.chunks(AT_ONCE) {
        for (id, steps) in count_out(app, some).await? {
            cache.insert(id, Known { as_of: now, steps: steps.clone() });
            found.insert(id, steps);
        }
    }
    Ok(found)
}

#[derive(FromRow)]
struct StepRow {
    job_configuration_id: Uuid,
    step_id: Uuid,
    /// Microseconds.
    usual: Option<i64>,
}

/// Of each step the time that one in a hundred of its newest durations is longer than.
async fn count_out(app: &App, configurations: &[Uuid]) -> sqlx::Result<HashMap<Uuid, Arc<[StepLimit]>>> {
    let rows: Vec<StepRow> = Select::new(format!(
        "select s.job_configuration_id, s.id as step_id,
             (select duration from
                 (select duration, row_number() over (order by duration) as place, count(*) over () as durations
                  from (select d.duration from durations d
                        where d.job_configuration_id = s.job_configuration_id and d.step_configuration_id = s.id
                        order by d.finished_at desc limit {NEWEST}) as newest) as placed
              where durations >= {ENOUGH} and place = (99 * durations + 99) / 100) as usual
         from step_configurations s where"
    ))
    .bind_all(" s.job_configuration_id", configurations.iter().copied())
    .push(" order by s.job_configuration_id, s.position")
    .fetch_all(app.db())
    .await?;
    let mut steps: HashMap<Uuid, Vec<StepLimit>> = configurations.iter().map(|id| (*id, Vec::new())).collect();
    for row in rows {
        let limit = row.usual.map_or(USUAL, TimeDelta::microseconds).max(LEAST);
        steps.entry(row.job_configuration_id).or_default().push(StepLimit { step_id: row.step_id, limit });
    }
    Ok(steps.into_iter().map(|(id, steps)| (id, steps.into())).collect())
}

/// What providers have set for the kinds of job that configurations are versions of.
async fn load_set(app: &App, configurations: &BTreeSet<Uuid>) -> sqlx::Result<HashMap<Uuid, TimeDelta>> {
    let mut set = HashMap::new();
    let ids: Vec<Uuid> = configurations.iter().copied().collect();
    for some in ids.chunks(AT_ONCE) {
        let rows: Vec<(Uuid, i64)> = Select::new(
            "select c.id, s.silence_limit from job_configurations c
             join configuration_settings s on s.provider_id = c.provider_id and s.tag = c.tag
             where s.silence_limit is not null",
        )
        .bind_all(" and c.id", some.iter().copied())
        .fetch_all(app.db())
        .await?;
        set.extend(rows.into_iter().map(|(id, seconds)| (id, TimeDelta::seconds(seconds).max(LEAST))));
    }
    Ok(set)
}
