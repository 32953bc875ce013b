//! What a provider decides for all versions of a kind of job, and may change at any time: a configuration never changes.

use axum::extract::State;
use axum::extract::{Path, rejection::PathRejection};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::find_newest;
use crate::app::App;
use crate::auth::{ProviderId, ProviderReader, ProviderWriter};
use crate::db::{On, Tx, on};
use crate::error::{Error, Result};
use crate::http::{Json, present};
use crate::jobs::silence;
use crate::values::Tag;

/// The longest limit that can be set, in seconds: 30 days.
const LONGEST: i64 = 30 * 86_400;

/// What is set for a kind of job.
#[derive(Debug, Clone, Serialize, ToSchema, FromRow)]
pub(super) struct Settings {
    /// The tag of its configurations.
    tag: Tag,
    /// After so many seconds without news a running job is silent; null: after as long as its step usually takes.
    silence_limit: Option<i64>,
    /// When this was last changed; null: never.
    updated_at: Option<DateTime<Utc>>,
}

/// What to set; what is absent stays.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsChange {
    /// After so many seconds without news a running job is silent, 120 to 2,592,000; null: after as long as its step
    /// usually takes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, minimum = 120, maximum = 2_592_000)]
    silence_limit: Option<Option<SilenceLimit>>,
}

/// Seconds without news.
#[derive(Debug, Clone, Copy)]
struct SilenceLimit(i64);

impl<'de> Deserialize<'de> for SilenceLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        let least = silence::LEAST_LIMIT.num_seconds();
        if (least..=LONGEST).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(serde::de::Error::custom(format_args!("must be {least} to {LONGEST} seconds, is {seconds}")))
        }
    }
}

/// What is set for a kind of job
#[utoipa::path(get, path = "/configuration-settings/{tag}", tag = "Configurations",
    operation_id = "read_configuration_settings", params(("tag" = Tag, Path, description = "The tag of its configurations")),
    responses((status = 200, description = "The settings", body = Settings)))]
pub(super) async fn read_settings(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    tag: Result<Path<String>, PathRejection>,
) -> Result<Json<Settings>> {
    let tag = registered_tag(&app, provider, tag).await?;
    find(app.db(), provider, tag).await.map(Json)
}

/// Set what holds for all versions of a kind of job
///
/// It counts for jobs that are running already as well; one that is marked as silent stays so until something comes.
#[utoipa::path(patch, path = "/configuration-settings/{tag}", tag = "Configurations",
    operation_id = "change_configuration_settings", params(("tag" = Tag, Path, description = "The tag of its configurations")),
    request_body = SettingsChange, responses((status = 200, description = "The settings as they are now", body = Settings)))]
pub(super) async fn change_settings(
    State(app): State<App>,
    ProviderWriter(provider): ProviderWriter,
    tag: Result<Path<String>, PathRejection>,
    Json(change): Json<SettingsChange>,
) -> Result<Json<Settings>> {
    let tag = registered_tag(&app, provider, tag).await?;
    let _pass = app.gates().writes.enter(Some(provider.id())).await?;
    if let Some(limit) = change.silence_limit {
        let mut tx = app.db().begin().await?;
        set_silence_limit(&mut tx, provider, &tag, limit.map(|limit| limit.0), app.clock().now()).await?;
        tx.commit().await?;
        silence::look_soon(&app, provider, &tag).await?;
    }
    find(app.db(), provider, tag).await.map(Json)
}

/// A tag in the path that the provider has a configuration of.
async fn registered_tag(app: &App, provider: ProviderId, tag: Result<Path<String>, PathRejection>) -> Result<Tag> {
    let Path(tag) = tag.map_err(|_| Error::NotFound)?;
    let tag = Tag::try_from(tag).map_err(|_| Error::NotFound)?;
    find_newest(app.db(), provider, &tag).await?.map(|newest| newest.tag).ok_or(Error::NotFound)
}

async fn find<'a>(on: impl Into<On<'a>>, provider: ProviderId, tag: Tag) -> Result<Settings> {
    let found: Option<Settings> = on!(on.into(), |c| {
        sqlx::query_as(
            "select tag, silence_limit, updated_at from configuration_settings where provider_id = $1 and tag = $2",
        )
        .bind(provider.id())
        .bind(&tag)
        .fetch_optional(c)
        .await
    })?;
    Ok(found.unwrap_or(Settings { tag, silence_limit: None, updated_at: None }))
}

async fn set_silence_limit(
    tx: &mut Tx,
    provider: ProviderId,
    tag: &Tag,
    seconds: Option<i64>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "insert into configuration_settings (provider_id, tag, silence_limit, created_at, updated_at)
             values ($1, $2, $3, $4, $4)
             on conflict (provider_id, tag) do update set silence_limit = excluded.silence_limit,
                 updated_at = excluded.updated_at",
        )
        .bind(provider.id())
        .bind(tag)
        .bind(seconds)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}
