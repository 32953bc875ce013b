//! Sums over spans of time, put together from the roll-ups of quarters, days and months.

use chrono::{DateTime, Months, Utc};
use serde::Serialize;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::{Selection, Whose};
use crate::configurations::version::Version;
use crate::customers::of_links;
use crate::db::{Select, Tx, fetch_for_rows};
use crate::rollups::{EVERYBODY, Grain, NOBODY, SUMS, Series, Sums, pending_jobs};
use crate::values::Tag;

const SECONDS_OF_DAY: i64 = 86_400;

/// What happened within some time, in figures.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct PeriodFigures {
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

impl From<Sums> for PeriodFigures {
    fn from(sums: Sums) -> Self {
        let Sums { running, completed, error, abandoned, finished, failed, hours, steps, points, errors, pending } =
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
    /// The `tag` of the configuration.
    Tag,
    /// The `customer`, as in [`Whose::scopes`].
    Customer,
    /// The step of a version of a configuration.
    Step,
}

impl By {
    /// What tells of a group, and the tables that what is summed up by configuration is joined with for it.
    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Self::Tag => ("c.tag", "job_configurations c where c.id = grouped.configuration"),
            Self::Customer => ("grouped.customer", "job_configurations c where c.id = grouped.configuration"),
            Self::Step => (
                "s.id as step_configuration_id, s.tag as step, s.name, s.position, c.id as job_configuration_id, c.tag,
                 c.version, c.precedence, c.created_at",
                "step_configurations s cross join job_configurations c
                 where s.id = grouped.configuration and c.id = s.job_configuration_id",
            ),
        }
    }

    fn series(self, grain: Grain) -> Series {
        match (self, grain) {
            (Self::Step, Grain::Quarter) => Series::StepQuarters,
            (Self::Step, Grain::Day | Grain::Month) => Series::StepDays,
            (_, Grain::Quarter) => Series::JobQuarters,
            (_, Grain::Day) => Series::JobDays,
            (_, Grain::Month) => Series::JobMonths,
        }
    }
}

impl Whose {
    /// The links, [`NOBODY`] among them; none: everybody's.
    fn links(&self) -> Option<&[Uuid]> {
        match self {
            Self::All => None,
            Self::Nobody => Some(&[NOBODY]),
            Self::Links(ids) => Some(ids),
        }
    }

    /// By what roll-ups know whose jobs they sum up.
    pub(super) fn scopes(&self) -> Vec<Uuid> {
        match self {
            Self::All => vec![EVERYBODY],
            Self::Nobody => vec![NOBODY],
            Self::Links(ids) => ids.clone(),
        }
    }
}

/// What happened in a part of the period, of one group.
#[derive(Debug)]
pub(super) struct SumOf<K> {
    /// The number of the part, from 0.
    pub(super) part: usize,
    /// The group.
    pub(super) key: K,
    pub(super) sums: Sums,
}

#[derive(FromRow)]
struct SpanRow<K> {
    #[sqlx(try_from = "i64")]
    number: usize,
    #[sqlx(flatten)]
    key: K,
    #[sqlx(flatten)]
    sums: Sums,
}

