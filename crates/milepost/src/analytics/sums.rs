//! Sums over spans of time, put together from the roll-ups of quarters and days.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::{Selection, Whose};
use crate::configurations::version::Version;
use crate::db::{Tx, fetch_for_rows};
use crate::rollups::{EVERYBODY, NOBODY, SUMS, Series, Sums};
use crate::values::Tag;

const SECONDS_OF_DAY: i64 = 86_400;

/// What happened within some time, in figures.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct Figures {
    /// Jobs opened within: the sum of the next five.
    opened: i64,
    /// Of these, without events as yet.
    pending: i64,
    /// Of these, running now.
    running: i64,
    /// Of these, completed by now.
    completed: i64,
    /// Of these, in error now.
    error: i64,
    /// Of these, deleted or made anonymous before they had ended.
    abandoned: i64,
    /// Jobs that finished within, whenever they were opened.
    finished: i64,
    /// Jobs in error now whose last error happened within.
    failed: i64,
    /// Hours from the start to the end of those that finished within, with four decimals.
    hours: f64,
    /// Steps that were finished within.
    steps: i64,
    /// What these are worth.
    points: i64,
    /// Errors that happened within.
    errors: i64,
}

impl From<Sums> for Figures {
    fn from(sums: Sums) -> Self {
        let Sums { pending, running, completed, error, abandoned, finished, failed, hours, steps, points, errors } =
            sums;
        let opened = opened(&sums);
        #[expect(clippy::cast_precision_loss, reason = "four decimals are exact up to some 900 billion hours")]
        let hours = hours as f64 / 10_000.0;
        Self { opened, pending, running, completed, error, abandoned, finished, failed, hours, steps, points, errors }
    }
}

/// How many jobs were opened within.
pub(super) fn opened(sums: &Sums) -> i64 {
    sums.pending + sums.running + sums.completed + sums.error + sums.abandoned
}

/// All together.
pub(super) fn add_up<'a>(all: impl IntoIterator<Item = &'a Sums>) -> Sums {
    let mut sum = Sums::default();
    all.into_iter().for_each(|sums| sum += *sums);
    sum
}

/// By what is summed up beside the part of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The tag of the configuration.
    Tag,
    /// The customer link, see [`Whose::scopes`].
    Customer,
    /// The step of a version of a configuration.
    Step,
}

impl By {
    /// The columns of a row, the tables beside `v` and `rollups r`, how these come together, and what makes up a group.
    fn sql(self) -> [&'static str; 4] {
        match self {
            Self::Tag => ["c.tag", "job_configurations c", "c.id = r.configuration", "c.tag"],
            Self::Customer => ["r.customer", "job_configurations c", "c.id = r.configuration", "r.customer"],
            Self::Step => [
                "s.id as step_configuration_id, s.tag as step, s.name, s.position, c.id as job_configuration_id, c.tag,
                 c.version, c.precedence, c.created_at",
                "step_configurations s cross join job_configurations c",
                "s.id = r.configuration and c.id = s.job_configuration_id",
                "s.id, c.id",
            ],
        }
    }

    fn series(self, is_of_days: bool) -> Series {
        match (self, is_of_days) {
            (Self::Step, true) => Series::StepDays,
            (Self::Step, false) => Series::StepQuarters,
            (_, true) => Series::JobDays,
            (_, false) => Series::JobQuarters,
        }
    }
}

impl Whose {
    /// By what roll-ups know whose jobs they sum up.
    pub(super) fn scopes(&self) -> Vec<Uuid> {
        match self {
            Self::All => vec![EVERYBODY],
            Self::Nobody => vec![NOBODY],
            Self::Links(ids) => ids.clone(),
        }
    }
}

