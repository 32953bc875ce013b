//! The SQL of reading the audit log.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::list::AuditFilter;
use super::{Action, ActorKind, AuditEntry};
use crate::auth::Tenant;
use crate::db::{Db, Order, Select, Value as Bound};
use crate::paging::{Cursor, Limit};
use crate::values::Instant;

/// An entry with the address of the account that acted, as far as the reader knows it: their own, and those that a
/// provider has invited. A provider's own address is nothing that customers read here.
const SELECT: &str = "select a.id, a.tenant_id, a.created_at, a.action, a.actor, a.actor_id,
        case when a.actor_id = a.tenant_id
            or exists (select 1 from customers l where l.provider_id = a.tenant_id and l.email = u.email)
        then u.email end as actor_email, a.key_id, a.subject, a.subject_id, a.address, a.request_id, a.details
    from audit_log a left join users u on u.id = a.actor_id";

/// The same for the operator, who knows all addresses.
const SELECT_ALL: &str =
    "select a.id, a.tenant_id, a.created_at, a.action, a.actor, a.actor_id, u.email as actor_email,
        a.key_id, a.subject, a.subject_id, a.address, a.request_id, a.details, t.email as tenant_email
    from audit_log a left join users u on u.id = a.actor_id left join users t on t.id = a.tenant_id";

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: Uuid,
    tenant_id: Option<Uuid>,
    #[sqlx(default)]
    tenant_email: Option<String>,
    created_at: DateTime<Utc>,
    action: String,
    actor: ActorKind,
    actor_id: Option<Uuid>,
    actor_email: Option<String>,
    key_id: Option<Uuid>,
    subject: Option<String>,
    subject_id: Option<Uuid>,
    address: Option<String>,
    request_id: Option<Uuid>,
    details: Option<Json<Map<String, Value>>>,
}

impl From<EntryRow> for AuditEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at,
            action: row.action,
            actor: row.actor,
            actor_id: row.actor_id,
            actor_email: row.actor_email,
            key_id: row.key_id,
            subject: row.subject,
            subject_id: row.subject_id,
            address: row.address,
            request_id: row.request_id,
            details: row.details.map(|Json(details)| details),
        }
    }
}

/// A condition that is checked and never chooses the index.
fn checked(condition: &str) -> String {
    format!("({condition}) is true")
}

/// Entries of the tenant's log, newest first, one more than a page has. They are read in the order of an index that
/// begins with what is asked for; of several actions the beginnings are merged.
pub(super) async fn page_of(db: &Db, tenant: Tenant, filter: &AuditFilter) -> sqlx::Result<Vec<AuditEntry>> {
    let mut select = Select::new(SELECT);
    let of_tenant = format!("tenant_id = {}", select.value(tenant.id()));
    let subject = filter.subject_id.map(|id| format!("subject_id = {}", select.value(id)));
    let actor = filter.actor_id.map(|id| format!("actor_id = {}", select.value(id)));
    let actions: Vec<String> = filter
        .action
        .iter()
        .flat_map(|several| &several.0)
        .map(|action| format!("action = {}", select.value(action.as_str().to_owned())))
        .collect();
    let mut checks: Vec<String> = Vec::new();
    if let Some(from) = filter.from {
        checks.push(format!("created_at >= {}", select.value(from.0)));
    }
    if let Some(to) = filter.to {
        checks.push(format!("created_at < {}", select.value(to.0)));
    }
    if let Some(cursor) = filter.cursor {
        checks.push(format!("(created_at, id) < ({}, {})", select.value(cursor.at), select.value(cursor.tie)));
    }
    // What has few entries leads: a subject before an actor before an action before all of the tenant.
    let mut sources = match subject.or(actor.clone()) {
        Some(leading) => vec![leading],
        None if actions.is_empty() => vec![of_tenant.clone()],
        None => actions.iter().map(|action| format!("{of_tenant} and {action}")).collect(),
    };
    if filter.subject_id.is_some() || filter.actor_id.is_some() {
        checks.push(checked(&of_tenant));
        checks.extend(actor.map(|actor| checked(&actor)));
        if !actions.is_empty() {
            checks.push(checked(&actions.join(" or ")));
        }
    }
    let limit = select.value(filter.limit.and_one());
    for source in &mut sources {
        let all = [std::slice::from_ref(source), &checks].concat().join(" and ");
        *source = format!(
            "select * from (select id, created_at from audit_log where {all}
                 order by created_at desc, id desc limit {limit}) as beginning"
        );
    }
    let select = select.push(&format!(
        " where a.id in (select merged.id from ({}) as merged order by merged.created_at desc, merged.id desc limit {limit})
          order by a.created_at desc, a.id desc",
        sources.join(" union all ")
    ));
    let rows: Vec<EntryRow> = select.fetch_all(db).await?;
    Ok(rows.into_iter().map(AuditEntry::from).collect())
}

/// What the operator looks for.
#[derive(Debug)]
pub struct Search {
    /// Entries of this time or later.
    pub since: DateTime<Utc>,
    /// Entries before this time.
    pub until: DateTime<Utc>,
    /// Of these actions; of all if there are none.
    pub actions: Vec<Action>,
    /// That this account did, that are about it, or that are in its log.
    pub account_id: Option<Uuid>,
}

impl Default for Search {
    fn default() -> Self {
        Self { since: DateTime::UNIX_EPOCH, until: Instant::MAX, actions: Vec::new(), account_id: None }
    }
}

/// An entry as the operator sees it.
#[derive(Debug, Serialize)]
pub struct OperatorEntry {
    /// Whose log it is in; null: the operator's alone.
    pub tenant_id: Option<Uuid>,
    /// The address of that account.
    pub tenant_email: Option<String>,
    /// The entry.
    #[serde(flatten)]
    pub entry: AuditEntry,
}

/// A page of all logs, the oldest first, one more than a page has.
pub async fn search(
    db: &Db,
    search: &Search,
    cursor: Option<Cursor>,
    limit: Limit,
) -> sqlx::Result<Vec<OperatorEntry>> {
    let mut select = Select::new(SELECT_ALL).bind(" where a.created_at >= ", search.since);
    select = select.bind(" and a.created_at < ", search.until);
    if !search.actions.is_empty() {
        select = select.bind_all(" and a.action", search.actions.iter().map(|action| action.as_str().to_owned()));
    }
    if let Some(id) = search.account_id {
        let id = select.value(id);
        select = select.push(&format!(" and (a.actor_id = {id} or a.subject_id = {id} or a.tenant_id = {id})"));
    }
    let cursor = cursor.map(|cursor| (cursor.at, Bound::Id(cursor.tie)));
    let rows: Vec<EntryRow> =
        select.page("a.created_at", "a.id", Order::Ascending, cursor, limit).fetch_all(db).await?;
    let entry = |mut row: EntryRow| OperatorEntry {
        tenant_id: row.tenant_id,
        tenant_email: row.tenant_email.take(),
        entry: row.into(),
    };
    Ok(rows.into_iter().map(entry).collect())
}
