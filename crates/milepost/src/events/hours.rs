//! How many events of a provider arrived in each hour: counted with the events, so that nobody has to count them.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::StoredEvent;
use crate::app::App;
use crate::auth::ProviderId;
use crate::db::{Batch, Db, Tx, add_rows, on, sql};
use crate::error::Result;
use crate::progress::EventKind;

/// The events that arrived in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
pub struct EventHour {
    /// The beginning of the hour, UTC.
    pub hour: DateTime<Utc>,
    /// How many.
    pub events: i64,
    /// How many of them are errors.
    pub errors: i64,
}

/// The beginning of the hour, UTC.
#[must_use]
pub fn hour_of(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(TimeDelta::hours(1)).unwrap_or(time)
}

/// Counts new events, whose positions the batch has taken: it is then the only one that counts.
pub(super) fn count(app: &App, batch: &mut Batch, events: &[StoredEvent]) {
    let mut hours: BTreeMap<(Uuid, DateTime<Utc>), EventHour> = BTreeMap::new();
    for StoredEvent { event, provider_id, .. } in events {
        let hour = hour_of(event.created_at);
        let counted = hours.entry((*provider_id, hour)).or_insert(EventHour { hour, events: 0, errors: 0 });
        counted.events += 1;
        counted.errors += i64::from(event.kind == EventKind::Error);
    }
    let counted: Vec<(Uuid, EventHour)> =
        hours.into_iter().map(|((provider_id, _), counted)| (provider_id, counted)).collect();
    add(app, batch, "v, positions", &counted);
}

/// Adds to what is counted of hours of providers. Read from `v, positions` it happens once positions are taken.
fn add(app: &App, batch: &mut Batch, from: &str, hours: &[(Uuid, EventHour)]) {
    let now = app.clock().now();
    let add = format!(
        "insert into event_hours (id, provider_id, hour, events, errors, created_at, updated_at)
         select v.* from {from} where true
         on conflict (provider_id, hour) do update set events = event_hours.events + excluded.events,
         errors = event_hours.errors + excluded.errors, updated_at = excluded.updated_at"
    );
    add_rows!(*batch, &add, hours, |row| {
        id: app.clock().new_id(),
        provider_id: row.0,
        hour: row.1.hour,
        events: row.1.events,
        errors: row.1.errors,
        created_at: now,
        updated_at: now,
    });
}

/// The events of a job behind one sequence up to another, by the hour that counted them.
pub async fn count_of_job(tx: &mut Tx, job_id: Uuid, after: i64, upto: i64) -> sqlx::Result<Vec<EventHour>> {
    let hour = tx.hour_of("created_at");
    on!(tx, |c| {
        sqlx::query_as(sql!(
            "select hour, count(*) as events, cast(sum(error) as bigint) as errors
             from (select {hour} as hour, case when kind = 'error' then 1 else 0 end as error
                   from events where job_id = $1 and sequence > $2 and sequence <= $3) as by_hour
             group by hour order by hour"
        ))
        .bind(job_id)
        .bind(after)
        .bind(upto)
        .fetch_all(c)
        .await
    })
}

/// Notes that events of an hour are deleted; the hour counts them still.
pub async fn count_deleted(app: &App, tx: &mut Tx, provider_id: Uuid, hour: EventHour) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "insert into event_hours
                 (id, provider_id, hour, events, errors, deleted_events, deleted_errors, created_at, updated_at)
             values ($1, $2, $3, 0, 0, $4, $5, $6, $6)
             on conflict (provider_id, hour) do update set
                 deleted_events = event_hours.deleted_events + excluded.deleted_events,
                 deleted_errors = event_hours.deleted_errors + excluded.deleted_errors,
                 updated_at = excluded.updated_at",
        )
        .bind(app.clock().new_id())
        .bind(provider_id)
        .bind(hour.hour)
        .bind(hour.events)
        .bind(hour.errors)
        .bind(app.clock().now())
        .execute(c)
        .await
        .map(drop)
    })
}

/// What is counted of a provider's hours from one on; hours without events may be missing.
pub async fn load_hours_since(
    tx: &mut Tx,
    provider: ProviderId,
    first: DateTime<Utc>,
) -> sqlx::Result<Vec<EventHour>> {
    on!(tx, |c| {
        sqlx::query_as(
            "select hour, events, errors from event_hours where provider_id = $1 and hour >= $2 order by hour",
        )
        .bind(provider.id())
        .bind(first)
        .fetch_all(c)
        .await
    })
}

