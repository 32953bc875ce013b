//! Sessions: begun by signing in, kept on the server, ended by their owner, by lying idle, or by their age.
//!
//! A session is over at its absolute end (`expires_at` of the table), or when it was not used for so long. A use is noted
//! to [`SessionLimits::precision`] only; that much is added to the idle time, so that no session ends early.

use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum_extra::extract::cookie::{Cookie, CookieJar};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Action, Entry, Origin, Subject, record};
use crate::auth::Account;
use crate::auth::credentials::{Secret, removal_cookie, session_cookie, session_token};
use crate::auth::uses;
use crate::config::SessionLimits;
use crate::db::{Order, Select, Tx, Value, on, record_access_change, sql};
use crate::error::{Error, Result};
use crate::http::{Json, PathId, Query};
use crate::paging::{Cursor, Page, Paging};
use crate::values::Instant;

/// The most sessions of one account; beginning another ends the one that was not used for longest.
const MAX_SESSIONS: i64 = 100;
/// How much is kept of what a browser says it is.
const USER_AGENT_LENGTH: usize = 200;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_sessions, end_other_sessions)).routes(routes!(end_session))
}

impl SessionLimits {
    /// After how long without use a session ends.
    fn idle(&self, remembered: bool) -> TimeDelta {
        if remembered { self.remembered_idle } else { self.idle }
    }

    /// After how long it ends in any case.
    fn lifetime(&self, remembered: bool) -> TimeDelta {
        if remembered { self.remembered_lifetime } else { self.lifetime }
    }

    /// How exactly the use of a session is noted: a small part of the time without use that it may have.
    #[must_use]
    pub fn precision(&self) -> TimeDelta {
        uses::PRECISION.min(self.idle / 10).min(self.remembered_idle / 10)
    }

    /// Sessions of a kind that were last used before this are over.
    #[must_use]
    pub fn idle_since(&self, remembered: bool, now: DateTime<Utc>) -> DateTime<Utc> {
        let allowed = self.idle(remembered).checked_add(&self.precision());
        let since = allowed.and_then(|allowed| now.checked_sub_signed(allowed));
        since.unwrap_or_default().max(DateTime::UNIX_EPOCH)
    }
}

/// What holds of a session that is not over. $1 is the time, $2 and $3 are [`SessionLimits::idle_since`] of sessions
/// that are remembered and of others.
pub const IS_ALIVE: &str = "sessions.expires_at > $1
    and coalesce(sessions.last_used_at, sessions.created_at) > case when remembered then $2 else $3 end";

/// The session of a browser.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// The session's id.
    id: Uuid,
    /// Whether it is the one that asks.
    current: bool,
    /// Whether its owner asked to be remembered.
    remembered: bool,
    /// Where it was begun from.
    #[schema(example = "203.0.113.7")]
    address: Option<String>,
    /// What the browser said it is, its first 200 characters.
    user_agent: Option<String>,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    last_used_at: DateTime<Utc>,
    /// When it ends if it is not used again.
    expires_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct StoredSession {
    id: Uuid,
    remembered: bool,
    address: Option<String>,
    user_agent: Option<String>,
    created_at: DateTime<Utc>,
    used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

const COLUMNS: &str = "id, remembered, address, user_agent, created_at,
    coalesce(last_used_at, created_at) as used_at, expires_at";

impl StoredSession {
    fn seen_by(self, account: &Account, limits: &SessionLimits) -> Session {
        let allowed = limits.idle(self.remembered).checked_add(&limits.precision());
        let idle_end = allowed.and_then(|allowed| self.used_at.checked_add_signed(allowed));
        Session {
            id: self.id,
            current: self.id == account.session_id,
            remembered: self.remembered,
            address: self.address,
            user_agent: self.user_agent,
            created_at: self.created_at,
            last_used_at: self.used_at,
            expires_at: idle_end.map_or(self.expires_at, |end| end.min(self.expires_at)),
        }
    }
}

/// The caller's sessions, the last used first
#[utoipa::path(get, path = "/sessions", tag = "Accounts", operation_id = "list_sessions", params(Paging),
    responses((status = 200, description = "A page of sessions that are not over", body = Page<Session>)))]
