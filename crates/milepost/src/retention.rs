//! How long finished jobs are kept: the settings `retention` and `retention_action`.
//!
//! A job is due when it finished, was opened, and had its last news longer ago than that. When it finished is what its
//! provider says; the other two are by our clock, so that a provider whose clock is wrong, or who was offline and now
//! delivers what happened long ago, does not lose what was just reported. Jobs that never finished, those in error among
//! them, are not touched.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::audit::Actor;
use crate::config::{Retention, RetentionAction};
use crate::db::{BACKGROUND, Db, Select, on, sql};
use crate::error::Result;
use crate::events::hours::provider_ids;
use crate::jobs::retire::{self, BATCH, Because, Candidate, PAUSE};

/// How often a server looks for jobs that are due.
const LOOK: Duration = Duration::from_mins(10);

/// Retires what is due, again and again. Also without the setting: what a killed process left half done is ended.
pub async fn run(app: App) {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        match retire_due(&app, app.settings().retention, &Actor::SERVER).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "finished jobs were retired"),
            Err(error) => tracing::warn!(%error, "could not retire finished jobs"),
        }
    }
}

/// Retires all jobs that are due and gives how many. Any number of processes may do so at once.
pub async fn retire_due(app: &App, retention: Option<Retention>, actor: &Actor) -> Result<u64> {
    retire::finish(app).await?;
    let Some(retention) = retention else { return Ok(0) };
    let Some(before) = app.clock().now().checked_sub_signed(retention.after) else { return Ok(0) };
    let is_due = |job: &Candidate| {
        let is_left = match retention.action {
            RetentionAction::Anonymise => job.anonymised_at.is_none(),
            RetentionAction::Delete => job.retiring != Some(RetentionAction::Delete),
        };
        let news_are_old = job.created_at < before && job.last_event_at.is_none_or(|at| at < before);
        is_left && news_are_old && job.finished_at.is_some_and(|at| at < before)
    };
    let mut retired = 0;
    for provider in app.db().within(BACKGROUND, provider_ids(app.db())).await? {
        loop {
            let due = find_due(app.db(), provider, retention.action, before);
            let ids = app.db().within(BACKGROUND, due).await?;
            if ids.is_empty() {
                break;
            }
            let because = Because::TheyAreOld { provider_id: provider, actor };
            let marking = retire::mark(app, ids, retention.action, because, is_due);
            retired += app.db().within(BACKGROUND, marking).await?.jobs;
            retire::finish(app).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(retired)
}

/// Jobs that are left to be retired, as the index for each action has them.
fn due(action: RetentionAction) -> &'static str {
    match action {
        RetentionAction::Anonymise => {
            "provider_id = $1 and finished_at is not null and finished_at < $2 and created_at < $2
             and coalesce(last_event_at, created_at) < $2 and anonymised_at is null"
        }
        RetentionAction::Delete => {
            "provider_id = $1 and finished_at is not null and finished_at < $2 and created_at < $2
             and coalesce(last_event_at, created_at) < $2 and retiring is distinct from 'delete'"
        }
    }
}

async fn find_due(
    db: &Db,
    provider_id: Uuid,
    action: RetentionAction,
    before: DateTime<Utc>,
) -> sqlx::Result<Vec<Uuid>> {
    let due = due(action);
    on!(db, |c| {
        sqlx::query_scalar(sql!("select id from jobs where {due} order by finished_at, id limit {BATCH}"))
            .bind(provider_id)
            .bind(before)
            .fetch_all(c)
            .await
    })
}

/// What would be retired of a provider now.
#[derive(Debug, sqlx::FromRow)]
pub struct Due {
    /// The provider.
    pub provider_id: Uuid,
    /// The address of their account.
    pub email: String,
    /// How many jobs are due.
    pub jobs: i64,
    /// How many events these have.
    pub events: i64,
    /// When the first of them finished.
    pub oldest: Option<DateTime<Utc>>,
}

/// What is due, by provider; changes nothing.
pub async fn preview(app: &App, retention: Retention) -> Result<Vec<Due>> {
    let Some(before) = app.clock().now().checked_sub_signed(retention.after) else { return Ok(Vec::new()) };
    let due = due(retention.action);
    let mut found = Vec::new();
    for provider in provider_ids(app.db()).await? {
        let of_provider: Due = on!(app.db(), |c| {
            sqlx::query_as(sql!(
                "select u.id as provider_id, u.email, d.jobs, d.events, d.oldest from users u,
                     (select count(*) as jobs, cast(coalesce(sum(last_sequence), 0) as bigint) as events,
                          min(finished_at) as oldest
                      from jobs where {due}) as d
                 where u.id = $1"
            ))
            .bind(provider)
            .bind(before)
            .fetch_one(c)
            .await
        })?;
        found.extend(Some(of_provider).filter(|due| due.jobs > 0));
    }
    Ok(found)
}

/// How many jobs wait for an end of what was begun with them.
pub async fn count_under_way(db: &Db) -> sqlx::Result<i64> {
    let counts: Vec<(i64,)> =
        Select::new("select count(*) from jobs where retiring is not null").fetch_all(db).await?;
    Ok(counts.first().map_or(0, |(count,)| *count))
}
