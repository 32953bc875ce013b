//! Accounts: sign-up, and one's own profile and password. The operator's `milepost user` uses the queries below too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Action, Actor, Entry, Origin, Subject, record};
use crate::auth::{Account, Role, Viewer, throttle};
use crate::config::Signup;
use crate::db::{Db, On, Tx, on, record_access_change, sql};
use crate::error::{Error, Result};
use crate::http::{self, Json, present};
use crate::sessions::end_sessions;
use crate::values::{Email, Name, NewPassword, Password};

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_up)).routes(routes!(read_me, change_me)).routes(routes!(change_password))
}

/// An account.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct User {
    /// The account's id.
    pub id: Uuid,
    /// On which side of the jobs.
    pub role: Role,
    /// The address to sign in with.
    pub email: Email,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// What the other side sees first; null for a person.
    pub organization: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The columns of a [`User`].
pub const COLUMNS: &str = "id, role, email, first_name, last_name, organization, created_at, updated_at";

/// Who somebody is, for a new account.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The address to sign in with.
    pub email: Email,
    /// The password.
    pub password: NewPassword,
    /// First name.
    pub first_name: Name,
    /// Last name.
    pub last_name: Name,
    /// On which side of the jobs.
    #[serde(deserialize_with = "http::word")]
    pub role: Role,
    /// What the other side sees first.
    #[serde(default)]
    pub organization: Option<Name>,
}

impl NewUser {
    /// The password, once it is none that is easily guessed of this account.
    pub fn password(&self) -> Result<Password> {
        self.password.clone().of(&self.email).map_err(|reason| Error::invalid("/password", reason))
    }
}

/// What to change in one's profile; what is absent stays.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProfileChange {
    first_name: Option<Name>,
    last_name: Option<Name>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Name>)]
    organization: Option<Option<Name>>,
}

/// The password that somebody has, and the one to take its place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    #[schema(format = Password)]
    current_password: String,
    new_password: NewPassword,
}

/// Make an account
///
/// Only where the operator opened the sign-up; elsewhere providers are made by the operator and customers invited.
#[utoipa::path(post, path = "/users", tag = "Accounts", operation_id = "sign_up", request_body = NewUser,
    responses((status = 201, description = "The account; sign in with it", body = User)), security(()))]
async fn sign_up(State(app): State<App>, origin: Origin, Json(new): Json<NewUser>) -> Result<Response> {
    if app.settings().signup != Signup::Open {
        return Err(Error::Forbidden("Accounts are made by invitation here; ask your provider or the operator."));
    }
    // A password that is refused costs nothing.
    let password = new.password()?;
    let hashing = app.passwords().enter(&origin)?;
    let of_address = throttle::SIGN_UP.of(&[&throttle::network(&origin)]);
    let hash = throttle::charge(&app, &[&of_address], hashing.hash(password)).await?;
    let mut tx = app.db().begin().await?;
    let user = insert_user(&app, &mut tx, &origin.nobody(), new, hash).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(user)).into_response())
}

/// Who am I?
#[utoipa::path(get, path = "/users/me", tag = "Accounts", operation_id = "read_me",
    responses((status = 200, description = "The caller's account", body = User)))]
async fn read_me(State(app): State<App>, viewer: Viewer) -> Result<Json<User>> {
    find_user(app.db(), viewer.user_id()).await?.map(Json).ok_or(Error::NotFound)
}

/// Change one's profile
#[utoipa::path(patch, path = "/users/me", tag = "Accounts", operation_id = "change_me", request_body = ProfileChange,
    responses((status = 200, description = "The account as it is now", body = User)))]
