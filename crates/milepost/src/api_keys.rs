//! API keys: made, listed, expired and rotated by their owner, signed in with a password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Action, Actor, Entry, Subject, record};
use crate::auth::credentials::Secret;
use crate::auth::{Account, Credential, Role, Scope, Viewer};
use crate::db::{On, Select, Tx, on, record_access_change, sql};
use crate::error::{Error, Result};
use crate::http::{Json, OptionalJson, PathId, Query, optional_word};
use crate::paging::{Cursor, Page, Paging};
use crate::values::{Instant, Note, read_whole_number};

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_key, list_keys))
        .routes(routes!(check_key))
        .routes(routes!(expire_key))
        .routes(routes!(rotate_key))
}

/// How long the old key of a rotation goes on unless told otherwise.
const OVERLAP: u32 = 24 * 60 * 60;
/// The longest overlap: a year.
const MAX_OVERLAP: u32 = 366 * 24 * 60 * 60;

/// A key without its secret.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct ApiKey {
    /// The key's id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The visible beginning of the key.
    #[schema(example = "mp_7hT2kQ9x")]
    pub prefix: String,
    /// What it is for.
    pub note: String,
    /// What it may do.
    pub scope: Scope,
    /// When it ends, or ended; null for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute; null for never.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

pub(crate) const COLUMNS: &str = "id, user_id, prefix, note, scope, expires_at, last_used_at, created_at, updated_at";

/// A key and, this once, its secret.
#[derive(Debug, Serialize, ToSchema)]
struct RevealedKey {
    #[serde(flatten)]
    row: ApiKey,
    /// The key itself. It is not shown again.
    key: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What it is for.
    note: Note,
    /// When it ends; never if absent.
    expires_at: Option<Instant>,
    /// What it may do: `write` for providers, `read` for customers, if absent.
    #[serde(default, deserialize_with = "optional_word")]
    scope: Option<Scope>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// For how many seconds the old key goes on; 24 hours if absent.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 31_622_400)]
    overlap: Option<Overlap>,
}

/// Seconds.
#[derive(Debug)]
struct Overlap(u32);

impl<'de> Deserialize<'de> for Overlap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_whole_number(deserializer, MAX_OVERLAP).map(Self)
    }
}

/// Make a key
#[utoipa::path(post, path = "/api-keys", tag = "API keys", operation_id = "create_api_key", request_body = NewKey,
    responses((status = 201, description = "The key, its secret shown this once", body = RevealedKey)))]
async fn create_key(
    State(app): State<App>,
    account: Account,
    actor: Actor,
    Json(new): Json<NewKey>,
) -> Result<Response> {
    let now = app.clock().now();
    if account.role == Role::Customer && new.scope == Some(Scope::Write) {
        return Err(Error::invalid("/scope", "a customer's keys may only read"));
    }
    if new.expires_at.is_some_and(|expires_at| expires_at.0 <= now) {
        return Err(Error::invalid("/expires_at", "must lie in the future"));
    }
    let scope = new.scope.unwrap_or(match account.role {
        Role::Provider => Scope::Write,
        Role::Customer => Scope::Read,
    });
    let mut tx = app.db().begin().await?;
    let revealed =
        insert_key(&app, &mut tx, account.user_id, new.note.as_str(), scope, new.expires_at.map(|at| at.0)).await?;
    let entry = of_key(Action::KeyCreated, &revealed.row).with("scope", scope);
    record(&app, &mut tx, &actor, entry.with("expires_at", revealed.row.expires_at)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(revealed)).into_response())
}

/// The caller's keys, newest first
#[utoipa::path(get, path = "/api-keys", tag = "API keys", operation_id = "list_api_keys", params(Paging),
    responses((status = 200, description = "A page of keys", body = Page<ApiKey>)))]
async fn list_keys(
    State(app): State<App>,
    account: Account,
    Query(list): Query<Paging>,
) -> Result<Json<Page<ApiKey>>> {
    let rows: Vec<ApiKey> = Select::new(format!("select {COLUMNS} from api_keys where user_id = "))
        .bind("", account.user_id)
        .newest_first("api_keys", list.cursor, list.limit)
        .fetch_all(app.db())
        .await?;
    Ok(Json(Page::cut(rows, list.limit, |key| Cursor { at: key.created_at, tie: key.id })))
}

/// Does my key work?
///
/// What existing scripts call first. Answers with the key that was sent, or says that a session was used.
#[utoipa::path(get, path = "/api-keys/protected", tag = "API keys", operation_id = "check_api_key",
    responses((status = 200, description = "The credentials are valid", body = CheckedKey)))]
async fn check_key(State(app): State<App>, viewer: Viewer) -> Result<Json<CheckedKey>> {
    let key = match viewer.credential() {
        Credential::Key { id, .. } => find_key(app.db(), viewer.user_id(), id).await?,
        Credential::Session { .. } => None,
    };
    Ok(Json(CheckedKey { user_id: viewer.user_id(), api_key: key }))
}

