//! The SQL of events.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::Event;
use crate::auth::Tenant;
use crate::db::{Batch, Db, On, Order, Select, Tx, Value as Bound, add_rows, expect_rows, fetch_for_rows};
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
    /// Whose it is.
    pub provider_id: Uuid,
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
            provider_id: row.provider_id,
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
    provider_id: Uuid,
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

/// Writes events in their order, at the positions that the batch has taken for all of them; the rows of their jobs are
/// locked by the transaction.
pub(super) fn insert(batch: &mut Batch, events: &[StoredEvent]) {
    // Counted from the last position that is taken.
    let first = 1 - i64::try_from(events.len()).unwrap_or(i64::MAX);
    let events: Vec<(i64, &StoredEvent)> = (first..).zip(events).collect();
    let insert = "insert into events (id, provider_id, job_id, kind, name, step_configuration_id, event_metadata,
             sequence, position, occurred_at, fraction, idempotency_key, request_hash, created_at, updated_at)
         select v.id, v.provider_id, v.job_id, v.kind, v.name, v.step_configuration_id, v.event_metadata,
             v.sequence, (select position from positions) + v.position, v.occurred_at, v.fraction,
             v.idempotency_key, v.request_hash, v.created_at, v.updated_at
         from v";
    add_rows!(*batch, insert, events, |row| {
        id: row.1.event.id,
        provider_id: row.1.provider_id,
        job_id: row.1.event.job_id,
        kind: row.1.event.kind.as_str(),
        name: row.1.event.name.as_deref(),
        step_configuration_id: row.1.event.step_configuration_id,
        event_metadata: row.1.event.event_metadata.as_ref().map(Json),
        sequence: row.1.event.sequence,
        position: row.0,
        occurred_at: row.1.event.occurred_at,
        fraction: row.1.event.fraction.map(Fraction::millionths),
        idempotency_key: row.1.event.idempotency_key.as_deref(),
        request_hash: row.1.request_hash.as_deref(),
        created_at: row.1.event.created_at,
        updated_at: row.1.event.created_at,
    });
}

/// The events that carry these idempotency keys, each of its job.
pub(super) async fn find_by_keys(tx: &mut Tx, keys: &[(Uuid, &str)]) -> sqlx::Result<Vec<StoredEvent>> {
    let select = format!("{SELECT} join v on v.job_id = e.job_id and v.key = e.idempotency_key");
    Ok(fetch_for_rows!(&mut *tx, &select, keys, |key| { job_id: key.0, key: key.1 }))
}

/// Expects that no event carries one of these idempotency keys, each of its job.
pub(super) fn expect_unused(batch: &mut Batch, keys: &[(Uuid, &str)]) {
    let using = "select e.id from v join events e on e.job_id = v.job_id and e.idempotency_key = v.key";
    expect_rows!(*batch, 0, using, keys, |key| { job_id: key.0, key: key.1 });
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
        Some(kinds) => of_job.bind_all(" and e.kind", kinds.iter().map(|kind| kind.as_str().to_owned())),
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
