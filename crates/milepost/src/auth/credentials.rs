//! API keys and session tokens: made from the operating system's randomness, kept only as SHA-256, looked up by hash.

use std::collections::HashSet;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::uses::note_use;
use super::{Role, Viewer};
use crate::app::App;
use crate::config::Settings;
use crate::db::{Batch, Db, On, Select, expect_rows, on, sql};
use crate::error::{Error, Result};
use crate::sessions::IS_ALIVE;
use crate::sources::random_bytes;

/// What every key begins with, so that scanners for leaked secrets recognise it.
const KEY_PREFIX: &str = "mp_";
/// The random part of a key: 32 of 62 characters, 190 bits.
const KEY_RANDOM: usize = 32;
/// The end of a key tells a typing error from an unknown key.
const KEY_CHECKSUM: usize = 6;
/// How much of a key stays visible.
const KEY_VISIBLE: usize = 11;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Scope {
    /// Register, open, report, and read.
    Write,
    /// Read only.
    Read,
}

/// What a caller showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A browser's cookie.
    Session {
        /// The session.
        id: Uuid,
    },
    /// A program's key.
    Key {
        /// The key.
        id: Uuid,
        /// What it may do.
        scope: Scope,
    },
}

impl Credential {
    /// The id of the session or key.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::Session { id } | Self::Key { id, .. } => id,
        }
    }
}

/// A secret that is shown once: only its hash is kept.
pub struct Secret(String);

impl Secret {
    /// A new API key.
    #[must_use]
    pub fn new_api_key() -> Self {
        let body = format!("{KEY_PREFIX}{}", random_text(KEY_RANDOM));
        Self(format!("{body}{}", checksum(&body)))
    }

    /// A new token for a session or an invitation.
    #[must_use]
    pub fn new_token() -> Self {
        Self(random_text(43))
    }

    /// A secret that somebody showed.
    #[must_use]
    pub fn shown(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What to keep: its SHA-256. The secrets are random, so no slow hash is needed.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// The beginning of a key, by which its owner recognises it.
    #[must_use]
    pub fn visible_prefix(&self) -> String {
        self.0.chars().take(KEY_VISIBLE).collect()
    }

    /// The secret itself, to be shown this once.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0
    }
}

/// So many characters out of 62, all equally likely.
fn random_text(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // 248 is the greatest multiple of 62 in a byte: what lies beyond would favour the first characters.
    let mut characters = std::iter::from_fn(|| Some(random_bytes::<64>()))
        .flatten()
        .filter(|byte| *byte < 248)
        .map(|byte| char::from(ALPHABET[usize::from(byte) % 62]));
    characters.by_ref().take(length).collect()
}

fn checksum(body: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let number = u32::from_be_bytes([0, digest[0], digest[1], digest[2]]);
    format!("{number:0KEY_CHECKSUM$x}")
}

/// Whether text has the form of a key, checksum included.
fn is_well_formed_key(text: &str) -> bool {
    let body_length = KEY_PREFIX.len() + KEY_RANDOM;
    text.is_ascii()
        && text.len() == body_length + KEY_CHECKSUM
        && text.starts_with(KEY_PREFIX)
        && checksum(&text[..body_length]) == text[body_length..]
}

/// Finds out who is asking: a key if one is sent, else the session's cookie.
pub async fn authenticate(parts: &Parts, app: &App) -> Result<Viewer> {
    let now = app.clock().now();
    if let Some(key) = sent_key(&parts.headers)? {
        return authenticate_key(app, &key, now).await;
    }
    let Some(token) = session_token(&parts.headers, app.settings()) else {
        return Err(Error::Unauthenticated("Send an API key as `Authorization: Bearer mp_…`, or sign in."));
    };
    let limits = &app.settings().sessions;
    let row: Option<SessionRow> = on!(app.db(), |c| {
        sqlx::query_as(sql!(
            "select sessions.id, user_id, role, expires_at, last_used_at
             from sessions join users on users.id = user_id
             where token_hash = $4 and {IS_ALIVE} and disabled_at is null"
        ))
        .bind(now)
        .bind(limits.idle_since(true, now))
        .bind(limits.idle_since(false, now))
        .bind(token.hash())
        .fetch_optional(c)
        .await
    })?;
    let Some(row) = row else { return Err(ENDED_SESSION) };
    let last_used_at = row.last_used_at;
    let viewer = Viewer::from(row);
    note_use(app, viewer.credential, last_used_at, now);
    Ok(viewer)
}

/// The hash of what a request shows, whether it is valid or not; none if it shows nothing that could be.
#[must_use]
pub fn shown_hash(headers: &HeaderMap, settings: &Settings) -> Option<Vec<u8>> {
    match sent_key(headers).ok()? {
        Some(key) => is_well_formed_key(&key).then(|| Secret::shown(&key).hash()),
        None => session_token(headers, settings).map(|token| token.hash()),
    }
}

/// What is said to a session that was one.
pub const ENDED_SESSION: Error = Error::Unauthenticated("Your session has ended; sign in again.");

/// What is said of a key that is none, or not any more.
pub const INVALID_KEY: Error =
    Error::Unauthenticated("This API key is not valid: unknown, expired or of a disabled account.");