/// Sums over the parts between neighbouring boundaries, which are whole quarters of an hour in order. Of one part and group
/// there may be several, to be added up.
pub(super) async fn load<K>(
    tx: &mut Tx,
    selection: &Selection,
    scopes: &[Uuid],
    boundaries: &[DateTime<Utc>],
    by: By,
) -> sqlx::Result<Vec<SumOf<K>>>
where
    K: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Clone + Send + Unpin,
{
    let spans = find_spans(boundaries, by);
    let numbered = || (0_i64..).zip(&spans);
    let rows: Vec<(i64, &Span, Uuid)> =
        scopes.iter().flat_map(|scope| numbered().map(move |(number, span)| (number, span, *scope))).collect();
    let statement = statement(selection, by);
    let found: Vec<SpanRow<K>> = fetch_for_rows!(&mut *tx, &statement, rows, |row| {
        number: row.0,
        series: by.series(row.1.grain).as_str(),
        begins: row.1.begins,
        ends: row.1.ends,
        provider_id: selection.provider.id(),
        customer: row.2,
        tag: selection.tag.as_ref().map(Tag::as_str),
        version: selection.version.as_ref().map(Version::to_string),
    });
    let counted = |row: SpanRow<K>| {
        let parts = spans[row.number].parts.iter();
        let signed = |is_added: bool| if is_added { row.sums } else { -row.sums };
        let sum_of =
            |(part, is_added): &(usize, bool)| SumOf { part: *part, key: row.key.clone(), sums: signed(*is_added) };
        parts.map(sum_of).collect::<Vec<_>>()
    };
    let mut sums: Vec<SumOf<K>> = found.into_iter().flat_map(counted).collect();
    // A step that is pending has no events, and nothing is summed up of it.
    if by != By::Step {
        sums.extend(load_pending(tx, selection, boundaries, by).await?);
    }
    Ok(sums)
}

#[derive(FromRow)]
struct PendingRow<K> {
    quarter: DateTime<Utc>,
    #[sqlx(flatten)]
    key: K,
    pending: i64,
}

/// The jobs that are pending, counted by the parts in which they were opened.
async fn load_pending<K>(
    tx: &mut Tx,
    selection: &Selection,
    boundaries: &[DateTime<Utc>],
    by: By,
) -> sqlx::Result<Vec<SumOf<K>>>
where
    K: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let [first, .., last] = boundaries else { return Ok(Vec::new()) };
    let mut select = Select::new("");
    let quarter = tx.quarter_of("j.created_at");
    let columns = match by {
        By::Customer => format!("coalesce(j.customer_link_id, {}) as customer", select.value(NOBODY)),
        By::Tag | By::Step => "c.tag".to_owned(),
    };
    let mut conditions = pending_jobs(&mut select, selection.provider, *first, *last);
    conditions.extend(of_links(&mut select, selection.whose.links(), "j.customer_link_id"));
    let tag = selection.tag.as_ref().map(|tag| format!("c.tag = {}", select.value(tag.to_string())));
    let version =
        selection.version.as_ref().map(|version| format!("c.version = {}", select.value(version.to_string())));
    conditions.extend(tag.into_iter().chain(version));
    let found: Vec<PendingRow<K>> = select
        .push(&format!(
            "select {quarter} as quarter, {columns}, count(*) as pending
             from jobs j join job_configurations c on c.id = j.job_configuration_id
             where {} group by 1, 2",
            conditions.join(" and ")
        ))
        .fetch_all(tx)
        .await?;
    let sum_of = |PendingRow { quarter, key, pending }: PendingRow<K>| SumOf {
        part: boundaries.partition_point(|boundary| *boundary <= quarter) - 1,
        key,
        sums: Sums { pending, ..Sums::default() },
    };
    Ok(found.into_iter().map(sum_of).collect())
}

/// Sums for each span of `v`. What tells of a group comes to the sums when they are made, not to each row that is read. SQLite
/// takes a cross join in the order in which it is written, and goes from each span into the index.
fn statement(selection: &Selection, by: By) -> String {
    let sums = SUMS.map(|sum| format!("cast(sum(r.{sum}) as bigint) as {sum}")).join(", ");
    let spans = "from v cross join rollups r where r.provider_id = v.provider_id and r.customer = v.customer
         and r.series = v.series and r.start >= v.begins and r.start < v.ends";
    if by == By::Customer && selection.tag.is_none() {
        return format!("select v.number, v.customer, {sums} {spans} group by v.number, v.customer");
    }
    let (columns, tables) = by.sql();
    // A step has points, too.
    let names = SUMS.map(|sum| format!("grouped.{sum}")).join(", ");
    format!(
        "select grouped.number, {columns}, {names} from (
             select v.number, v.customer, v.tag, v.version, r.configuration, {sums} {spans}
             group by v.number, v.customer, v.tag, v.version, r.configuration) as grouped
         cross join {tables} and (grouped.tag is null or c.tag = grouped.tag)
             and (grouped.version is null or c.version = grouped.version)"
    )
}