/// Whose credentials were sent.
#[derive(Debug, Serialize, ToSchema)]
struct CheckedKey {
    /// Whose they are.
    user_id: Uuid,
    /// The key; null if a session was used.
    api_key: Option<ApiKey>,
}

/// Expire a key now
///
/// Requests with it are refused from now on and its streams end within a second, on every server.
#[utoipa::path(post, path = "/api-keys/{id}/expire", tag = "API keys", operation_id = "expire_api_key",
    params(("id" = Uuid, Path, description = "The key")),
    responses((status = 200, description = "The expired key", body = ApiKey)))]
async fn expire_key(
    State(app): State<App>,
    account: Account,
    actor: Actor,
    PathId(id): PathId,
) -> Result<Json<ApiKey>> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let expired = end_key(&mut tx, account.user_id, id, now, now).await?.ok_or(Error::NotFound)?;
    // One that had ended before has not been ended now.
    if expired.expires_at == Some(now) {
        record(&app, &mut tx, &actor, of_key(Action::KeyExpired, &expired)).await?;
    }
    tx.commit().await?;
    Ok(Json(expired))
}

/// Replace a key
///
/// Makes a key with the same note and scope, which ends after the same time if the old one was to end; the old one goes
/// on for `overlap` seconds.
#[utoipa::path(post, path = "/api-keys/{id}/rotate", tag = "API keys", operation_id = "rotate_api_key",
    params(("id" = Uuid, Path, description = "The key to replace")), request_body = Rotation,
    responses((status = 201, description = "The new key, its secret shown this once", body = RevealedKey)))]
async fn rotate_key(
    State(app): State<App>,
    account: Account,
    actor: Actor,
    PathId(id): PathId,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<Response> {
    let Overlap(overlap) = rotation.overlap.unwrap_or(Overlap(OVERLAP));
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let old = find_key(&mut tx, account.user_id, id).await?.ok_or(Error::NotFound)?;
    if old.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::conflict("This key has expired; make a new one."));
    }
    let lifetime = find_lifetime(&mut tx, id).await?;
    let expires_at = lifetime.map(|micros| (now + TimeDelta::microseconds(micros)).min(Instant::MAX));
    let revealed = insert_key(&app, &mut tx, account.user_id, &old.note, old.scope, expires_at).await?;
    end_key(&mut tx, account.user_id, id, now + TimeDelta::seconds(overlap.into()), now).await?;
    let entry = of_key(Action::KeyRotated, &old).with("new_key_id", revealed.row.id).with("overlap", overlap);
    record(&app, &mut tx, &actor, entry).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(revealed)).into_response())
}

/// What somebody did with a key of theirs.
fn of_key(action: Action, key: &ApiKey) -> Entry {
    Entry::new(action, key.user_id).about(Subject::ApiKey(key.id))
}

async fn insert_key(
    app: &App,
    tx: &mut Tx,
    user_id: Uuid,
    note: &str,
    scope: Scope,
    expires_at: Option<DateTime<Utc>>,
) -> sqlx::Result<RevealedKey> {
    let now = app.clock().now();
    let secret = Secret::new_api_key();
    let row = on!(tx, |c| {
        sqlx::query_as(sql!(
            "insert into api_keys
                 (id, user_id, key, prefix, note, scope, expires_at, lifetime, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) returning {COLUMNS}"
        ))
        .bind(app.clock().new_id())
        .bind(user_id)
        .bind(secret.hash())
        .bind(secret.visible_prefix())
        .bind(note)
        .bind(scope)
        .bind(expires_at)
        .bind(expires_at.and_then(|at| (at - now).num_microseconds()))
        .bind(now)
        .fetch_one(c)
        .await
    })?;
    Ok(RevealedKey { row, key: secret.reveal() })
}

async fn find_key(on: impl Into<On<'_>>, user_id: Uuid, id: Uuid) -> sqlx::Result<Option<ApiKey>> {
    on!(on.into(), |c| {
        sqlx::query_as(sql!("select {COLUMNS} from api_keys where user_id = $1 and id = $2"))
            .bind(user_id)
            .bind(id)
            .fetch_optional(c)
            .await
    })
}

/// For how many microseconds a key was made, whatever became of it since; none if for ever.
async fn find_lifetime(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<i64>> {
    on!(tx, |c| sqlx::query_scalar("select lifetime from api_keys where id = $1").bind(id).fetch_one(c).await)
}

/// Lets a key end at a time, unless it ends before.
async fn end_key(
    tx: &mut Tx,
    user_id: Uuid,
    id: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<ApiKey>> {
    let key = on!(&mut *tx, |c| {
        sqlx::query_as(sql!(
            "update api_keys set updated_at = $4,
                 expires_at = case when expires_at is null or expires_at > $3 then $3 else expires_at end
             where user_id = $1 and id = $2 returning {COLUMNS}"
        ))
        .bind(user_id)
        .bind(id)
        .bind(expires_at)
        .bind(now)
        .fetch_optional(c)
        .await
    })?;
    record_access_change(tx, id, now).await?;
    Ok(key)
}
