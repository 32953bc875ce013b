//! `GET /audit-log`: what happened in one's own account.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Action, ActorKind, SubjectKind, queries};
use crate::app::App;
use crate::auth::Account;
use crate::error::Result;
use crate::http::{Json, Query, Several};
use crate::paging::{Cursor, Limit, Page};
use crate::values::Instant;

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// The entry's id.
    pub id: Uuid,
    /// When it happened.
    pub created_at: DateTime<Utc>,
    /// What was done. Text within: beside this server one of a later release may write words that this one does not know.
    #[schema(value_type = Action)]
    pub action: String,
    /// What kind of actor did it.
    pub actor: ActorKind,
    /// The account that did it.
    pub actor_id: Option<Uuid>,
    /// Its address, if it is one that the reader knows; null once the account is erased.
    pub actor_email: Option<String>,
    /// The key it was done with.
    pub key_id: Option<Uuid>,
    /// What kind of thing it is about.
    #[schema(value_type = Option<SubjectKind>)]
    pub subject: Option<String>,
    /// Which one.
    pub subject_id: Option<Uuid>,
    /// From which address.
    pub address: Option<String>,
    /// The `X-Request-Id` of the request.
    pub request_id: Option<Uuid>,
    /// What else there is to know: ids, field names, numbers.
    #[schema(value_type = Option<Map<String, Value>>)]
    pub details: Option<Map<String, Value>>,
}

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFilter {
    /// One action or several, separated by commas.
    #[param(value_type = Option<String>, example = "sign_in,sign_in_failed")]
    pub(super) action: Option<Several<Action>>,
    /// What this account did.
    pub(super) actor_id: Option<Uuid>,
    /// What was done to this account, session, key, customer or job.
    pub(super) subject_id: Option<Uuid>,
    /// Entries of this time or later.
    #[param(value_type = Option<Instant>)]
    pub(super) from: Option<Instant>,
    /// Entries before this time.
    #[param(value_type = Option<Instant>)]
    pub(super) to: Option<Instant>,
    /// Rows of a page, 1–200.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    pub(super) limit: Limit,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = r"^(0|[1-9a-f][0-9a-f]{0,13})-(0|[1-9a-f][0-9a-f]{0,31})$")]
    pub(super) cursor: Option<Cursor>,
}

/// The caller's audit log, newest first
///
/// Who did what in the caller's account and from where: signing in, keys, customers, corrections of jobs, what the
/// operator did; with the operator's setting `audit_reads` also who read a provider's jobs.
#[utoipa::path(get, path = "/audit-log", tag = "Audit log", operation_id = "list_audit_log", params(AuditFilter),
    responses((status = 200, description = "A page of entries", body = Page<AuditEntry>)))]
pub(super) async fn list_entries(
    State(app): State<App>,
    account: Account,
    Query(filter): Query<AuditFilter>,
) -> Result<Json<Page<AuditEntry>>> {
    let _pass = app.gates().searches.enter(Some(account.user_id)).await?;
    let rows = queries::page_of(app.db(), account.tenant(), &filter).await?;
    Ok(Json(Page::cut(rows, filter.limit, |entry| Cursor { at: entry.created_at, tie: entry.id })))
}
