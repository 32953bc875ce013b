//! The SQL of events.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::Event;
use crate::auth::{ProviderId, Tenant};
use crate::db::{Db, On, Order, Select, Tx, Value as Bound, insert_rows};
use crate::paging::{Cursor, Limit};
use crate::progress::EventKind;
use crate::values::{Fraction, restore_number};

/// An event with its job's own id and its step's tag.
const SELECT: &str = "select e.id, e.provider_id, e.job_id, j.provider_job_id, e.kind, e.name, s.tag,
        e.step_configuration_id, e.event_metadata, e.fraction, e.sequence, e.position, e.occurred_at,
        e.idempotency_key, e.request_hash, e.created_at, e.updated_at
    from events e join jobs j on j.id = e.job_id left join step_configurations s on s.id = e.step_configuration_id";

/// An event and what only we know of it.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// Its place in the log of all events.
    pub position: i64,
    /// What its idempotency key stands for.
    pub request_hash: Option<Vec<u8>>,
}

impl<'r, R: Row> FromRow<'r, R> for StoredEvent
where
    EventRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let row = EventRow::from_row(row)?;
        Ok(Self {
            position: row.position,
            request_hash: row.request_hash,
            event: Event {
                id: row.id,
                job_id: row.job_id,
                provider_job_id: row.provider_job_id,
                kind: row.kind,
                name: row.name,
                tag: row.tag,
                step_configuration_id: row.step_configuration_id,
                event_metadata: row.event_metadata.map(|Json(metadata)| as_sent(metadata)),
                fraction: row.fraction.map(Fraction::from_millionths),
                sequence: row.sequence,
                occurred_at: row.occurred_at,
                idempotency_key: row.idempotency_key,
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
        })
    }
}

fn as_sent(mut metadata: Map<String, Value>) -> Map<String, Value> {
    metadata.values_mut().for_each(restore_number);
    metadata
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: Uuid,
    job_id: Uuid,
    provider_job_id: String,
    kind: EventKind,
    name: Option<String>,
    tag: Option<String>,
    step_configuration_id: Option<Uuid>,
    event_metadata: Option<Json<Map<String, Value>>>,
    fraction: Option<i64>,
    sequence: i64,
    position: i64,
    occurred_at: DateTime<Utc>,
    idempotency_key: Option<String>,
    request_hash: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Writes events; the rows of their jobs are locked by the transaction.
pub(super) async fn insert(tx: &mut Tx, provider: ProviderId, events: &[StoredEvent]) -> sqlx::Result<()> {
    let insert = "insert into events
             (id, provider_id, job_id, kind, name, step_configuration_id, event_metadata, sequence, position,
              occurred_at, fraction, idempotency_key, request_hash, created_at, updated_at) ";
    insert_rows!(tx, insert, events, |values, stored| {
        let event = &stored.event;
        values
            .push_bind(event.id)
            .push_bind(provider.id())
            .push_bind(event.job_id)
            .push_bind(event.kind)
            .push_bind(&event.name)
            .push_bind(event.step_configuration_id)
            .push_bind(event.event_metadata.as_ref().map(Json))
            .push_bind(event.sequence)
            .push_bind(stored.position)
            .push_bind(event.occurred_at)
            .push_bind(event.fraction.map(Fraction::millionths))
            .push_bind(&event.idempotency_key)
            .push_bind(&stored.request_hash)
            .push_bind(event.created_at)
            .push_bind(event.created_at);
    });
    Ok(())
}

/// The events of a job that carry one of these idempotency keys.
pub(super) async fn find_by_keys(tx: &mut Tx, job_id: Uuid, keys: Vec<String>) -> sqlx::Result<Vec<StoredEvent>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    Select::new(SELECT)
        .bind(" where e.job_id = ", job_id)
        .bind_all(" and e.idempotency_key in", keys)
        .fetch_all(tx)
        .await
}

/// A page of the events of a job, of all kinds or of some, by the time they happened.
pub(super) async fn list_of_job(
    db: &Db,
    job_id: Uuid,
    kinds: Option<&[EventKind]>,
    order: Order,
    cursor: Option<Cursor>,
    limit: Limit,
) -> sqlx::Result<Vec<StoredEvent>> {
    let cursor =
        cursor.map(|cursor| (cursor.at, Bound::Number(i64::try_from(cursor.tie.as_u128()).unwrap_or(i64::MAX))));
    let of_job = Select::new(SELECT).bind(" where e.job_id = ", job_id);
    let select = match kinds {
        Some(kinds) => of_job.bind_all(" and e.kind in", kinds.iter().map(|kind| kind.as_str().to_owned())),
        None => of_job,
    };
    select.page("e.occurred_at", "e.sequence", order, cursor, limit).fetch_all(db).await
}

/// Events of a job behind a sequence, in the order they arrived.
pub async fn load_after_sequence<'a>(
    on: impl Into<On<'a>>,
    job_id: Uuid,
    sequence: i64,
    count: i64,
) -> sqlx::Result<Vec<StoredEvent>> {
    Select::new(SELECT)
        .bind(" where e.job_id = ", job_id)
        .bind(" and e.sequence > ", sequence)
        .bind(" order by e.sequence limit ", count)
        .fetch_all(on)
        .await
}

/// Events of all jobs behind a position, in the order they were committed.
pub async fn load_after_position(db: &Db, position: i64, count: i64) -> sqlx::Result<Vec<StoredEvent>> {
    Select::new(SELECT)
        .bind(" where e.position > ", position)
        .bind(" order by e.position limit ", count)
        .fetch_all(db)
        .await
}

/// Events of the jobs that the tenant may see, from behind one position up to another, in the order they were
/// committed.
pub async fn load_feed(db: &Db, tenant: Tenant, after: i64, upto: i64, count: i64) -> sqlx::Result<Vec<StoredEvent>> {
    let select = match tenant {
        Tenant::Provider(provider) => Select::new(SELECT).bind(" where e.provider_id = ", provider.id()),
        Tenant::Customer(customer) => Select::new(SELECT).bind(" where j.customer_id = ", customer.id()),
    };
    select
        .bind(" and e.position > ", after)
        .bind(" and e.position <= ", upto)
        .bind(" order by e.position limit ", count)
        .fetch_all(db)
        .await
}
