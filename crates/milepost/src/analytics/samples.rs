//! The newest finishes of steps, by the indexes of `durations`.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::query::Whose;
use crate::db::{Select, Tx};

/// How many are asked for by one statement.
const TOGETHER: usize = 16;

/// A step of a version of a configuration within a span of time, of which so many of the newest finishes are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) job_configuration_id: Uuid,
    pub(super) step_configuration_id: Uuid,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) most: usize,
}

/// The newest finishes: these columns of `durations`, behind the place of what was wanted, from 0.
pub(super) async fn load_newest<T>(
    tx: &mut Tx,
    whose: &Whose,
    columns: &str,
    wanted: &[Wanted],
) -> sqlx::Result<Vec<T>>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    if matches!(whose, Whose::Links(ids) if ids.is_empty()) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let placed: Vec<(i64, &Wanted)> = (0..).zip(wanted).collect();
    for together in placed.chunks(TOGETHER) {
        let mut select = Select::new("");
        let (customer, order) = match whose {
            Whose::All => (String::new(), "finished_at desc"),
            // In the order of the whole index: PostgreSQL does not see that `is null` leaves one value of the first column.
            Whose::Nobody => (
                "customer_link_id is null and".to_owned(),
                "customer_link_id desc, job_configuration_id desc, step_configuration_id desc, finished_at desc",
            ),
            Whose::Links(ids) => {
                let ids: Vec<String> = ids.iter().map(|id| select.value(*id)).collect();
                (format!("customer_link_id in ({}) and", ids.join(", ")), "finished_at desc")
            }
        };
        let mut branch = |(place, wanted): &(i64, &Wanted)| {
            let [job, step] = [wanted.job_configuration_id, wanted.step_configuration_id].map(|id| select.value(id));
            let [from, to] = [wanted.from, wanted.to].map(|time| select.value(time));
            let place = select.value(*place);
            let most = select.value(i64::try_from(wanted.most).unwrap_or(i64::MAX));
            format!(
                "select * from (select {place} as place, {columns} from durations
                     where {customer} job_configuration_id = {job} and step_configuration_id = {step}
                         and finished_at >= {from} and finished_at < {to}
                     order by {order} limit {most}) as newest"
            )
        };
        let branches: Vec<String> = together.iter().map(&mut branch).collect();
        found.extend(select.push(&branches.join(" union all ")).fetch_all(&mut *tx).await?);
    }
    Ok(found)
}