async fn change_me(
    State(app): State<App>,
    account: Account,
    origin: Origin,
    Json(change): Json<ProfileChange>,
) -> Result<Json<User>> {
    let changes_organization = change.organization.is_some();
    let mut tx = app.db().begin().await?;
    let lock = tx.lock_clause(" for no key update of users");
    let user: User = on!(&mut tx, |c| {
        sqlx::query_as(sql!("select {COLUMNS} from users where id = $1{lock}"))
            .bind(account.user_id)
            .fetch_one(c)
            .await
    })?;
    let fields = change.fields(&user);
    if fields.is_empty() {
        return Ok(Json(user));
    }
    let changed: User = on!(&mut tx, |c| {
        sqlx::query_as(sql!(
            "update users set first_name = coalesce($2, first_name), last_name = coalesce($3, last_name),
                 organization = case when $4 then $5 else organization end, updated_at = $6
             where id = $1 returning {COLUMNS}"
        ))
        .bind(account.user_id)
        .bind(change.first_name)
        .bind(change.last_name)
        .bind(changes_organization)
        .bind(change.organization.flatten())
        .bind(app.clock().now())
        .fetch_one(c)
        .await
    })?;
    let entry = of_account(Action::ProfileChanged, account.user_id).with("fields", fields);
    record(&app, &mut tx, &origin.user(account.user_id), entry).await?;
    tx.commit().await?;
    Ok(Json(changed))
}

impl ProfileChange {
    /// The names of what would be different.
    fn fields(&self, user: &User) -> Vec<&'static str> {
        let differs = |name: &Option<Name>, stored: &str| name.as_ref().is_some_and(|name| name.as_str() != stored);
        let organization = self.organization.as_ref().map(|name| name.as_ref().map(Name::as_str));
        let given = [
            ("first_name", differs(&self.first_name, &user.first_name)),
            ("last_name", differs(&self.last_name, &user.last_name)),
            ("organization", organization.is_some_and(|name| name != user.organization.as_deref())),
        ];
        given.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// Change one's password
///
/// Ends all other sessions of the account and their streams; keys go on. Wrong current passwords are counted by session:
/// 429 when there are too many.
#[utoipa::path(post, path = "/users/me/password", tag = "Accounts", operation_id = "change_password",
    request_body = PasswordChange, responses((status = 200, description = "The account", body = User)))]
async fn change_password(
    State(app): State<App>,
    account: Account,
    origin: Origin,
    Json(change): Json<PasswordChange>,
) -> Result<Json<User>> {
    let wrong = || Error::invalid("/current_password", "is not your password");
    let current = Password::try_from(change.current_password).map_err(|_| wrong())?;
    let (email, stored) = find_password(app.db(), account.user_id).await?.ok_or_else(wrong)?;
    let new = change.new_password.of(&email).map_err(|reason| Error::invalid("/new_password", reason))?;
    let guesses = throttle::PASSWORD_CHANGE.of(&[&account.session_id.to_string()]);
    let hashing = app.passwords().enter(&origin)?;
    let replacing = async {
        if hashing.verify(current, Some(stored.clone())).await? {
            hashing.hash(new).await.map(Some)
        } else {
            Ok(None)
        }
    };
    let hash = throttle::charge(&app, &[&guesses], replacing).await?.ok_or_else(wrong)?;
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    // Of two changes at once the second finds that its current password is none any more.
    let changed: Option<User> = on!(&mut tx, |c| {
        sqlx::query_as(sql!(
            "update users set password = $3, updated_at = $4
             where id = $1 and password = $2 and disabled_at is null returning {COLUMNS}"
        ))
        .bind(account.user_id)
        .bind(stored)
        .bind(hash)
        .bind(now)
        .fetch_optional(c)
        .await
    })?;
    let user = changed.ok_or_else(wrong)?;
    throttle::refill(&mut tx, &guesses).await?;
    end_sessions(&app, &mut tx, user.id, Some(account.session_id), now).await?;
    record(&app, &mut tx, &origin.user(user.id), of_account(Action::PasswordChanged, user.id)).await?;
    record_access_change(&mut tx, user.id, now).await?;
    tx.commit().await?;
    Ok(Json(user))
}

/// The address of an account and the hash of its password.
async fn find_password(db: &Db, id: Uuid) -> sqlx::Result<Option<(Email, String)>> {
    on!(db, |c| sqlx::query_as("select email, password from users where id = $1").bind(id).fetch_optional(c).await)
}

/// The account of an id.
pub async fn find_user(on: impl Into<On<'_>>, id: Uuid) -> sqlx::Result<Option<User>> {
    on!(on.into(), |c| {
        sqlx::query_as(sql!("select {COLUMNS} from users where id = $1")).bind(id).fetch_optional(c).await
    })
}

/// The account of an address.
pub async fn find_user_by_email(on: impl Into<On<'_>>, email: &Email) -> sqlx::Result<Option<User>> {
    on!(on.into(), |c| {
        sqlx::query_as(sql!("select {COLUMNS} from users where email = $1")).bind(email).fetch_optional(c).await
    })
}