/// Quarters, days or months in a row whose sums are read together.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    grain: Grain,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
    /// To which parts they are added, and from which they are taken off.
    parts: Vec<(usize, bool)>,
}

/// A part is the whole days from the midnight next to its beginning to the midnight next to its end, UTC; of jobs there are
/// sums of the whole months among them. What lies between such a midnight and the beginning or end is put right by quarters:
/// at most 48 for each, while a day of a zone has 96.
fn find_spans(boundaries: &[DateTime<Utc>], by: By) -> Vec<Span> {
    let mut spans = Vec::new();
    for (part, ends) in boundaries.windows(2).enumerate() {
        let [begins, ends] = [ends[0], ends[1]].map(nearest_midnight);
        let mut add = |grain, begins, ends| spans.push(Span { grain, begins, ends, parts: vec![(part, true)] });
        let last_month = Grain::Month.start_of(ends);
        let first_month = first_of_month_from(begins);
        if by == By::Step || first_month >= last_month {
            add(Grain::Day, begins, ends);
        } else {
            add(Grain::Day, begins, first_month);
            add(Grain::Month, first_month, last_month);
            add(Grain::Day, last_month, ends);
        }
    }
    let last = boundaries.len().saturating_sub(1);
    for (number, boundary) in boundaries.iter().copied().enumerate() {
        let midnight = nearest_midnight(boundary);
        let (begins, ends) = (boundary.min(midnight), boundary.max(midnight));
        // They belong to the part behind the boundary, whose days begin behind them; otherwise to the one before.
        let is_behind = boundary < midnight;
        let behind = (number < last).then_some((number, is_behind));
        let before = number.checked_sub(1).map(|before| (before, !is_behind));
        spans.push(Span { grain: Grain::Quarter, begins, ends, parts: behind.into_iter().chain(before).collect() });
    }
    spans.retain(|span| span.begins < span.ends);
    spans
}

/// The first beginning of a month that is not before.
fn first_of_month_from(midnight: DateTime<Utc>) -> DateTime<Utc> {
    let month = Grain::Month.start_of(midnight);
    if month == midnight {
        month
    } else {
        month.checked_add_months(Months::new(1)).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
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
        fn every_quarter_of_a_part_counts_once(
            mut numbers in proptest::collection::vec(0_i64..12_000, 2..6),
            by in proptest::sample::select(vec![By::Tag, By::Customer, By::Step]),
        ) {
            numbers.sort_unstable();
            let boundaries: Vec<_> = numbers.iter().copied().map(quarter).collect();
            let spans = find_spans(&boundaries, by);
            for number in -100..12_100 {
                let at = quarter(number);
                for (part, ends) in boundaries.windows(2).enumerate() {
                    let of_quarter = spans.iter().filter(|span| (span.begins..span.ends).contains(&at));
                    let of_part = of_quarter.flat_map(|span| &span.parts).filter(|(of, _)| *of == part);
                    let count = of_part.map(|(_, is_added)| if *is_added { 1 } else { -1 }).sum::<i64>();
                    assert_eq!(count, i64::from((ends[0]..ends[1]).contains(&at)));
                }
            }
            for span in spans {
                assert_eq!([span.begins, span.ends].map(|at| span.grain.start_of(at)), [span.begins, span.ends]);
                match span.grain {
                    Grain::Quarter => assert!((span.ends - span.begins).num_seconds() <= 48 * QUARTER),
                    Grain::Day => assert!(by == By::Step || (span.ends - span.begins).num_days() <= 61),
                    Grain::Month => assert_ne!(by, By::Step),
                }
            }
        }
    }

    #[test]
    fn hours_have_four_decimals() {
        let hours = |hours| {
            serde_json::to_value(PeriodFigures::from(Sums { hours, ..Sums::default() })).unwrap()["hours"].to_string()
        };
        assert_eq!([0, 1, 12_500, 123_456_789_012_345].map(hours), ["0.0", "0.0001", "1.25", "12345678901.2345"]);
    }
}
