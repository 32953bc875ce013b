//! The log of all events: beside the events it has the jobs that were found to be silent, each at its position.

use sqlx::FromRow;
use uuid::Uuid;

use crate::auth::Tenant;
use crate::db::{Db, Select};
use crate::events::{StoredEvent, load_after_position, load_feed};

/// What stands at a position.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are events")]
pub(super) enum Entry {
    Event(StoredEvent),
    Silence(Silence),
}

impl Entry {
    pub(super) fn position(&self) -> i64 {
        match self {
            Self::Event(stored) => stored.position,
            Self::Silence(silence) => silence.position,
        }
    }

    pub(super) fn job_id(&self) -> Uuid {
        match self {
            Self::Event(stored) => stored.event.job_id,
            Self::Silence(silence) => silence.job_id,
        }
    }
}

/// A job was found to be silent.
#[derive(Debug, FromRow)]
pub(super) struct Silence {
    pub(super) position: i64,
    pub(super) job_id: Uuid,
}

/// A part of the log.
#[derive(Debug)]
pub(super) struct Stretch {
    /// In the order of their positions.
    pub(super) entries: Vec<Entry>,
    /// The position up to which it was read.
    pub(super) upto: i64,
}

/// Reads the log behind one position up to another, which is committed, or less far if there are more than about `count`
/// entries. With a tenant only what they may see; without one it may be read further than asked for.
pub(super) async fn read(db: &Db, of: Option<Tenant>, after: i64, upto: i64, count: i64) -> sqlx::Result<Stretch> {
    let mut events = match of {
        None => load_after_position(db, after, count).await?,
        Some(tenant) => load_feed(db, tenant, after, upto, count).await?,
    };
    let upto = match events.last() {
        Some(last) if is_full(&events, count) => last.position,
        // What is committed before it is too, and was so before silences are read.
        Some(last) => last.position.max(upto),
        None => upto,
    };
    // A log has no gaps: where events are at all positions, nothing else is.
    let is_complete = i64::try_from(events.len()).is_ok_and(|events| events == upto - after);
    let silences = if is_complete { Vec::new() } else { load_silences(db, of, after, upto, count).await? };
    let upto = match silences.last() {
        Some(last) if is_full(&silences, count) => last.position,
        _ => upto,
    };
    events.retain(|stored| stored.position <= upto);
    let mut entries: Vec<Entry> =
        events.into_iter().map(Entry::Event).chain(silences.into_iter().map(Entry::Silence)).collect();
    entries.sort_by_key(Entry::position);
    Ok(Stretch { entries, upto })
}

fn is_full<T>(rows: &[T], count: i64) -> bool {
    i64::try_from(rows.len()).is_ok_and(|rows| rows == count)
}

async fn load_silences(db: &Db, of: Option<Tenant>, after: i64, upto: i64, count: i64) -> sqlx::Result<Vec<Silence>> {
    let select = "select s.position, s.job_id from silences s";
    let select = match of {
        None => Select::new(format!("{select} where true")),
        Some(Tenant::Provider(provider)) => Select::new(select).bind(" where s.provider_id = ", provider.id()),
        Some(Tenant::Customer(customer)) => Select::new(format!("{select} join jobs j on j.id = s.job_id"))
            .bind(" where j.customer_id = ", customer.id()),
    };
    select
        .bind(" and s.position > ", after)
        .bind(" and s.position <= ", upto)
        .bind(" order by s.position limit ", count)
        .fetch_all(db)
        .await
}
