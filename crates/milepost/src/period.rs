//! Spans of time as people ask for them: days and months are those of a time zone.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::values::Instant;

/// A time zone by its name in the IANA database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, max_length = 64, pattern = r"^[A-Za-z0-9_+/-]*$", example = "Europe/Berlin")]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The date in this zone.
    #[must_use]
    pub fn date_of(self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.0).date_naive()
    }

    /// The time in this zone, with its offset.
    #[must_use]
    pub fn time_of(self, instant: DateTime<Utc>) -> DateTime<Tz> {
        instant.with_timezone(&self.0)
    }

    /// When a day begins: at its first moment, which is later than midnight where clocks are put forward then. A day that
    /// a zone leaves out begins, and ends, with the next.
    #[must_use]
    pub fn start_of(self, date: NaiveDate) -> DateTime<Utc> {
        let midnight = date.and_time(NaiveTime::MIN);
        let quarters = (0..=4 * 26).map(|quarter| midnight + TimeDelta::minutes(15 * quarter));
        let mut possible = quarters.filter_map(|local| self.0.from_local_datetime(&local).earliest());
        possible.next().map_or_else(|| midnight.and_utc(), |start| start.to_utc())
    }
}

impl TryFrom<String> for Zone {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        Tz::from_str(&name).map(Self).map_err(|_| "must be the name of a time zone, such as Europe/Berlin")
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// An end of a period as it is sent: a date, which is the whole day, or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Bound {
    /// A day of the zone.
    Date(NaiveDate),
    /// An instant.
    Instant(DateTime<Utc>),
}

impl PartialSchema for Bound {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T|$)"))
            .examples(["2026-11-30"])
            .into()
    }
}

impl ToSchema for Bound {}

impl TryFrom<String> for Bound {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if let Ok(date) = NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            // As many digits as there are to be: chrono takes fewer.
            let is_whole = text.len() == 10 && (1970..=9998).contains(&date.year());
            return if is_whole { Ok(Self::Date(date)) } else { Err("must lie between the years 1970 and 9998") };
        }
        Instant::try_from(text)
            .map(|instant| Self::Instant(instant.0))
            .map_err(|_| "must be a date such as 2026-11-30, or a time in RFC 3339 with an offset")
    }
}

/// The parts that a period is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Days of the zone.
    Day,
    /// Months of the zone.
    Month,
}

/// A span of time, of which either end may be open, and the zone whose days and months count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub from: Option<DateTime<Utc>>,
    /// The first moment behind it.
    pub to: Option<DateTime<Utc>>,
    /// Whose days and months count.
    pub zone: Zone,
}

impl Period {
    /// As it is asked for: `from` and `to` are both part of it where they are dates, and `to` is not where it is an
    /// instant. Without a zone it is UTC.
    pub fn new(from: Option<Bound>, to: Option<Bound>, zone: Option<Zone>) -> Result<Self> {
        if let (Some(Bound::Date(first)), Some(Bound::Date(last))) = (from, to)
            && first > last
        {
            return Err(Error::invalid("/to", "lies before `from`"));
        }
        let zone = zone.unwrap_or(Zone::UTC);
        let from = from.map(|bound| match bound {
            Bound::Date(date) => zone.start_of(date),
            Bound::Instant(instant) => instant,
        });
        let to = to.map(|bound| match bound {
            Bound::Date(date) => zone.start_of(date + Days::new(1)),
            Bound::Instant(instant) => instant,
        });
        match (from, to) {
            (Some(from), Some(to)) if from > to => Err(Error::invalid("/to", "lies before `from`")),
            _ => Ok(Self { from, to, zone }),
        }
    }

    /// The same, if it begins and ends with a quarter of an hour: nothing finer is summed up.
    pub fn of_quarters(from: Option<Bound>, to: Option<Bound>, zone: Option<Zone>) -> Result<Self> {
        let period = Self::new(from, to, zone)?;
        for (pointer, end) in [("/from", period.from), ("/to", period.to)] {
            if end.is_some_and(|end| end.timestamp().rem_euclid(900) != 0 || end.nanosecond() != 0) {
                return Err(Error::invalid(pointer, "must be a date, or a time at a whole quarter of an hour"));
            }
        }
        Ok(period)
    }