async fn list_sessions(
    State(app): State<App>,
    account: Account,
    Query(list): Query<Paging>,
) -> Result<Json<Page<Session>>> {
    let (now, limits) = (app.clock().now(), &app.settings().sessions);
    let used = "coalesce(last_used_at, created_at)";
    let mut select = Select::new(format!("select {COLUMNS} from sessions where {IS_ALIVE}"));
    for value in [now, limits.idle_since(true, now), limits.idle_since(false, now)] {
        select.value(value);
    }
    let cursor = list.cursor.map(|cursor| (cursor.at, Value::Id(cursor.tie)));
    let rows: Vec<StoredSession> = select
        .bind(" and user_id = ", account.user_id)
        .page(used, "id", Order::Descending, cursor, list.limit)
        .fetch_all(app.db())
        .await?;
    let page = Page::cut(rows, list.limit, |row| Cursor { at: row.used_at, tie: row.id });
    Ok(Json(page.map(|row| row.seen_by(&account, limits))))
}

/// End a session
///
/// Its streams end within a second, on every server. Ending the one that asks is as good as signing out.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "Accounts", operation_id = "end_session",
    params(("id" = Uuid, Path, description = "The session")),
    responses((status = 200, description = "The session that ended", body = Session)))]
async fn end_session(
    State(app): State<App>,
    account: Account,
    origin: Origin,
    PathId(id): PathId,
) -> Result<(CookieJar, Json<Session>)> {
    let (now, limits) = (app.clock().now(), &app.settings().sessions);
    let mut tx = app.db().begin().await?;
    let ended: Option<StoredSession> = on!(&mut tx, |c| {
        sqlx::query_as(sql!("delete from sessions where {IS_ALIVE} and user_id = $4 and id = $5 returning {COLUMNS}"))
            .bind(now)
            .bind(limits.idle_since(true, now))
            .bind(limits.idle_since(false, now))
            .bind(account.user_id)
            .bind(id)
            .fetch_optional(c)
            .await
    })?;
    let ended = ended.ok_or(Error::NotFound)?.seen_by(&account, limits);
    let action = if ended.current { Action::SignOut } else { Action::SessionEnded };
    record(&app, &mut tx, &origin.user(account.user_id), of_session(action, account.user_id, id)).await?;
    record_access_change(&mut tx, id, now).await?;
    tx.commit().await?;
    let jar = CookieJar::new();
    let jar = if ended.current { jar.add(removal_cookie(app.settings())) } else { jar };
    Ok((jar, Json(ended)))
}

/// How many sessions ended.
#[derive(Debug, Serialize, ToSchema)]
struct EndedSessions {
    ended: usize,
}

/// End all other sessions
///
/// The one that asks goes on, and so do keys. Streams of the others end within a second, on every server.
#[utoipa::path(delete, path = "/sessions", tag = "Accounts", operation_id = "end_other_sessions",
    responses((status = 200, description = "How many ended", body = EndedSessions)))]
async fn end_other_sessions(State(app): State<App>, account: Account, origin: Origin) -> Result<Json<EndedSessions>> {
    let mut tx = app.db().begin().await?;
    let now = app.clock().now();
    let ended = end_sessions(&app, &mut tx, account.user_id, Some(account.session_id), now).await?;
    for id in &ended {
        let entry = of_session(Action::SessionEnded, account.user_id, *id);
        record(&app, &mut tx, &origin.user(account.user_id), entry).await?;
    }
    record_access_change(&mut tx, account.user_id, now).await?;
    tx.commit().await?;
    Ok(Json(EndedSessions { ended: ended.len() }))
}

/// An act about a session, in the log of its account.
fn of_session(action: Action, user_id: Uuid, id: Uuid) -> Entry {
    Entry::new(action, user_id).about(Subject::Session(id))
}

/// Where somebody signs in from.
pub struct Browser {
    /// The address and the request.
    pub origin: Origin,
    user_agent: Option<String>,
    /// What it showed until now.
    former: Option<Secret>,
}

impl FromRequestParts<App> for Browser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let origin = Origin::from_request_parts(parts, app).await?;
        let said = parts.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Self {
            origin,
            user_agent: said.map(|said| said.chars().take(USER_AGENT_LENGTH).collect()),
            former: session_token(&parts.headers, app.settings()),
        })
    }
}

