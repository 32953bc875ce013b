//! What differs between two configurations of the same tag and version: an entry for each path, steps by their tag,
//! metadata by its name.

use serde::Serialize;
use serde_json::{Value, json};

use super::{NewConfiguration, NewMetadata, NewStep};
use crate::error::Difference;
use crate::http::escape_pointer;

/// Every path at which the sent configuration is not the registered one; none if they are the same.
#[must_use]
pub(crate) fn differences(registered: &NewConfiguration, sent: &NewConfiguration) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut found, "/name", &registered.name, &sent.name);
    compare_lists(
        &mut found,
        "/step_configurations",
        &registered.step_configurations,
        &sent.step_configurations,
        |step| step.tag.as_str(),
        compare_steps,
    );
    found
}

fn compare_steps(found: &mut Vec<Difference>, pointer: &str, registered: &NewStep, sent: &NewStep) {
    compare(found, &format!("{pointer}/name"), &registered.name, &sent.name);
    compare(found, &format!("{pointer}/points"), &registered.points, &sent.points);
    compare_lists(
        found,
        &format!("{pointer}/metadata_configurations"),
        registered.metadata(),
        sent.metadata(),
        |metadata| metadata.name.as_str(),
        compare_metadata,
    );
}

fn compare_metadata(found: &mut Vec<Difference>, pointer: &str, registered: &NewMetadata, sent: &NewMetadata) {
    compare(found, &format!("{pointer}/kind"), &registered.kind(), &sent.kind());
    compare(found, &format!("{pointer}/units"), &registered.units, &sent.units);
}

fn compare<T: PartialEq + Serialize>(found: &mut Vec<Difference>, pointer: &str, registered: &T, sent: &T) {
    if registered != sent {
        found.push(Difference { pointer: pointer.to_owned(), registered: json!(registered), sent: json!(sent) });
    }
}

/// Compares what both lists have, then tells what only one of them has, then whether the order is another.
fn compare_lists<T: Serialize>(
    found: &mut Vec<Difference>,
    pointer: &str,
    registered: &[T],
    sent: &[T],
    key: impl Fn(&T) -> &str,
    compare_items: impl Fn(&mut Vec<Difference>, &str, &T, &T),
) {
    let at = |item: &T| format!("{pointer}/{}", escape_pointer(key(item)));
    let find = |list: &'_ [T], wanted: &T| list.iter().position(|item| key(item) == key(wanted));
    for item in registered {
        match find(sent, item) {
            Some(index) => compare_items(found, &at(item), item, &sent[index]),
            None => found.push(Difference { pointer: at(item), registered: json!(item), sent: Value::Null }),
        }
    }
    for item in sent.iter().filter(|item| find(registered, item).is_none()) {
        found.push(Difference { pointer: at(item), registered: Value::Null, sent: json!(item) });
    }
    let order = |list: &[T], other: &[T]| -> Vec<String> {
        list.iter().filter(|item| find(other, item).is_some()).map(|item| key(item).to_owned()).collect()
    };
    let (before, after) = (order(registered, sent), order(sent, registered));
    if before != after {
        found.push(Difference { pointer: pointer.to_owned(), registered: json!(before), sent: json!(after) });
    }
}
