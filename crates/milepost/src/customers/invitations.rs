//! Invitations, as whoever holds the link sees them. Nobody else can: a token is random, kept only as a hash, and never
//! logged.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::show_jobs;
use crate::app::App;
use crate::audit::{Action, Actor, Entry, Origin, Subject, record};
use crate::auth::credentials::Secret;
use crate::auth::{Account, Role, throttle};
use crate::db::{On, Tx, on, record_access_change};
use crate::error::{Error, Result};
use crate::http::{Json, OptionalJson};
use crate::sessions::{Browser, begin_session};
use crate::users::{NewUser, User, find_user, find_user_by_email, insert_user};
use crate::values::{Email, Name, NewPassword};

/// The routes of this slice.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_invitation)).routes(routes!(accept_invitation))
}

/// An open invitation.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
struct Invitation {
    /// The invited address.
    email: Email,
    /// Who invites: the provider's organization, or the person's name.
    provider_name: String,
    /// Whether there is an account with the address: sign in with it, or else make one by accepting.
    has_account: bool,
    /// Until when it is good.
    expires_at: DateTime<Utc>,
}

/// Read an invitation
///
/// What to show to somebody who follows the link. One that is void, used or over is not found, as one that never was.
#[utoipa::path(get, path = "/invitations/{token}", tag = "Customers", operation_id = "read_invitation",
    params(("token" = String, Path, description = "The last part of the link")),
    responses((status = 200, description = "The open invitation", body = Invitation)), security(()))]
async fn read_invitation(
    State(app): State<App>,
    origin: Origin,
    token: Result<Path<String>, PathRejection>,
) -> Result<Json<Invitation>> {
    let token = hash_of(token)?;
    expect_invitation(&app, &token, &origin).await.map(Json)
}

/// The open invitation of a token. Whoever tries many that are none is kept off for a while, whatever they try then.
async fn expect_invitation(app: &App, token: &[u8], origin: &Origin) -> Result<Invitation> {
    let now = app.clock().now();
    let misses = throttle::INVITATION.of(&[&throttle::network(origin)]);
    throttle::expect_room(app.db(), &misses, now).await?;
    if let Some(invitation) = find_invitation(app.db(), token, now).await? {
        return Ok(invitation);
    }
    throttle::take(app, &[&misses]).await?;
    Err(Error::NotFound)
}

/// What is kept of the token in a path; what cannot be a token is not found.
fn hash_of(token: Result<Path<String>, PathRejection>) -> Result<Vec<u8>> {
    let Path(token) = token.map_err(|_| Error::NotFound)?;
    Ok(Secret::shown(&token).hash())
}

/// Who accepts, for a new account.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    /// First name, for a new account.
    first_name: Option<Name>,
    /// Last name, for a new account.
    last_name: Option<Name>,
    /// Organization, for a new account; may be left out.
    organization: Option<Name>,
    /// Password, for a new account.
    password: Option<NewPassword>,
}

/// Accept an invitation
///
/// With names and a password it makes an account with the invited address and signs it in. With `{}` it links the
/// customer who is signed in, whose address must be the invited one. It never changes an existing account.
#[utoipa::path(post, path = "/invitations/{token}/accept", tag = "Customers", operation_id = "accept_invitation",
    params(("token" = String, Path, description = "The last part of the link")), request_body = Acceptance,
    responses(
        (status = 201, description = "A new account, signed in", body = User),
        (status = 200, description = "Linked", body = User)), security(()))]
async fn accept_invitation(
    State(app): State<App>,
    token: Result<Path<String>, PathRejection>,
    account: Result<Account>,
    browser: Browser,
    OptionalJson(acceptance): OptionalJson<Acceptance>,
) -> Result<Response> {
    let token = hash_of(token)?;
    let invitation = expect_invitation(&app, &token, &browser.origin).await?;
    match acceptance {
        Acceptance { first_name: None, last_name: None, organization: None, password: None } => {
            let user = accept_with_session(&app, &token, &invitation, account?, browser.origin).await?;
            Ok(Json(user).into_response())
        }
        acceptance => {
            let new = acceptance.into_user(invitation.email.clone())?;
            let (cookie, user) = accept_with_new_account(&app, &token, new, browser).await?;
            Ok((StatusCode::CREATED, CookieJar::new().add(cookie), Json(user)).into_response())
        }
    }
}