async fn authenticate_key(app: &App, key: &str, now: DateTime<Utc>) -> Result<Viewer> {
    if !is_well_formed_key(key) {
        return Err(Error::Unauthenticated("This is not an API key of Milepost; was it copied whole?"));
    }
    let row: Option<KeyRow> = on!(app.db(), |c| {
        sqlx::query_as(
            "select k.id, k.user_id, u.role, k.scope, k.expires_at, k.last_used_at
             from api_keys k join users u on u.id = k.user_id
             where k.key = $1 and (k.expires_at is null or k.expires_at > $2) and u.disabled_at is null",
        )
        .bind(Secret::shown(key).hash())
        .bind(now)
        .fetch_optional(c)
        .await
    })?;
    let Some(row) = row else { return Err(INVALID_KEY) };
    let last_used_at = row.last_used_at;
    let viewer = Viewer::from(row);
    note_use(app, viewer.credential, last_used_at, now);
    Ok(viewer)
}

/// Those of some keys that are valid.
pub async fn valid_keys<'a>(
    on: impl Into<On<'a>>,
    ids: impl IntoIterator<Item = Uuid>,
    now: DateTime<Utc>,
) -> sqlx::Result<HashSet<Uuid>> {
    let valid: Vec<(Uuid,)> = Select::new("select k.id from api_keys k join users u on u.id = k.user_id")
        .bind_all(" where u.disabled_at is null and k.id", ids)
        .bind(" and (k.expires_at is null or k.expires_at > ", now)
        .push(")")
        .fetch_all(on)
        .await?;
    Ok(valid.into_iter().map(|(id,)| id).collect())
}

/// Expects these keys to be valid.
pub(crate) fn expect_valid_keys(batch: &mut Batch, ids: &[Uuid], now: DateTime<Utc>) {
    let valid = "select k.id from v join api_keys k on k.id = v.id join users u on u.id = k.user_id
         where u.disabled_at is null and (k.expires_at is null or k.expires_at > v.now)";
    expect_rows!(*batch, ids.len(), valid, ids, |id| { id: *id, now: now });
}

/// Looks again whether credentials that were valid are so still, and until when: what streams ask once they are
/// registered, and when somebody's rights have changed. An open stream is a use, so no session lies idle then.
pub async fn revalidate(db: &Db, viewer: &mut Viewer, now: DateTime<Utc>) -> sqlx::Result<bool> {
    let sql = match viewer.credential {
        Credential::Session { .. } => {
            "select s.expires_at from sessions s join users u on u.id = s.user_id
             where s.id = $1 and s.expires_at > $2 and u.disabled_at is null"
        }
        Credential::Key { .. } => {
            "select k.expires_at from api_keys k join users u on u.id = k.user_id
             where k.id = $1 and (k.expires_at is null or k.expires_at > $2) and u.disabled_at is null"
        }
    };
    let valid: Option<(Option<DateTime<Utc>>,)> =
        on!(db, |c| { sqlx::query_as(sql).bind(viewer.credential.id()).bind(now).fetch_optional(c).await })?;
    let Some((valid_until,)) = valid else { return Ok(false) };
    viewer.valid_until = valid_until;
    Ok(true)
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: Uuid,
    user_id: Uuid,
    role: Role,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<SessionRow> for Viewer {
    fn from(row: SessionRow) -> Self {
        let credential = Credential::Session { id: row.id };
        Self { user_id: row.user_id, role: row.role, credential, valid_until: Some(row.expires_at) }
    }
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: Uuid,
    user_id: Uuid,
    role: Role,
    scope: Scope,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<KeyRow> for Viewer {
    fn from(row: KeyRow) -> Self {
        // A customer's key reads, whatever it says.
        let scope = if row.role == Role::Customer { Scope::Read } else { row.scope };
        let credential = Credential::Key { id: row.id, scope };
        Self { user_id: row.user_id, role: row.role, credential, valid_until: row.expires_at }
    }
}

/// The key in `Authorization: Bearer`, `X-API-Key`, or `x-api_key` (what existing scripts send; some as `x_api_key`).
fn sent_key(headers: &HeaderMap) -> Result<Option<String>> {
    let unreadable = || Error::Unauthenticated("The API key contains characters that no key has.");
    // Other schemes are not ours: a proxy in front may ask for its own.
    if let Some(bearer) = headers.get(header::AUTHORIZATION).and_then(bearer_token) {
        return Ok(Some(bearer.to_owned()));
    }
    let Some(value) = ["x-api-key", "x-api_key", "x_api_key"].iter().find_map(|name| headers.get(*name)) else {
        return Ok(None);
    };
    Ok(Some(value.to_str().map_err(|_| unreadable())?.trim().to_owned()))
}

fn bearer_token(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token of the session that a browser shows.
#[must_use]
pub fn session_token(headers: &HeaderMap, settings: &Settings) -> Option<Secret> {
    let jar = CookieJar::from_headers(headers);
    jar.get(&cookie_name(settings)).map(|cookie| Secret::shown(cookie.value()))
}

/// The cookie that makes a browser forget its session.
#[must_use]
pub fn removal_cookie(settings: &Settings) -> Cookie<'static> {
    session_cookie(settings, String::new(), Some(TimeDelta::zero()))
}

/// A cookie that the browser keeps for so long, or until it is closed. When a session ends is decided here and not there,
/// so the cookie of a remembered one is good until the session's absolute end, and is never sent anew.
#[must_use]
pub fn session_cookie(settings: &Settings, value: String, kept_for: Option<TimeDelta>) -> Cookie<'static> {
    let mut cookie = Cookie::build((cookie_name(settings), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.is_https())
        .build();
    cookie.set_max_age(kept_for.map(|span| time::Duration::seconds(span.num_seconds())));
    cookie
}

/// On https bound to the host; on plain http, which has no such binding, told apart by port: cookies do not know ports.
fn cookie_name(settings: &Settings) -> String {
    if settings.is_https() {
        "__Host-milepost".to_owned()
    } else {
        format!("milepost-{}", settings.public_url.port_or_known_default().unwrap_or(80))
    }
}
