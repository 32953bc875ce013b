//! Job configurations: what kinds of job a provider has, each version immutable once registered.

pub(crate) mod diff;
mod gate;
mod queries;
mod schema;
mod settings;
pub mod version;
mod version_check;

use std::collections::HashSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{ProviderReader, ProviderWriter};
use crate::error::{Error, FieldError, Result};
use crate::http::{Json, PathId, Query, objects, optional_objects, optional_word};
use crate::paging::{Cursor, Limit, Page};
use crate::values::{Name, Points, Tag, Units};
pub use queries::{find as find_configuration, find_newest, find_version, load_steps};
use version::Version;
use version_check::Registration;
pub use version_check::{CheckedConfiguration, VersionGate};

/// The most steps of a configuration.
const MAX_STEPS: usize = 500;
/// The most metadata fields of a step.
pub const MAX_METADATA: usize = 100;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register_configuration, list_configurations))
        .routes(routes!(read_schema))
        .routes(routes!(version_check::check_configuration))
        .routes(routes!(read_configuration))
        .routes(routes!(settings::read_settings, settings::change_settings))
}

/// What a metadata value is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum MetadataKind {
    /// Text of at most 4 KiB.
    #[default]
    Text,
    /// A JSON number.
    Number,
    /// An absolute http or https URL.
    Link,
}

impl MetadataKind {
    /// As it is written in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Link => "link",
        }
    }
}

/// A kind of job, as it is registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConfiguration {
    /// Ignored; lets an editor check the file.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    /// What programs call it.
    pub tag: Tag,
    /// What people call it.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// Its steps, in order.
    #[schema(max_items = 500)]
    #[serde(deserialize_with = "objects")]
    pub step_configurations: Vec<NewStep>,
}

/// A step, as it is registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStep {
    /// What events call it; unique within the configuration.
    pub tag: Tag,
    /// What people call it.
    pub name: Name,
    /// What finishing it is worth.
    pub points: Points,
    /// What it measures, in order.
    #[schema(max_items = 100)]
    #[serde(default, deserialize_with = "optional_objects")]
    metadata_configurations: Option<Vec<NewMetadata>>,
}

impl NewStep {
    /// What it measures.
    #[must_use]
    pub fn metadata(&self) -> &[NewMetadata] {
        self.metadata_configurations.as_deref().unwrap_or_default()
    }
}

/// A metadata field, as it is registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMetadata {
    /// Its key in `event_metadata`; unique within the step.
    pub name: Name,
    /// What its values are; text if absent.
    #[serde(default, deserialize_with = "optional_word")]
    kind: Option<MetadataKind>,
    /// The unit of its values.
    #[serde(default)]
    pub units: Option<Units>,
}

impl NewMetadata {
    /// What its values are.
    #[must_use]
    pub fn kind(&self) -> MetadataKind {
        self.kind.unwrap_or_default()
    }
}

/// A registered kind of job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Configuration {
    /// The configuration's id.
    pub id: Uuid,
    /// Whose it is.
    pub provider_id: Uuid,
    /// What programs call it.
    pub tag: Tag,
    /// What people call it.
    pub name: Name,
    /// Its version.
    #[schema(value_type = String)]
    pub version: String,
    /// Its steps, in order.
    pub step_configurations: Vec<Step>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// The same: a configuration is never changed.
    pub updated_at: DateTime<Utc>,
}

/// A registered step.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Step {
    /// The step's id.
    pub id: Uuid,
    /// The configuration it belongs to.
    pub job_configuration_id: Uuid,
    /// What events call it.
    pub tag: Tag,
    /// What people call it.
    pub name: Name,
    /// What finishing it is worth.
    pub points: i64,
    /// Its place, from 0.
    pub position: i64,
    /// What it measures, in order.
    pub metadata_configurations: Vec<Metadata>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// The same: a step is never changed.
    pub updated_at: DateTime<Utc>,
}

/// A registered metadata field.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Metadata {
    /// The field's id.
    pub id: Uuid,
    /// The step it belongs to.
    pub step_configuration_id: Uuid,
    /// What its values are.
    pub kind: MetadataKind,
    /// Its key in `event_metadata`.
    pub name: String,
    /// The unit of its values.
    pub units: Option<String>,
    /// Its place, from 0.
    pub position: i64,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// The same: a field is never changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ConfigurationList {
    /// All versions of this tag; without it the newest version of each tag.
    #[param(value_type = Option<Tag>)]
    tag: Option<Tag>,
    /// One version of the tag, or `latest`.
    #[param(
        max_length = 200,
        pattern = r"^(latest|(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-((0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?)$"
    )]
    version: Option<String>,
    /// Rows of a page, 1–200.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Limit,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = r"^(0|[1-9a-f][0-9a-f]{0,13})-(0|[1-9a-f][0-9a-f]{0,31})$")]
    cursor: Option<Cursor>,
}

/// Register a kind of job
///
/// The same content again answers with what is registered; other content under the same tag and version is a conflict
/// that lists what differs. `version_check` tells whether the version is a large enough step from the release before it.
#[utoipa::path(post, path = "/job-configurations", tag = "Configurations", operation_id = "register_configuration",
    params(Registration), request_body = NewConfiguration, responses(
        (status = 201, description = "Registered", body = CheckedConfiguration),
        (status = 200, description = "Was registered before, with the same content", body = CheckedConfiguration)))]
