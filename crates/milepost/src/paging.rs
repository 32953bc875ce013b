//! Lists come in pages: `{items, next}`, never by counting rows to skip.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{Error, Result};

/// One page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Goes back as `?cursor=` for the next page; null at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts off the one row more than `limit` that was asked for to learn whether there is a next page.
    pub fn cut<C: fmt::Display>(mut items: Vec<T>, limit: Limit, cursor: impl Fn(&T) -> C) -> Self {
        let more = items.len() > limit.rows();
        items.truncate(limit.rows());
        let next = items.last().filter(|_| more).map(|last| cursor(last).to_string());
        Self { items, next }
    }

    /// The same page with other rows.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// How many rows a page has: 1–200, by default 50.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub struct Limit(u8);

impl Limit {
    const MAX: u64 = 200;

    /// The rows of a page.
    #[must_use]
    pub fn rows(self) -> usize {
        usize::from(self.0)
    }

    /// One row more, to learn whether there is a next page.
    #[must_use]
    pub fn and_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u64> for Limit {
    type Error = String;

    fn try_from(limit: u64) -> Result<Self, String> {
        match u8::try_from(limit) {
            Ok(rows) if rows > 0 && limit <= Self::MAX => Ok(Self(rows)),
            _ => Err(format!("must be from 1 to {}", Self::MAX)),
        }
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Rows of a page, 1–200.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    pub limit: Limit,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = r"^(0|[1-9a-f][0-9a-f]{0,13})-(0|[1-9a-f][0-9a-f]{0,31})$")]
    pub cursor: Option<Cursor>,
}

/// The place of a row in a list ordered by a time and a tie-breaker: where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor {
    /// The row's time.
    pub at: DateTime<Utc>,
    /// Its id, or its sequence as a number.
    pub tie: Uuid,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.at.timestamp_micros(), self.tie.as_u128())
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let parse = || {
            let (at, tie) = text.split_once('-')?;
            let at = DateTime::from_timestamp_micros(i64::from_str_radix(at, 16).ok()?)?;
            let tie = Uuid::from_u128(u128::from_str_radix(tie, 16).ok()?);
            Some(Self { at, tie }).filter(|cursor| cursor.to_string() == text)
        };
        parse().ok_or("is not a cursor that a list of ours gave back as `next`")
    }
}

impl Cursor {
    /// As a list gives it back that can be asked for in several orders.
    #[must_use]
    pub fn in_order(self, order: &str) -> String {
        format!("{order}.{self}")
    }

    /// Reads what [`Cursor::in_order`] wrote; a page of another order has no place in this one.
    pub fn read_in_order(text: Option<&str>, order: &str) -> Result<Option<Self>> {
        let Some(text) = text else { return Ok(None) };
        let Some(cursor) = text.strip_prefix(order).and_then(|rest| rest.strip_prefix('.')) else {
            return Err(Error::invalid(
                "/cursor",
                format!("is not a cursor that this list gave back in the order {order}"),
            ));
        };
        let cursor = Self::try_from(cursor.to_owned()).map_err(|reason| Error::invalid("/cursor", reason))?;
        Ok(Some(cursor))
    }
}
