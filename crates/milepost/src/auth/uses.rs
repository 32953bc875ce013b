//! When keys and sessions were last used: written down once in a while, and beside the request, so that nobody waits.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Credential;
use crate::app::App;
use crate::config::Settings;
use crate::db::{Db, on};

/// `last_used_at` is exact to this, so that reading does not write each time.
pub const PRECISION: TimeDelta = TimeDelta::seconds(60);

/// What this process has lately noted the use of: of many requests with a key at once one writes it down.
#[derive(Debug, Default)]
pub struct Uses(Mutex<HashMap<Uuid, DateTime<Utc>>>);

impl Uses {
    /// Whether a use is to be written down now.
    fn note(&self, id: Uuid, now: DateTime<Utc>, precision: TimeDelta) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&id).is_some_and(|at| (now - *at).abs() < precision) {
            return false;
        }
        noted.retain(|_, at| (now - *at).abs() < PRECISION);
        noted.insert(id, now);
        true
    }

    /// Lets the next use be written down, since this one was not.
    fn forget(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// How exactly the use of a credential is noted.
#[must_use]
pub fn precision(credential: Credential, settings: &Settings) -> TimeDelta {
    match credential {
        Credential::Key { .. } => PRECISION,
        Credential::Session { .. } => settings.sessions.precision(),
    }
}

/// Notes that a credential is used. `last` is what the database has.
pub fn note_use(app: &App, credential: Credential, last: Option<DateTime<Utc>>, now: DateTime<Utc>) {
    let precision = precision(credential, app.settings());
    let is_noted = last.is_some_and(|last| now - last < precision);
    if is_noted || !app.uses().note(credential.id(), now, precision) {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = touch(app.db(), credential, now).await {
            app.uses().forget(credential.id());
            tracing::warn!(%error, "could not note the use of a key or session");
        }
    });
}

async fn touch(db: &Db, credential: Credential, now: DateTime<Utc>) -> sqlx::Result<()> {
    let sql = match credential {
        Credential::Key { .. } => {
            "update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)"
        }
        Credential::Session { .. } => {
            "update sessions set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)"
        }
    };
    let mut tx = db.begin().await?;
    on!(&mut tx, |c| sqlx::query(sql).bind(credential.id()).bind(now).execute(c).await.map(drop))?;
    tx.commit().await
}
