//! What an erasure takes from the log: the addresses that somebody acted from.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::db::Select;
use crate::error::Result;
use crate::jobs::retire::PAUSE;

/// How many entries are looked at at once.
const PAGE: i64 = 500;

/// Entries of the audit log with addresses of a person: the one thing in them that is about one.
#[derive(Debug, Clone, Copy)]
pub enum Noted {
    /// By the account, about it, and in its own log.
    OfAccount(Uuid),
    /// By the account, in the log of one provider.
    ByAccountAt {
        /// The account.
        user_id: Uuid,
        /// The provider.
        provider_id: Uuid,
    },
}

/// Takes the addresses from entries: along an index each time, so that it is as long as the entries are many, and in small
/// transactions.
pub async fn forget_addresses(app: &App, noted: Noted) -> Result<()> {
    match noted {
        Noted::OfAccount(id) => {
            for column in ["actor_id", "subject_id", "tenant_id"] {
                forget_addresses_along(app, column, id, None).await?;
            }
        }
        Noted::ByAccountAt { user_id, provider_id } => {
            forget_addresses_along(app, "actor_id", user_id, Some(provider_id)).await?;
        }
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct NotedRow {
    created_at: DateTime<Utc>,
    id: Uuid,
    has_address: bool,
}

/// Takes the addresses from the entries that have an id in a column, or from those of them in one log.
async fn forget_addresses_along(app: &App, column: &'static str, id: Uuid, tenant_id: Option<Uuid>) -> Result<()> {
    let mut after = (DateTime::UNIX_EPOCH, Uuid::nil());
    loop {
        let mut select = Select::new("");
        let has_address = match tenant_id {
            Some(tenant_id) => format!("address is not null and tenant_id = {}", select.value(tenant_id)),
            None => "address is not null".to_owned(),
        };
        let page: Vec<NotedRow> = select
            .push(&format!(
                "select created_at, id, ({has_address}) is true as has_address from audit_log where {column} = "
            ))
            .bind("", id)
            .bind(" and (created_at, id) > (", after.0)
            .bind(", ", after.1)
            .bind(") order by created_at, id limit ", PAGE)
            .fetch_all(app.db())
            .await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.created_at, last.id);
        let ids: Vec<Uuid> = page.iter().filter(|row| row.has_address).map(|row| row.id).collect();
        if !ids.is_empty() {
            let mut tx = app.db().begin().await?;
            let update = Select::new("update audit_log set address = null").bind_all(" where id", ids);
            let _changed: Vec<(Uuid,)> = update.push(" returning id").fetch_all(&mut tx).await?;
            tx.commit().await?;
            tokio::time::sleep(PAUSE).await;
        }
    }
}
