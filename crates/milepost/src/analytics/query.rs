//! What the calls are asked for: a period in the parts of a time zone, and whose jobs of which kind.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::auth::ProviderId;
use crate::configurations::version::{self, Version};
use crate::customers::Whom;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::period::{Bound, Part, Period, Unit, Zone};
use crate::values::Tag;

/// How long the period is that nobody asked for, today included.
const DAYS: u64 = 30;
/// The most days of a period.
const MAX_DAYS: usize = 400;
/// The most months of a period.
const MAX_MONTHS: usize = 240;

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The first day of the period, or the time it begins at, a whole quarter of an hour; 30 days before its end if absent.
    #[param(inline, value_type = Option<Bound>, example = "2026-11-01")]
    pub(super) from: Option<Bound>,
    /// The last day of the period, or the time it ends before, a whole quarter of an hour; today if absent.
    #[param(inline, value_type = Option<Bound>, example = "2026-11-30")]
    pub(super) to: Option<Bound>,
    /// The time zone whose days and months count; UTC if absent.
    #[param(value_type = Option<Zone>)]
    pub(super) zone: Option<Zone>,
    /// The parts that the period is shown in, at most 400 days or 240 months; days if absent.
    #[param(inline)]
    pub(super) by: Option<Unit>,
    /// Jobs of this kind.
    #[param(value_type = Option<Tag>)]
    pub(super) tag: Option<Tag>,
    /// Jobs of this version of the `tag`.
    #[param(value_type = Option<Version>)]
    pub(super) version: Option<Version>,
    /// Jobs for this customer: a `customer_id`, the `id` in the list of customers, an e-mail address, or `none` for those of
    /// nobody.
    #[param(inline, value_type = Option<Whom>)]
    pub(super) customer: Option<Whom>,
}

/// Whose jobs count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Everybody's.
    All,
    /// Those that were opened for nobody.
    Nobody,
    /// Those of these customer links.
    Links(Vec<Uuid>),
}

/// The jobs that are asked for, and when.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) provider: ProviderId,
    pub(super) zone: Zone,
    pub(super) unit: Unit,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    /// Where the period before begins; it ends where this one begins.
    pub(super) before: DateTime<Utc>,
    /// The days or months of the period.
    pub(super) parts: Vec<Part>,
    pub(super) tag: Option<Tag>,
    pub(super) version: Option<Version>,
    pub(super) whose: Whose,
}

/// The period that is told of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PeriodTold {
    /// Its first moment.
    from: DateTime<Utc>,
    /// The first moment behind it.
    to: DateTime<Utc>,
    /// Whose days and months count.
    zone: Zone,
    /// The parts it is shown in.
    by: Unit,
}

/// The period before, of as many days; where the period is of whole months, of as many months.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PeriodBefore {
    /// Its first moment.
    from: DateTime<Utc>,
    /// The first moment behind it.
    to: DateTime<Utc>,
}

impl Filter {
    /// What it asks for, at this time.
    pub(super) async fn select(self, tx: &mut Tx, provider: ProviderId, now: DateTime<Utc>) -> Result<Selection> {
        version::expect_tag(self.tag.as_ref(), self.version.as_ref())?;
        let zone = self.zone.unwrap_or(Zone::UTC);
        let unit = self.by.unwrap_or(Unit::Day);
        let (from, to) = ends(self.from, self.to, zone, zone.date_of(now))?;
        let parts = cut(zone, from, to, unit)?;
        let whose = match self.customer {
            None => Whose::All,
            Some(Whom::Nobody) => Whose::Nobody,
            Some(whom) => Whose::Links(whom.links(tx, provider).await?),
        };
        let before = start_before(zone, from, to);
        Ok(Selection { provider, zone, unit, from, to, before, parts, tag: self.tag, version: self.version, whose })
    }
}

impl Selection {
    pub(super) fn period(&self) -> PeriodTold {
        PeriodTold { from: self.from, to: self.to, zone: self.zone, by: self.unit }
    }

    pub(super) fn period_before(&self) -> PeriodBefore {
        PeriodBefore { from: self.before, to: self.from }
    }
}

/// Where the period begins and ends.
fn ends(
    from: Option<Bound>,
    to: Option<Bound>,
    zone: Zone,
    today: NaiveDate,
) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
    let to = to.unwrap_or(Bound::Date(today));
    let period = Period::of_quarters(from, Some(to), Some(zone))?;
    let end = period.to.unwrap_or_default();
    let last_day = zone.date_of(end - TimeDelta::microseconds(1));
    Ok((period.from.unwrap_or_else(|| zone.start_of(last_day - Days::new(DAYS - 1))), end))
}