/// Begins a session and returns the cookie for it. The one that the browser had until now ends: nobody else who knows its
/// token gets into the new one, and none is left behind.
pub async fn begin_session(
    app: &App,
    tx: &mut Tx,
    user_id: Uuid,
    remembered: bool,
    browser: Browser,
) -> Result<Cookie<'static>> {
    let now = app.clock().now();
    let former = match browser.former {
        Some(former) => end_session_of(tx, &former).await?,
        None => None,
    };
    let (id, token) = (app.clock().new_id(), Secret::new_token());
    let lifetime = app.settings().sessions.lifetime(remembered);
    let expires_at = now.checked_add_signed(lifetime).map_or(Instant::MAX, |end| end.min(Instant::MAX));
    on!(&mut *tx, |c| {
        sqlx::query(
            "insert into sessions
                 (id, user_id, token_hash, expires_at, remembered, last_used_at, address, user_agent, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $6, $6)",
        )
        .bind(id)
        .bind(user_id)
        .bind(token.hash())
        .bind(expires_at)
        .bind(remembered)
        .bind(now)
        .bind(browser.origin.address().map(|address| address.to_string()))
        .bind(browser.user_agent)
        .execute(c)
        .await
        .map(drop)
    })?;
    let surplus = end_surplus(tx, user_id).await?;
    if let Some((former_id, owner_id)) = former {
        let entry = of_session(Action::SignOut, owner_id, former_id);
        record(app, tx, &browser.origin.user(owner_id), entry).await?;
    }
    let actor = browser.origin.user(user_id);
    record(app, tx, &actor, of_session(Action::SignIn, user_id, id)).await?;
    for id in &surplus {
        record(app, tx, &actor, of_session(Action::SessionEnded, user_id, *id)).await?;
    }
    for id in surplus.into_iter().chain(former.map(|(id, _)| id)) {
        record_access_change(tx, id, now).await?;
    }
    let kept_for = remembered.then_some(expires_at - now);
    Ok(session_cookie(app.settings(), token.reveal(), kept_for))
}

/// Ends the session of a token, and gives its id and whose it was.
async fn end_session_of(tx: &mut Tx, token: &Secret) -> sqlx::Result<Option<(Uuid, Uuid)>> {
    on!(tx, |c| {
        sqlx::query_as("delete from sessions where token_hash = $1 returning id, user_id")
            .bind(token.hash())
            .fetch_optional(c)
            .await
    })
}

/// Ends those that were not used for longest, where an account has too many, and gives their ids.
async fn end_surplus(tx: &mut Tx, user_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    on!(tx, |c| {
        sqlx::query_scalar(
            "delete from sessions where id in (
                 select id from sessions where user_id = $1
                 order by coalesce(last_used_at, created_at) desc, id desc limit 1000 offset $2)
             returning id",
        )
        .bind(user_id)
        .bind(MAX_SESSIONS)
        .fetch_all(c)
        .await
    })
}

/// Ends the sessions of an account, but for one that goes on, and tells which were not over already.
pub async fn end_sessions(
    app: &App,
    tx: &mut Tx,
    user_id: Uuid,
    except: Option<Uuid>,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<Uuid>> {
    let limits = &app.settings().sessions;
    let ended: Vec<(Uuid, bool)> = on!(&mut *tx, |c| {
        sqlx::query_as(sql!(
            "delete from sessions where user_id = $4 and id is distinct from $5 returning id, {IS_ALIVE}"
        ))
        .bind(now)
        .bind(limits.idle_since(true, now))
        .bind(limits.idle_since(false, now))
        .bind(user_id)
        .bind(except)
        .fetch_all(c)
        .await
    })?;
    Ok(ended.into_iter().filter(|(_, was_alive)| *was_alive).map(|(id, _)| id).collect())
}

/// Clears away the sessions that are over.
pub async fn clear(tx: &mut Tx, limits: &SessionLimits, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(sql!("delete from sessions where not ({IS_ALIVE})"))
            .bind(now)
            .bind(limits.idle_since(true, now))
            .bind(limits.idle_since(false, now))
            .execute(c)
            .await
            .map(drop)
    })
}