impl Acceptance {
    fn into_user(self, email: Email) -> Result<NewUser> {
        let missing = |field: &str| Error::invalid(format!("/{field}"), "is needed for a new account");
        Ok(NewUser {
            email,
            password: self.password.ok_or_else(|| missing("password"))?,
            first_name: self.first_name.ok_or_else(|| missing("first_name"))?,
            last_name: self.last_name.ok_or_else(|| missing("last_name"))?,
            role: Role::Customer,
            organization: self.organization,
        })
    }
}

async fn accept_with_session(
    app: &App,
    token: &[u8],
    invitation: &Invitation,
    account: Account,
    origin: Origin,
) -> Result<User> {
    let mut tx = app.db().begin().await?;
    let user = find_user(&mut tx, account.user_id).await?.ok_or(Error::NotFound)?;
    if user.role != Role::Customer || user.email != invitation.email {
        return Err(Error::Forbidden("This invitation is for another address; sign in as the customer it names."));
    }
    link(app, &mut tx, token, user.id, &origin.user(user.id)).await?;
    record_access_change(&mut tx, user.id, app.clock().now()).await?;
    tx.commit().await?;
    Ok(user)
}

async fn accept_with_new_account(
    app: &App,
    token: &[u8],
    new: NewUser,
    browser: Browser,
) -> Result<(Cookie<'static>, User)> {
    let exists = Error::Unauthenticated("There is an account with the invited address; sign in, then accept.");
    if find_user_by_email(app.db(), &new.email).await?.is_some() {
        return Err(exists);
    }
    let password = app.passwords().enter(&browser.origin)?.hash(new.password()?).await?;
    let mut tx = app.db().begin().await?;
    let user = match insert_user(app, &mut tx, &browser.origin.nobody(), new, password).await {
        Err(Error::Conflict { .. }) => return Err(exists),
        inserted => inserted?,
    };
    link(app, &mut tx, token, user.id, &browser.origin.user(user.id)).await?;
    let cookie = begin_session(app, &mut tx, user.id, false, browser).await?;
    record_access_change(&mut tx, user.id, app.clock().now()).await?;
    tx.commit().await?;
    Ok((cookie, user))
}

/// Uses the invitation up and shows the customer the jobs that were opened for them. Of two that accept at once, one
/// finds nothing left. The caller notes the change of rights, last of all.
async fn link(app: &App, tx: &mut Tx, token: &[u8], user_id: Uuid, actor: &Actor) -> Result<()> {
    let now = app.clock().now();
    let linked: Option<(Uuid, Uuid)> = on!(&mut *tx, |c| {
        sqlx::query_as(
            "update customers set customer_id = $2, invitation_hash = null, invitation_expires_at = null, updated_at = $3
             where invitation_hash = $1 and invitation_expires_at > $3 returning id, provider_id",
        )
        .bind(token)
        .bind(user_id)
        .bind(now)
        .fetch_optional(c)
        .await
    })?;
    let (link_id, provider_id) = linked.ok_or(Error::NotFound)?;
    show_jobs(tx, link_id, Some(user_id), now).await?;
    let entry = |tenant_id| Entry::new(Action::CustomerAccepted, tenant_id).about(Subject::Customer(link_id));
    record(app, tx, actor, entry(provider_id).with("customer_id", user_id)).await?;
    record(app, tx, actor, entry(user_id).with("provider_id", provider_id)).await?;
    Ok(())
}

async fn find_invitation(
    on: impl Into<On<'_>>,
    token: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Invitation>> {
    on!(on.into(), |c| {
        sqlx::query_as(
            "select l.email, coalesce(p.organization, p.first_name || ' ' || p.last_name) as provider_name,
                 exists (select 1 from users u where u.email = l.email) as has_account,
                 l.invitation_expires_at as expires_at
             from customers l join users p on p.id = l.provider_id
             where l.invitation_hash = $1 and l.invitation_expires_at > $2",
        )
        .bind(token)
        .bind(now)
        .fetch_optional(c)
        .await
    })
}