/// The parts of a period, unless there are too many.
fn cut(zone: Zone, from: DateTime<Utc>, to: DateTime<Utc>, unit: Unit) -> Result<Vec<Part>> {
    let (most, longest) = match unit {
        Unit::Day => (MAX_DAYS, MAX_DAYS + 1),
        Unit::Month => (MAX_MONTHS, (MAX_MONTHS + 1) * 31),
    };
    // Thousands of years are not cut up first.
    let is_short = usize::try_from((to - from).num_days()).is_ok_and(|days| days <= longest);
    let parts = if is_short { Period::parts(zone, from, to, unit) } else { Vec::new() };
    if is_short && parts.len() <= most {
        return Ok(parts);
    }
    Err(match unit {
        Unit::Day => Error::invalid("/by", "a period of more than 400 days can be shown by months only"),
        Unit::Month => Error::invalid("/by", "a period has at most 240 months"),
    })
}

/// Where the period before begins: as many months before where the period is of whole months, else as many days, else as
/// long before.
fn start_before(zone: Zone, from: DateTime<Utc>, to: DateTime<Utc>) -> DateTime<Utc> {
    let (first, next) = (zone.date_of(from), zone.date_of(to));
    let is_of_days = zone.start_of(first) == from && zone.start_of(next) == to;
    let days = u64::try_from((next - first).num_days()).unwrap_or_default();
    let months = (next.year() - first.year()) * 12 + next.month0().cast_signed() - first.month0().cast_signed();
    match u32::try_from(months) {
        Ok(months @ 1..) if is_of_days && first.day() == 1 && next.day() == 1 => {
            zone.start_of(first - Months::new(months))
        }
        _ if is_of_days => zone.start_of(first - Days::new(days)),
        _ => from - (to - from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::try_from(name.to_owned()).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn bound(text: &str) -> Bound {
        Bound::try_from(text.to_owned()).unwrap()
    }

    fn before(zone_name: &str, from: &str, to: &str) -> DateTime<Utc> {
        let zone = zone(zone_name);
        let (from, to) = ends(Some(bound(from)), Some(bound(to)), zone, "2026-01-01".parse().unwrap()).unwrap();
        start_before(zone, from, to)
    }

    #[test]
    fn without_ends_it_is_the_last_thirty_days() {
        let berlin = zone("Europe/Berlin");
        let today = "2026-04-10".parse().unwrap();
        let (from, to) = ends(None, None, berlin, today).unwrap();
        assert_eq!((from, to), (at("2026-03-11T23:00:00Z"), at("2026-04-10T22:00:00Z")));
        assert_eq!(cut(berlin, from, to, Unit::Day).unwrap().len(), 30);
        let (from, to) = ends(None, Some(bound("2026-03-01T12:00:00Z")), berlin, today).unwrap();
        assert_eq!((from, to), (at("2026-01-30T23:00:00Z"), at("2026-03-01T12:00:00Z")));
    }

    #[test]
    fn the_period_before_is_of_as_many_months_or_days_or_as_long() {
        assert_eq!(before("Europe/Berlin", "2026-03-01", "2026-03-31"), at("2026-01-31T23:00:00Z"));
        assert_eq!(before("Europe/Berlin", "2026-01-01", "2026-12-31"), at("2024-12-31T23:00:00Z"));
        // Clocks go forward on the 29th: seven days before seven days.
        assert_eq!(before("Europe/Berlin", "2026-03-28", "2026-04-03"), at("2026-03-20T23:00:00Z"));
        assert_eq!(before("UTC", "2026-03-01", "2026-03-30"), at("2026-01-30T00:00:00Z"));
        assert_eq!(before("UTC", "2026-03-01T12:00:00Z", "2026-03-02T00:15:00Z"), at("2026-02-28T23:45:00Z"));
    }

    #[test]
    fn a_period_has_a_bounded_number_of_parts() {
        let count = |from: &str, to: &str, unit| cut(Zone::UTC, at(from), at(to), unit).map(|parts| parts.len()).ok();
        let start = "2020-01-01T00:00:00Z";
        assert_eq!(count(start, "2021-02-04T00:00:00Z", Unit::Day), Some(400));
        assert_eq!(count(start, "2021-02-04T00:15:00Z", Unit::Day), None);
        assert_eq!(count(start, "2040-01-01T00:00:00Z", Unit::Month), Some(240));
        assert_eq!(count(start, "2040-01-01T00:15:00Z", Unit::Month), None);
        assert_eq!(count(start, "9998-01-01T00:00:00Z", Unit::Day), None);
        assert_eq!(count(start, start, Unit::Day), Some(0));
    }
}