/// All providers, who have counted hours each of their own.
pub async fn provider_ids(db: &Db) -> sqlx::Result<Vec<Uuid>> {
    on!(db, |c| sqlx::query_scalar("select id from users where role = 'provider' order by id").fetch_all(c).await)
}

/// Counts a provider's events again and changes nothing; gives a line for every difference.
pub async fn check(app: &App, provider_id: Uuid) -> Result<Vec<String>> {
    let mut snapshot = app.db().begin_reading().await?;
    let differing = compare(&mut snapshot, provider_id).await?;
    Ok(differing.iter().flat_map(Difference::lines).collect())
}

/// Counts a provider's events again and mends what is stored; gives a line for every difference. Events may go on
/// coming meanwhile: what is found is added to what they count.
pub async fn mend(app: &App, provider_id: Uuid) -> Result<Vec<String>> {
    // On SQLite nobody else can write while we count, so first without keeping anybody from it.
    if check(app, provider_id).await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = app.db().begin().await?;
    lock_out_others(&mut tx, provider_id).await?;
    let differing = compare(&mut tx, provider_id).await?;
    let missing = |d: &Difference| {
        let (events, errors) = (d.counted_events - d.stored_events, d.counted_errors - d.stored_errors);
        (provider_id, EventHour { hour: d.hour, events, errors })
    };
    let missing: Vec<(Uuid, EventHour)> = differing.iter().map(missing).collect();
    let mut batch = tx.batch();
    add(app, &mut batch, "v", &missing);
    batch.run(&mut tx).await?;
    delete_empty(&mut tx, provider_id).await?;
    tx.commit().await?;
    Ok(differing.iter().flat_map(Difference::lines).collect())
}

/// Keeps another rebuild from mending the same, but nobody from reporting events.
async fn lock_out_others(tx: &mut Tx, provider_id: Uuid) -> sqlx::Result<()> {
    let lock = tx.lock_clause(" for no key update of users");
    on!(tx, |c| {
        sqlx::query_scalar::<_, Uuid>(sql!("select id from users where id = $1{lock}"))
            .bind(provider_id)
            .fetch_optional(c)
            .await
            .map(drop)
    })
}

/// An hour of which something else is stored than its events say.
#[derive(sqlx::FromRow)]
struct Difference {
    hour: DateTime<Utc>,
    stored_events: i64,
    stored_errors: i64,
    counted_events: i64,
    counted_errors: i64,
}

impl Difference {
    fn lines(&self) -> Vec<String> {
        let hour = self.hour.to_rfc3339_opts(SecondsFormat::Secs, true);
        let columns = [
            ("events", self.stored_events, self.counted_events),
            ("errors", self.stored_errors, self.counted_errors),
        ];
        let differing = columns.into_iter().filter(|(_, stored, counted)| stored != counted);
        differing
            .map(|(column, stored, counted)| format!("hour {hour}: {column} is {stored}, events say {counted}"))
            .collect()
    }
}

/// In one statement, which sees events and what is counted of them at the same moment.
async fn compare(tx: &mut Tx, provider_id: Uuid) -> sqlx::Result<Vec<Difference>> {
    let hour = tx.hour_of("created_at");
    on!(tx, |c| {
        sqlx::query_as(sql!(
            "select hour, cast(sum(stored_events) as bigint) as stored_events,
                 cast(sum(stored_errors) as bigint) as stored_errors,
                 cast(sum(counted_events) as bigint) as counted_events,
                 cast(sum(counted_errors) as bigint) as counted_errors
             from (select {hour} as hour, 0 as stored_events, 0 as stored_errors, 1 as counted_events,
                       case when kind = 'error' then 1 else 0 end as counted_errors
                   from events where provider_id = $1
                   union all
                   select hour, events, errors, deleted_events, deleted_errors from event_hours where provider_id = $1) as both_sides
             group by hour
             having sum(stored_events) <> sum(counted_events) or sum(stored_errors) <> sum(counted_errors)
             order by hour"
        ))
        .bind(provider_id)
        .fetch_all(c)
        .await
    })
}

async fn delete_empty(tx: &mut Tx, provider_id: Uuid) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "delete from event_hours where provider_id = $1 and events = 0 and errors = 0 and deleted_events = 0",
        )
        .bind(provider_id)
        .execute(c)
        .await
        .map(drop)
    })
}