    /// The parts of a period that lie between two instants, in order: each with its first day, and cut at the two.
    #[must_use]
    pub fn parts(zone: Zone, from: DateTime<Utc>, to: DateTime<Utc>, unit: Unit) -> Vec<Part> {
        let first = zone.date_of(from);
        let mut date = match unit {
            Unit::Day => first,
            Unit::Month => first.with_day(1).unwrap_or(first),
        };
        let mut parts = Vec::new();
        let mut start = from;
        while start < to {
            let next_date = match unit {
                Unit::Day => date + Days::new(1),
                Unit::Month => date + Months::new(1),
            };
            let end = zone.start_of(next_date).min(to);
            // A day that a zone left out is none.
            if start < end {
                parts.push(Part { date, from: start, to: end });
                start = end;
            }
            date = next_date;
        }
        parts
    }
}

/// A day or a month of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its first day.
    pub date: NaiveDate,
    /// Its first moment within the period.
    pub from: DateTime<Utc>,
    /// The first moment behind it, or behind the period.
    pub to: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::try_from(name.to_owned()).unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_as_long_as_where_they_are() {
        let berlin = zone("Europe/Berlin");
        let hours = |day: &str| (berlin.start_of(date(day) + Days::new(1)) - berlin.start_of(date(day))).num_hours();
        assert_eq!(["2026-03-28", "2026-03-29", "2026-10-25"].map(hours), [24, 23, 25]);
        assert_eq!(zone("Asia/Kathmandu").start_of(date("2026-01-01")), at("2025-12-31T18:15:00Z"));
    }

    #[test]
    fn a_day_without_a_midnight_begins_at_its_first_moment() {
        // Clocks went from 24:00 of the day before to 01:00.
        assert_eq!(zone("Africa/Cairo").start_of(date("2026-04-24")), at("2026-04-23T22:00:00Z"));
        // At 24:00 they went back to 23:00: midnight was once.
        assert_eq!(zone("Africa/Cairo").start_of(date("2026-10-30")), at("2026-10-29T22:00:00Z"));
        // Clocks went back from 01:00 to 24:00 in Havana: the day begins at the first midnight.
        assert_eq!(zone("America/Havana").start_of(date("2026-11-01")), at("2026-11-01T04:00:00Z"));
        // Samoa left a day out.
        let apia = zone("Pacific/Apia");
        assert_eq!(apia.start_of(date("2011-12-30")), apia.start_of(date("2011-12-31")));
        let parts = Period::parts(apia, at("2011-12-29T00:00:00Z"), at("2012-01-01T00:00:00Z"), Unit::Day);
        let dates: Vec<_> = parts.iter().map(|part| part.date.to_string()).collect();
        assert_eq!(dates, ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]);
    }

    #[test]
    fn parts_are_cut_at_the_ends_of_the_period() {
        let new_york = zone("America/New_York");
        let parts = Period::parts(new_york, at("2026-02-15T12:00:00Z"), at("2026-04-01T00:00:00Z"), Unit::Month);
        let parts: Vec<_> = parts.into_iter().map(|part| (part.date, part.from, part.to)).collect();
        let boundary = at("2026-03-01T05:00:00Z");
        assert_eq!(
            parts,
            [
                (date("2026-02-01"), at("2026-02-15T12:00:00Z"), boundary),
                (date("2026-03-01"), boundary, at("2026-04-01T00:00:00Z"))
            ]
        );
    }

    #[test]
    fn both_dates_belong_to_a_period() {
        let bound = |text: &str| Some(Bound::try_from(text.to_owned()).unwrap());
        let period = Period::new(bound("2026-10-01"), bound("2026-10-31"), Some(zone("Europe/Berlin"))).unwrap();
        assert_eq!(period.from, Some(at("2026-09-30T22:00:00Z")));
        assert_eq!(period.to, Some(at("2026-10-31T23:00:00Z")));
        for last in ["2026-10-01", "2026-10-02"] {
            assert!(Period::new(bound("2026-10-03"), bound(last), None).is_err(), "{last}");
        }
        assert!(Period::of_quarters(bound("2026-10-03T10:07:00Z"), None, None).is_err());
        assert!(Period::of_quarters(bound("2026-10-03T10:15:00+05:45"), None, None).is_ok());
        for bad in ["2026-13-01", "yesterday", "2026-1-1", "1969-12-31", "9999-12-31", "2026-01-01T00:00:00"] {
            assert!(Bound::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