/// Makes an account.
pub async fn add_user(app: &App, actor: &Actor, new: NewUser) -> Result<User> {
    let password = app.passwords().enter(actor.origin())?.hash(new.password()?).await?;
    let mut tx = app.db().begin().await?;
    let user = insert_user(app, &mut tx, actor, new, password).await?;
    tx.commit().await?;
    Ok(user)
}

/// Writes a new account with the hash of its password; an address that has one already is a conflict.
pub async fn insert_user(app: &App, tx: &mut Tx, actor: &Actor, new: NewUser, password_hash: String) -> Result<User> {
    let inserted: sqlx::Result<User> = on!(&mut *tx, |c| {
        sqlx::query_as(sql!(
            "insert into users (id, role, email, password, first_name, last_name, organization, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $8) returning {COLUMNS}"
        ))
        .bind(app.clock().new_id())
        .bind(new.role)
        .bind(new.email)
        .bind(password_hash)
        .bind(new.first_name)
        .bind(new.last_name)
        .bind(new.organization)
        .bind(app.clock().now())
        .fetch_one(c)
        .await
    });
    let user = match inserted {
        Err(sqlx::Error::Database(refusal)) if refusal.is_unique_violation() => {
            return Err(Error::conflict("There is an account with this e-mail address; sign in with it."));
        }
        inserted => inserted?,
    };
    record(app, tx, actor, of_account(Action::AccountCreated, user.id)).await?;
    Ok(user)
}

/// An act about an account, in its own log.
fn of_account(action: Action, id: Uuid) -> Entry {
    Entry::new(action, id).about(Subject::Account(id))
}

/// What the operator sees of an account.
#[derive(Debug, sqlx::FromRow)]
pub struct ListedUser {
    /// The account.
    #[sqlx(flatten)]
    pub user: User,
    /// Since when it may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// All accounts, oldest first.
pub async fn list_users(db: &Db) -> sqlx::Result<Vec<ListedUser>> {
    on!(db, |c| {
        sqlx::query_as(sql!("select {COLUMNS}, disabled_at from users order by created_at, id")).fetch_all(c).await
    })
}

/// Gives an account another password and ends its sessions. False: there is no such account.
pub async fn set_password(app: &App, actor: &Actor, email: &Email, password: NewPassword) -> Result<bool> {
    let password = password.of(email).map_err(|reason| Error::invalid("/password", reason))?;
    let hash = app.passwords().enter(actor.origin())?.hash(password).await?;
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let Some(user) = find_user_by_email(&mut tx, email).await? else { return Ok(false) };
    on!(&mut tx, |c| {
        sqlx::query("update users set password = $2, updated_at = $3 where id = $1")
            .bind(user.id)
            .bind(hash)
            .bind(now)
            .execute(c)
            .await
            .map(drop)
    })?;
    end_sessions(app, &mut tx, user.id, None, now).await?;
    record(app, &mut tx, actor, of_account(Action::PasswordReset, user.id)).await?;
    record_access_change(&mut tx, user.id, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Disables an account or lets it in again. Disabling ends its sessions, keys and streams. False: no such account.
pub async fn set_disabled(app: &App, actor: &Actor, email: &Email, disabled: bool) -> Result<bool> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let Some(user) = find_user_by_email(&mut tx, email).await? else { return Ok(false) };
    on!(&mut tx, |c| {
        sqlx::query("update users set disabled_at = $2, updated_at = $3 where id = $1")
            .bind(user.id)
            .bind(disabled.then_some(now))
            .bind(now)
            .execute(c)
            .await
            .map(drop)
    })?;
    if disabled {
        end_keys(&mut tx, user.id, now).await?;
        end_sessions(app, &mut tx, user.id, None, now).await?;
    }
    let action = if disabled { Action::AccountDisabled } else { Action::AccountEnabled };
    record(app, &mut tx, actor, of_account(action, user.id)).await?;
    record_access_change(&mut tx, user.id, now).await?;
    tx.commit().await?;
    Ok(true)
}

async fn end_keys(tx: &mut Tx, user_id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "update api_keys set expires_at = $2, updated_at = $2
             where user_id = $1 and (expires_at is null or expires_at > $2)",
        )
        .bind(user_id)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}