/// Sums over the spans between neighbouring boundaries, which are whole quarters of an hour in order. A row has the `part`,
/// which is the number of the span from 0, what it is summed up by, and [`Sums`]; of one group there may be several
/// rows, to be added up.
pub(super) async fn load<T>(
    tx: &mut Tx,
    selection: &Selection,
    scopes: &[Uuid],
    boundaries: &[DateTime<Utc>],
    by: By,
) -> sqlx::Result<Vec<T>>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let spans = find_spans(boundaries);
    let rows: Vec<(&Span, Uuid)> =
        scopes.iter().flat_map(|scope| spans.iter().map(move |span| (span, *scope))).collect();
    let [columns, tables, conditions, group] = by.sql();
    let sums = SUMS.map(|sum| format!("cast(sum(v.sign * r.{sum}) as bigint) as {sum}")).join(", ");
    // SQLite takes a cross join in the order in which it is written, and goes from each span into the index.
    let statement = format!(
        "select v.part, {columns}, {sums} from v cross join rollups r cross join {tables}
         where r.provider_id = v.provider_id and r.customer = v.customer and r.series = v.series and r.start >= v.begins
             and r.start < v.ends and {conditions} and (v.tag is null or c.tag = v.tag)
             and (v.version is null or c.version = v.version)
         group by v.part, {group}"
    );
    let version = selection.version.as_ref().map(Version::to_string);
    Ok(fetch_for_rows!(tx, &statement, rows, |row| {
        part: row.0.part,
        sign: row.0.sign,
        series: by.series(row.0.is_of_days).as_str(),
        begins: row.0.begins,
        ends: row.0.ends,
        provider_id: selection.provider.id(),
        customer: row.1,
        tag: selection.tag.as_ref().map(Tag::as_str),
        version: version.as_deref(),
    }))
}

/// Quarters or days in a row whose sums are added to those of a part, or taken off.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    part: i64,
    sign: i64,
    is_of_days: bool,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
}

/// A part is the whole days from the midnight next to its beginning to the midnight next to its end, UTC. What lies between
/// such a midnight and the beginning or end is put right by quarters: at most 48 for each, while a day of a zone has 96.
fn find_spans(boundaries: &[DateTime<Utc>]) -> Vec<Span> {
    let mut spans = Vec::new();
    for (part, ends) in (0..).zip(boundaries.windows(2)) {
        let [from, to] = [ends[0], ends[1]];
        let [first, last] = [from, to].map(nearest_midnight);
        let mut push = |sign, is_of_days, begins, ends| {
            if begins < ends {
                spans.push(Span { part, sign, is_of_days, begins, ends });
            }
        };
        push(1, true, first, last);
        push(1, false, from, first);
        push(-1, false, first, from);
        push(1, false, last, to);
        push(-1, false, to, last);
    }
    spans
}

fn nearest_midnight(time: DateTime<Utc>) -> DateTime<Utc> {
    let day = (time.timestamp() + SECONDS_OF_DAY / 2).div_euclid(SECONDS_OF_DAY);
    DateTime::from_timestamp(day * SECONDS_OF_DAY, 0).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: i64 = 900;

    fn quarter(number: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_200 / QUARTER * QUARTER + number * QUARTER, 0).unwrap()
    }

    proptest::proptest! {
        #[test]
        fn every_quarter_of_a_part_counts_once(mut numbers in proptest::collection::vec(0_i64..600, 2..6)) {
            numbers.sort_unstable();
            let boundaries: Vec<_> = numbers.iter().copied().map(quarter).collect();
            let spans = find_spans(&boundaries);
            for number in -100..700 {
                let at = quarter(number);
                for (part, ends) in (0..).zip(boundaries.windows(2)) {
                    let of_part = spans.iter().filter(|span| span.part == part && (span.begins..span.ends).contains(&at));
                    assert_eq!(of_part.map(|span| span.sign).sum::<i64>(), i64::from((ends[0]..ends[1]).contains(&at)));
                }
            }
            for span in spans {
                let [begins, ends] = [span.begins, span.ends].map(|at| at.timestamp());
                match span.is_of_days {
                    true => assert_eq!((begins % SECONDS_OF_DAY, ends % SECONDS_OF_DAY), (0, 0)),
                    false => assert!(ends - begins <= 48 * QUARTER),
                }
            }
        }
    }

    #[test]
    fn hours_have_four_decimals() {
        let hours = |hours| {
            serde_json::to_value(Figures::from(Sums { hours, ..Sums::default() })).unwrap()["hours"].to_string()
        };
        assert_eq!([0, 1, 12_500, 123_456_789_012_345].map(hours), ["0.0", "0.0001", "1.25", "12345678901.2345"]);
    }
}
