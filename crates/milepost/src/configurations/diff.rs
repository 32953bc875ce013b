//! What differs between two configurations: a change for each place, steps by their tag, metadata by its name. What is
//! told of two contents under one version, and what a new version changes, is the same list.

use serde::Serialize;
use serde_json::{Value, json};

use super::{NewConfiguration, NewMetadata, NewStep};
use crate::error::Difference;
use crate::http::escape_pointer;

/// One place at which the newer configuration is not the older one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change<'a> {
    /// Where.
    pub place: Place<'a>,
    /// What of it.
    pub what: What,
    /// How it was; null if it was not there.
    pub before: Value,
    /// How it is; null if it is gone.
    pub after: Value,
}

/// What a change is about: a metadata field, else a step, else the configuration itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// A step's tag.
    pub step: Option<&'a str>,
    /// The name of a metadata field of that step.
    pub field: Option<&'a str>,
}

/// What of a place is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// What people call it.
    Name,
    /// What a step is worth.
    Points,
    /// What a field's values are.
    Kind,
    /// The unit of a field's values.
    Units,
    /// It is there on one side only.
    Whole,
    /// The order of what it consists of, as far as both sides have it.
    Order,
}

impl Change<'_> {
    /// Where, as a JSON pointer with steps by their tag and metadata by its name.
    pub(crate) fn pointer(&self) -> String {
        let Place { step, field } = self.place;
        let mut pointer = String::new();
        for (list, key) in [("/step_configurations", step), ("/metadata_configurations", field)] {
            if let Some(key) = key {
                pointer = format!("{pointer}{list}/{}", escape_pointer(key));
            }
        }
        pointer
            + match self.what {
                What::Name => "/name",
                What::Points => "/points",
                What::Kind => "/kind",
                What::Units => "/units",
                What::Whole => "",
                What::Order if step.is_some() => "/metadata_configurations",
                What::Order => "/step_configurations",
            }
    }
}

/// Every path at which the sent configuration is not the registered one; none if they are the same.
#[must_use]
pub(crate) fn differences(registered: &NewConfiguration, sent: &NewConfiguration) -> Vec<Difference> {
    let difference =
        |change: Change<'_>| Difference { pointer: change.pointer(), registered: change.before, sent: change.after };
    changes(registered, sent).into_iter().map(difference).collect()
}

/// Every place at which two configurations differ, whatever their versions.
#[must_use]
pub(crate) fn changes<'a>(before: &'a NewConfiguration, after: &'a NewConfiguration) -> Vec<Change<'a>> {
    let mut found = Vec::new();
    let whole = Place::default();
    compare(&mut found, whole, What::Name, &before.name, &after.name);
    compare_lists(
        &mut found,
        whole,
        &before.step_configurations,
        &after.step_configurations,
        |step| Place { step: Some(step.tag.as_str()), field: None },
        compare_steps,
    );
    found
}

fn compare_steps<'a>(found: &mut Vec<Change<'a>>, place: Place<'a>, before: &'a NewStep, after: &'a NewStep) {
    compare(found, place, What::Name, &before.name, &after.name);
    compare(found, place, What::Points, &before.points, &after.points);
    compare_lists(
        found,
        place,
        before.metadata(),
        after.metadata(),
        |metadata| Place { field: Some(metadata.name.as_str()), ..place },
        compare_metadata,
    );
}

fn compare_metadata<'a>(
    found: &mut Vec<Change<'a>>,
    place: Place<'a>,
    before: &'a NewMetadata,
    after: &'a NewMetadata,
) {
    compare(found, place, What::Kind, &before.kind(), &after.kind());
    compare(found, place, What::Units, &before.units, &after.units);
}

fn compare<'a, T: PartialEq + Serialize>(
    found: &mut Vec<Change<'a>>,
    place: Place<'a>,
    what: What,
    before: &T,
    after: &T,
) {
    if before != after {
        found.push(Change { place, what, before: json!(before), after: json!(after) });
    }
}

/// Compares what both lists have, then tells what only one of them has, then whether the order is another.
fn compare_lists<'a, T: Serialize>(
    found: &mut Vec<Change<'a>>,
    list: Place<'a>,
    before: &'a [T],
    after: &'a [T],
    place_of: impl Fn(&'a T) -> Place<'a>,
    compare_items: impl Fn(&mut Vec<Change<'a>>, Place<'a>, &'a T, &'a T),
) {
    let find = |list: &'a [T], wanted: &'a T| list.iter().find(|item| place_of(item) == place_of(wanted));
    let whole = |place, before, after| Change { place, what: What::Whole, before, after };
    for item in before {
        match find(after, item) {
            Some(other) => compare_items(found, place_of(item), item, other),
            None => found.push(whole(place_of(item), json!(item), Value::Null)),
        }
    }
    for item in after.iter().filter(|item| find(before, item).is_none()) {
        found.push(whole(place_of(item), Value::Null, json!(item)));
    }
    let order = |list: &'a [T], other: &'a [T]| -> Vec<&'a str> {
        let kept = list.iter().filter(|item| find(other, item).is_some());
        kept.filter_map(|item| place_of(item).field.or(place_of(item).step)).collect()
    };
    let (old, new) = (order(before, after), order(after, before));
    if old != new {
        found.push(Change { place: list, what: What::Order, before: json!(old), after: json!(new) });
    }
}