async fn register_configuration(
    State(app): State<App>,
    ProviderWriter(provider): ProviderWriter,
    Query(Registration { version_gate }): Query<Registration>,
    Json(sent): Json<NewConfiguration>,
) -> Result<Response> {
    check(&sent)?;
    let _pass = app.gates().writes.enter(Some(provider.id())).await?;
    let version = sent.version.to_string();
    let mut is_new = false;
    let mut registered = find_version(app.db(), provider, &sent.tag, &version).await?;
    if registered.is_none() {
        if version_gate == VersionGate::Refuse {
            version_check::expect_fit(version_check::of_new(app.db(), provider, &sent).await?.as_ref())?;
        }
        let mut tx = app.db().begin().await?;
        is_new = queries::insert(&app, &mut tx, provider, &sent, app.clock().now()).await?;
        tx.commit().await?;
        registered = find_version(app.db(), provider, &sent.tag, &version).await?;
    }
    let configuration =
        registered.ok_or_else(|| Error::internal("a configuration vanished while it was registered"))?;
    let differences = diff::differences(&configuration.as_sent()?, &sent);
    if !differences.is_empty() {
        let count = match differences.len() {
            1 => "1 value differs".to_owned(),
            count => format!("{count} values differ"),
        };
        let detail = format!(
            "{} {} is registered with other content: {count}. A registered version never changes; give this one a new version.",
            sent.tag, sent.version,
        );
        return Err(Error::Conflict { detail, differences });
    }
    let version_check = version_check::of_registered(app.db(), provider, &configuration).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(CheckedConfiguration { configuration, version_check })).into_response())
}

/// The caller's kinds of job, newest first
///
/// Without `tag` the newest version of each; with `tag` all its versions; with `version` as well just that one.
#[utoipa::path(get, path = "/job-configurations", tag = "Configurations", operation_id = "list_configurations",
    params(ConfigurationList), responses((status = 200, description = "A page", body = Page<Configuration>)))]
async fn list_configurations(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(list): Query<ConfigurationList>,
) -> Result<Json<Page<Configuration>>> {
    let one = |found: Option<Configuration>| Page { items: found.into_iter().collect(), next: None };
    match (list.tag, list.version.as_deref()) {
        (Some(tag), Some("latest")) => Ok(Json(one(find_newest(app.db(), provider, &tag).await?))),
        (Some(tag), Some(version)) => {
            Version::try_from(version.to_owned()).map_err(|reason| Error::invalid("/version", reason))?;
            Ok(Json(one(find_version(app.db(), provider, &tag, version).await?)))
        }
        (None, Some(version)) if version != "latest" => Err(Error::invalid("/version", "needs a tag beside it")),
        (tag, _) => Ok(Json(queries::list(app.db(), provider, tag.as_ref(), list.limit, list.cursor).await?)),
    }
}

/// One kind of job
#[utoipa::path(get, path = "/job-configurations/{id}", tag = "Configurations", operation_id = "read_configuration",
    params(("id" = Uuid, Path, description = "The configuration")),
    responses((status = 200, description = "The configuration with its steps", body = CheckedConfiguration)))]
async fn read_configuration(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    PathId(id): PathId,
) -> Result<Json<CheckedConfiguration>> {
    let configuration = queries::find(app.db(), provider, id).await?.ok_or(Error::NotFound)?;
    let version_check = version_check::of_registered(app.db(), provider, &configuration).await?;
    Ok(Json(CheckedConfiguration { configuration, version_check }))
}

/// The JSON Schema of a configuration file
///
/// For editors and for checks before sending; name it in the file as `$schema`.
#[utoipa::path(get, path = "/job-configurations/schema", tag = "Configurations",
    operation_id = "read_configuration_schema",
    responses((status = 200, description = "JSON Schema, draft 2020-12", body = Value)), security(()))]
async fn read_schema() -> Json<Value> {
    Json(schema::configuration_schema())
}

/// The rules that go beyond one value: how many, and none twice.
pub(crate) fn check(sent: &NewConfiguration) -> Result<()> {
    let mut errors = Vec::new();
    let mut too_many = |pointer: String, count: usize, limit: usize| {
        if count > limit {
            errors.push(FieldError::new(pointer, format!("must have at most {limit} entries, has {count}")));
        }
    };
    too_many("/step_configurations".to_owned(), sent.step_configurations.len(), MAX_STEPS);
    for (index, step) in sent.step_configurations.iter().enumerate() {
        let pointer = format!("/step_configurations/{index}/metadata_configurations");
        too_many(pointer, step.metadata().len(), MAX_METADATA);
    }
    let mut tags = HashSet::new();
    for (index, step) in sent.step_configurations.iter().enumerate() {
        let pointer = format!("/step_configurations/{index}");
        if !tags.insert(&step.tag) {
            errors.push(FieldError::new(
                format!("{pointer}/tag"),
                format!("{} is the tag of an earlier step", step.tag),
            ));
        }
        let mut names = HashSet::new();
        for (index, metadata) in step.metadata().iter().enumerate() {
            if !names.insert(&metadata.name) {
                let pointer = format!("{pointer}/metadata_configurations/{index}/name");
                errors.push(FieldError::new(
                    pointer,
                    format!("{:?} is the name of an earlier field", metadata.name.as_str()),
                ));
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

impl Configuration {
    /// The request that would register it, to compare with.
    fn as_sent(&self) -> Result<NewConfiguration> {
        let value = serde_json::to_value(self).map_err(Error::internal)?;
        let pick = |value: &Value, fields: &[&str]| -> Value {
            fields.iter().map(|field| ((*field).to_owned(), value[*field].clone())).collect()
        };
        let mut sent = pick(&value, &["tag", "name", "version", "step_configurations"]);
        for step in sent["step_configurations"].as_array_mut().into_iter().flatten() {
            *step = pick(step, &["tag", "name", "points", "metadata_configurations"]);
            for metadata in step["metadata_configurations"].as_array_mut().into_iter().flatten() {
                *metadata = pick(metadata, &["name", "kind", "units"]);
            }
        }
        serde_json::from_value(sent).map_err(Error::internal)
    }
}
