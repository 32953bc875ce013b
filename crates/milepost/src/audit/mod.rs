//! The audit log: who did what, when, and from where. An entry is written in the transaction of the act, so that neither
//! is there without the other, and never changed: the database itself refuses that.
//!
//! Entries hold ids, numbers and words of ours. Nothing that somebody typed gets into one: no [`Detail`] can be made of
//! it.

mod actor;
mod entry;
mod forget;
mod list;
mod queries;
mod reads;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use actor::{Actor, ActorKind, Origin};
pub use entry::{Action, Detail, Entry, Subject, SubjectKind};
pub use forget::{Noted, forget_addresses};
pub use list::AuditEntry;
pub use queries::{OperatorEntry, Search, search};
pub use reads::{Part, record_read, record_read_of_all};

use crate::app::App;
use crate::db::{Tx, on};

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list_entries))
}

/// Writes an act into the audit log. It is there once the transaction of the act commits.
pub async fn record(app: &App, tx: &mut Tx, actor: &Actor, entry: Entry) -> sqlx::Result<()> {
    let (subject, subject_id) = entry.subject.map(Subject::parts).unzip();
    let details = Some(entry.details).filter(|details| !details.is_empty()).map(sqlx::types::Json);
    on!(tx, |c| {
        sqlx::query(
            "insert into audit_log (id, tenant_id, created_at, action, actor, actor_id, key_id, subject, subject_id,
                 address, request_id, details)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(app.clock().new_id())
        .bind(entry.tenant_id)
        .bind(app.clock().now())
        .bind(entry.action.as_str())
        .bind(actor.kind())
        .bind(actor.user_id())
        .bind(actor.key_id())
        .bind(subject)
        .bind(subject_id.flatten())
        .bind(actor.origin().address().map(|address| address.to_string()))
        .bind(actor.origin().request_id())
        .bind(details)
        .execute(c)
        .await
        .map(drop)
    })
}
