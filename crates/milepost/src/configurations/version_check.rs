//! What a new version is compared with, among what a provider has registered: the release before it.
//!
//! Pre-releases promise nothing (SemVer, item 9), so nothing is compared with them: a pre-release, and the release behind it,
//! are both compared with the release before. The check is as of when a version was registered, so that it never changes,
//! like the version.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::gate::{VersionCheck, judge, needed};
use super::version::Version;
use super::{Configuration, NewConfiguration, check, diff, queries};
use crate::app::App;
use crate::auth::{ProviderId, ProviderReader};
use crate::db::{Db, Order};
use crate::error::{Difference, Error, Result};
use crate::http::Json;

/// How many later releases are looked at for a version between them that would fit, before one above all is suggested.
const MAX_LATER: usize = 16;

/// What becomes of a version that is too small a step for what it changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum VersionGate {
    /// It is registered, and the answer tells of it.
    #[default]
    Warn,
    /// It is refused.
    Refuse,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Registration {
    /// What becomes of a version that is too small a step for what it changes: `warn` (the default) registers it and tells of
    /// it in `version_check`, `refuse` refuses it. What is registered already is never refused.
    #[serde(default)]
    #[param(inline, value_type = Option<VersionGate>)]
    pub version_gate: VersionGate,
}

/// A registered kind of job, and whether its version fits what it changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckedConfiguration {
    /// What is registered.
    #[serde(flatten)]
    pub configuration: Configuration,
    /// How it compares with the release before, as of when it was registered; null if there was none.
    pub version_check: Option<VersionCheck>,
}

/// What registering a configuration would come to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Outlook {
    /// What differs from what is registered under the same tag and version, an entry for each path: nothing if it is the
    /// same; null if there is none.
    differences: Option<Vec<Difference>>,
    /// How it compares with the release before; null if there is none, or if the version is registered with other content.
    version_check: Option<VersionCheck>,
}

/// What registering would come to
///
/// Registers nothing: to see which version a configuration needs, or what differs from what is registered.
#[utoipa::path(post, path = "/job-configurations/check", tag = "Configurations", operation_id = "check_configuration",
    request_body = NewConfiguration, responses((status = 200, description = "Its outlook", body = Outlook)))]
pub(super) async fn check_configuration(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Json(sent): Json<NewConfiguration>,
) -> Result<Json<Outlook>> {
    check(&sent)?;
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let registered = queries::find_version(app.db(), provider, &sent.tag, &sent.version.to_string()).await?;
    let differences = match &registered {
        Some(registered) => Some(diff::differences(&registered.as_sent()?, &sent)),
        None => None,
    };
    let version_check = match &registered {
        None => of_new(app.db(), provider, &sent).await?,
        Some(same) if differences.as_ref().is_some_and(Vec::is_empty) => {
            of_registered(app.db(), provider, same).await?
        }
        Some(_) => None,
    };
    Ok(Json(Outlook { differences, version_check }))
}

/// Checks what is to be registered.
pub(super) async fn of_new(db: &Db, provider: ProviderId, sent: &NewConfiguration) -> Result<Option<VersionCheck>> {
    compare(db, provider, sent, None).await
}

/// Checks what is registered, by what was there before.
pub(super) async fn of_registered(
    db: &Db,
    provider: ProviderId,
    registered: &Configuration,
) -> Result<Option<VersionCheck>> {
    compare(db, provider, &registered.as_sent()?, Some((registered.created_at, registered.id))).await
}

/// Refuses a version that does not fit.
pub(super) fn expect_fit(check: Option<&VersionCheck>) -> Result<()> {
    match check.and_then(VersionCheck::misfit) {
        Some(misfit) => Err(Error::invalid("/version", misfit)),
        None => Ok(()),
    }
}

async fn compare(
    db: &Db,
    provider: ProviderId,
    sent: &NewConfiguration,
    until: Option<(DateTime<Utc>, Uuid)>,
) -> Result<Option<VersionCheck>> {
    let below = (Order::Descending, sent.version.above_the_one_before());
    let Some(before) = queries::find_release(db, provider, &sent.tag, below, until).await? else { return Ok(None) };
    let before = before.as_sent()?;
    let suggested = suggest(db, provider, before.clone(), sent, until).await?;
    Ok(Some(judge(&before, sent, suggested)))
}

/// The lowest release behind this one under which the content would fit. Where later ones are in the way it must fit behind
/// those.
async fn suggest(
    db: &Db,
    provider: ProviderId,
    mut before: NewConfiguration,
    sent: &NewConfiguration,
    until: Option<(DateTime<Utc>, Uuid)>,
) -> Result<Option<Version>> {
    for _ in 0..MAX_LATER {
        let Some(candidate) = before.version.next(needed(&before, sent)) else { return Ok(None) };
        let above = (Order::Ascending, before.version.precedence());
        let Some(later) = queries::find_release(db, provider, &sent.tag, above, until).await? else {
            return Ok(Some(candidate));
        };
        let later = later.as_sent()?;
        if candidate.precedence() < later.version.precedence() {
            return Ok(Some(candidate));
        }
        before = later;
    }
    // Two is more than the precedence of any version begins with.
    let below = (Order::Descending, vec![2]);
    let Some(highest) = queries::find_release(db, provider, &sent.tag, below, until).await? else { return Ok(None) };
    let highest = highest.as_sent()?;
    Ok(highest.version.next(needed(&highest, sent)))
}
