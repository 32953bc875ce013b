//! Whether a new version takes a SemVer step that is large enough for what it changes. Pure: two contents, two versions.
//!
//! Programs report by the tags of steps and the names of fields, and what a step is worth is billed: where one of these
//! is gone or means something else, programs and figures of before do not fit, which is a major change. What is new beside
//! it is minor; what only people read, names and the order of steps and fields, is a patch. A larger step than needed
//! always fits.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::NewConfiguration;
use super::diff::{Change, Place, What, changes};
use super::version::{Version, VersionStep};

/// The most changes that are told.
const MAX_CHANGES: usize = 100;

/// Whether a version fits what it changes.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VersionCheck {
    /// The version before: the highest release below it, as of when it was registered.
    pub compared_with: Version,
    /// The step that the changes need; `none` if nothing changed.
    pub needed: VersionStep,
    /// What the step from the version before counts as: below 1.0.0 a minor one is as good as a major one. `none` if only
    /// build metadata differs.
    pub taken: VersionStep,
    /// Whether it is large enough.
    pub fits: bool,
    /// The lowest release that would fit; null if there is none left.
    pub suggested: Option<Version>,
    /// What is wrong and what would be right, in a sentence for people; null if it fits.
    pub warning: Option<String>,
    /// What changed, at most 100, what needs the largest step first.
    #[schema(max_items = 100)]
    pub changes: Vec<VersionChange>,
    /// How many more changes there are.
    pub more_changes: usize,
}

/// A change since the version before.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VersionChange {
    /// Where, with steps by their tag and metadata by its name.
    #[schema(example = "/step_configurations/left/points")]
    pub pointer: String,
    /// What changed, for a human.
    #[schema(example = "points of step left changed from 10 to 20")]
    pub detail: String,
    /// The step that it needs.
    pub needs: VersionStep,
}

/// The step that is needed from one content to another.
#[must_use]
pub(super) fn needed(before: &NewConfiguration, after: &NewConfiguration) -> VersionStep {
    changes(before, after).iter().map(needs).max().unwrap_or_default()
}

/// Judges a version by the one before it.
#[must_use]
pub(super) fn judge(before: &NewConfiguration, after: &NewConfiguration, suggested: Option<Version>) -> VersionCheck {
    let mut changes: Vec<VersionChange> = changes(before, after).iter().map(told).collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.needs));
    let more_changes = changes.len().saturating_sub(MAX_CHANGES);
    changes.truncate(MAX_CHANGES);
    let needed = changes.first().map_or(VersionStep::None, |change| change.needs);
    let taken = after.version.step_from(&before.version);
    let mut check = VersionCheck {
        compared_with: before.version.clone(),
        needed,
        taken,
        fits: taken >= needed,
        suggested,
        warning: None,
        changes,
        more_changes,
    };
    check.warning = check.misfit().map(|misfit| format!("{} {misfit}.", after.version));
    check
}

impl VersionCheck {
    /// What is wrong with the version, to go on after what is named; none if it fits.
    pub(super) fn misfit(&self) -> Option<String> {
        let first = self.changes.first().filter(|_| !self.fits)?;
        let others = match self.changes.len() - 1 + self.more_changes {
            0 => String::new(),
            1 => " (and 1 more change)".to_owned(),
            others => format!(" (and {others} more changes)"),
        };
        let right = match &self.suggested {
            Some(version) => format!("the lowest version that fits is {version}"),
            None => "no version is left that fits".to_owned(),
        };
        let Self { compared_with, needed, .. } = self;
        let detail = &first.detail;
        Some(format!(
            "is too small a step from {compared_with}: {detail}{others}, which needs a {needed} step; {right}"
        ))
    }
}

/// The step that a change needs.
fn needs(change: &Change<'_>) -> VersionStep {
    let is_blank = |units: &Value| units.as_str().is_none_or(str::is_empty);
    match change.what {
        What::Whole if change.before.is_null() => VersionStep::Minor,
        What::Units if is_blank(&change.before) && is_blank(&change.after) => VersionStep::Patch,
        What::Whole | What::Points | What::Kind | What::Units => VersionStep::Major,
        What::Name | What::Order => VersionStep::Patch,
    }
}

fn told(change: &Change<'_>) -> VersionChange {
    VersionChange { pointer: change.pointer(), detail: detail(change), needs: needs(change) }
}

/// A change in words.
fn detail(change: &Change<'_>) -> String {
    let Change { place: Place { step, field }, what, before, after } = change;
    let place = match (step, field) {
        (Some(step), Some(field)) => format!("field {field:?} of step {step}"),
        (Some(step), None) => format!("step {step}"),
        (None, _) => "the configuration".to_owned(),
    };
    let of_place = |noun: &str| format!("{noun} of {place} changed from {} to {}", word(before), word(after));
    match what {
        What::Name => of_place("name"),
        What::Points => of_place("points"),
        What::Kind => of_place("kind"),
        What::Units => of_place("units"),
        What::Whole if before.is_null() => format!("{place} is new"),
        What::Whole => format!("{place} is gone"),
        What::Order if step.is_some() => format!("fields of {place} are in another order"),
        What::Order => "steps are in another order".to_owned(),
    }
}

fn word(value: &Value) -> String {
    if value.is_null() { "none".to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use VersionStep::{Major, Minor, None as Nothing, Patch};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> NewConfiguration {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn configuration() -> Value {
        json!({"tag": "kidney", "name": "Kidneys", "version": "1.4.2", "step_configurations": [
            {"tag": "load", "name": "Load", "points": 1, "metadata_configurations": []},
            {"tag": "left", "name": "Left kidney", "points": 9, "metadata_configurations": [
                {"name": "Volume", "kind": "number", "units": "ml"}, {"name": "Report", "kind": "link", "units": null}]},
        ]})
    }

    fn version(text: &str) -> Version {
        Version::try_from(text.to_owned()).unwrap()
    }

    /// The changes of an edit, as `pointer needs: detail`.
    fn changes_of(edit: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut after = configuration();
        edit(&mut after);
        let check = judge(&read(&configuration()), &read(&after), None);
        assert_eq!(check.needed, needed(&read(&configuration()), &read(&after)));
        let line = |change: &VersionChange| format!("{} {}: {}", change.pointer, change.needs, change.detail);
        check.changes.iter().map(line).collect()
    }

    #[test]
    fn each_change_needs_its_step() {
        let (steps, left) = ("/step_configurations", "/step_configurations/left");
        let set = |pointer: &'static str, value: Value| {
            changes_of(|document| *document.pointer_mut(pointer).unwrap() = value)
        };
        let step = json!({"tag": "right", "name": "Right kidney", "points": 9});
        let field = json!({"name": "Depth", "kind": "number"});
        let push = |pointer: &'static str, value: Value| {
            changes_of(|document| document.pointer_mut(pointer).unwrap().as_array_mut().unwrap().push(value))
        };
        let order = |pointer: &'static str, edit: fn(&mut Vec<Value>)| {
            changes_of(|document| edit(document.pointer_mut(pointer).unwrap().as_array_mut().unwrap()))
        };
        let fields = "/step_configurations/1/metadata_configurations";
        let at_fields = format!("{left}/metadata_configurations");
        let table: Vec<(Vec<String>, Vec<String>)> = vec![
            (set("/version", json!("9.0.0")), vec![]),
            (set("/tag", json!("other")), vec![]),
            (
                set("/name", json!("Kidney")),
                vec![r#"/name patch: name of the configuration changed from "Kidneys" to "Kidney""#.to_owned()],
            ),
            (
                set("/step_configurations/1/name", json!("Left")),
                vec![format!(r#"{left}/name patch: name of step left changed from "Left kidney" to "Left""#)],
            ),
            (
                set("/step_configurations/1/points", json!(10)),
                vec![format!("{left}/points major: points of step left changed from 9 to 10")],
            ),
            (
                set("/step_configurations/0/tag", json!("read")),
                vec![
                    format!("{steps}/load major: step load is gone"),
                    format!("{steps}/read minor: step read is new"),
                ],
            ),
            (order(steps, |steps| drop(steps.pop())), vec![format!("{left} major: step left is gone")]),
            (push(steps, step), vec![format!("{steps}/right minor: step right is new")]),
            (order(steps, |steps| steps.reverse()), vec![format!("{steps} patch: steps are in another order")]),
            (
                set("/step_configurations/1/metadata_configurations/0/kind", json!("text")),
                vec![format!(
                    r#"{at_fields}/Volume/kind major: kind of field "Volume" of step left changed from "number" to "text""#
                )],
            ),
            (
                set("/step_configurations/1/metadata_configurations/0/units", json!("l")),
                vec![format!(
                    r#"{at_fields}/Volume/units major: units of field "Volume" of step left changed from "ml" to "l""#
                )],
            ),
            (
                set("/step_configurations/1/metadata_configurations/0/units", Value::Null),
                vec![format!(
                    r#"{at_fields}/Volume/units major: units of field "Volume" of step left changed from "ml" to none"#
                )],
            ),
            (
                set("/step_configurations/1/metadata_configurations/1/units", json!("")),
                vec![format!(
                    r#"{at_fields}/Report/units patch: units of field "Report" of step left changed from none to """#
                )],
            ),
            (
                set("/step_configurations/1/metadata_configurations/0/name", json!("Size")),
                vec![
                    format!(r#"{at_fields}/Volume major: field "Volume" of step left is gone"#),
                    format!(r#"{at_fields}/Size minor: field "Size" of step left is new"#),
                ],
            ),
            (
                order(fields, |fields| drop(fields.remove(0))),
                vec![format!(r#"{at_fields}/Volume major: field "Volume" of step left is gone"#)],
            ),
            (push(fields, field), vec![format!(r#"{at_fields}/Depth minor: field "Depth" of step left is new"#)]),
            (
                order(fields, |fields| fields.reverse()),
                vec![format!("{at_fields} patch: fields of step left are in another order")],
            ),
        ];
        for (found, expected) in table {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_step_that_is_taken_is_compared_with_the_one_that_is_needed() {
        let contents = |needed| {
            let mut after = configuration();
            match needed {
                Nothing => {}
                Patch => after["name"] = json!("Kidney"),
                Minor => after["step_configurations"][0]["metadata_configurations"] = json!([{"name": "Side"}]),
                Major => after["step_configurations"][0]["points"] = json!(2),
            }
            after
        };
        // From, to, what the step counts as.
        let table = [
            ("1.4.2", "1.4.3", Patch),
            ("1.4.2", "1.5.0", Minor),
            ("1.4.2", "1.9.7", Minor),
            ("1.4.2", "2.0.0", Major),
            ("1.4.2", "5.1.3", Major),
            ("1.4.2", "1.4.3-rc.1", Patch),
            ("1.4.2", "1.5.0-rc.1", Minor),
            ("1.4.2", "2.0.0-0", Major),
            ("1.4.2+a", "1.4.2+b", Nothing),
            ("0.4.2", "0.4.3", Patch),
            ("0.4.2", "0.5.0", Major),
            ("0.4.2", "0.5.0-rc.1", Major),
            ("0.4.2", "1.0.0", Major),
        ];
        for (from, to, taken) in table {
            for needed in [Nothing, Patch, Minor, Major] {
                let (mut before, mut after) = (configuration(), contents(needed));
                (before["version"], after["version"]) = (json!(from), json!(to));
                let check = judge(&read(&before), &read(&after), None);
                assert_eq!((check.needed, check.taken), (needed, taken), "{from} {to}");
                assert_eq!(check.fits, taken >= needed, "{from} {to}");
                assert_eq!(check.warning.is_none(), check.fits, "{from} {to}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_told_in_a_sentence() {
        let mut after = configuration();
        after["version"] = json!("1.4.3");
        after["name"] = json!("Kidney");
        after["step_configurations"][1]["points"] = json!(10);
        after["step_configurations"][1]["name"] = json!("Left");
        let check = judge(&read(&configuration()), &read(&after), Some(version("2.0.0")));
        assert_eq!(
            check.warning.unwrap(),
            "1.4.3 is too small a step from 1.4.2: points of step left changed from 9 to 10 (and 2 more changes), \
             which needs a major step; the lowest version that fits is 2.0.0."
        );
    }

    #[test]
    fn of_many_changes_those_that_need_most_are_told() {
        let mut before = configuration();
        let step = |number: usize| json!({"tag": format!("s{number}"), "name": "S", "points": 1});
        before["step_configurations"] = (0..200).map(step).collect();
        let mut after = before.clone();
        for (index, step) in after["step_configurations"].as_array_mut().unwrap().iter_mut().enumerate() {
            step[if index == 199 { "points" } else { "name" }] = if index == 199 { json!(2) } else { json!("T") };
        }
        let check = judge(&read(&before), &read(&after), None);
        assert_eq!((check.changes.len(), check.more_changes, check.needed), (100, 100, Major));
        assert_eq!(check.changes[0].pointer, "/step_configurations/s199/points");
    }

    /// Configurations that have much in common.
    fn any_configuration() -> impl Strategy<Value = NewConfiguration> {
        use prop::sample::{select, subsequence};
        let field = |name: &'static str| {
            (select(vec!["text", "number"]), select(vec!["", "ml", "l"]))
                .prop_map(move |(kind, units)| json!({"name": name, "kind": kind, "units": units}))
        };
        let fields = [field("a"), field("b"), field("c")].prop_flat_map(|all| subsequence(all.to_vec(), 0..=3));
        let step = move |tag: &'static str| {
            let values = (select(vec!["N", "M"]), 1..3_i64, fields.clone());
            values.prop_map(move |(name, points, fields)| {
                json!({"tag": tag, "name": name, "points": points, "metadata_configurations": fields})
            })
        };
        let steps =
            [step("p"), step("q"), step("r")].prop_flat_map(|all| subsequence(all.to_vec(), 0..=3).prop_shuffle());
        let version = (0..3_u64, 0..3_u64, 0..3_u64, select(vec!["", "-rc.1"]));
        (select(vec!["N", "M"]), version, steps).prop_map(|(name, (major, minor, patch, pre), steps)| {
            let version = format!("{major}.{minor}.{patch}{pre}");
            read(&json!({"tag": "t", "name": name, "version": version, "step_configurations": steps}))
        })
    }

    /// A configuration, and what became of it: the other one's values at a few places.
    fn any_two() -> impl Strategy<Value = (NewConfiguration, NewConfiguration)> {
        fn mixed(one: &Value, other: &Value, rarely: &mut impl FnMut() -> bool) -> Value {
            let key = |item: &Value| item.get("tag").unwrap_or(&item["name"]).clone();
            match (one, other) {
                (Value::Object(one), Value::Object(other)) => {
                    one.iter().map(|(name, value)| (name.clone(), mixed(value, &other[name], rarely))).collect()
                }
                (Value::Array(one), Value::Array(others)) => {
                    let find =
                        |list: &[Value], item: &Value| list.iter().find(|each| key(each) == key(item)).cloned();
                    let mut all: Vec<Value> = Vec::new();
                    for item in one {
                        match find(others, item) {
                            Some(other) => all.push(mixed(item, &other, rarely)),
                            None if rarely() => {}
                            None => all.push(item.clone()),
                        }
                    }
                    all.extend(others.iter().filter(|item| find(one, item).is_none() && rarely()).cloned());
                    if rarely() {
                        all.reverse();
                    }
                    Value::Array(all)
                }
                _ => {
                    if rarely() {
                        other.clone()
                    } else {
                        one.clone()
                    }
                }
            }
        }
        let rarely = prop::collection::vec(prop::bool::weighted(0.1), 64);
        (any_configuration(), any_configuration(), rarely).prop_map(|(before, other, rarely)| {
            let mut rarely = rarely.into_iter().cycle();
            let after = mixed(&json!(before), &json!(other), &mut || rarely.next().unwrap_or_default());
            (before, NewConfiguration { version: other.version, ..read(&after) })
        })
    }

    /// What programs go by: the tags and points of steps, the names, kinds and units of their fields.
    fn contract(of: &NewConfiguration) -> std::collections::BTreeSet<String> {
        let of_step = |step: &super::super::NewStep| {
            let tag = step.tag.as_str();
            let units = |field: &super::super::NewMetadata| {
                field.units.as_ref().map_or("", |units| units.as_str()).to_owned()
            };
            let fields = step.metadata().iter();
            let fields = fields.map(|field| format!("{tag} {} {:?} {:?}", field.name, field.kind(), units(field)));
            std::iter::once(format!("{tag} {}", step.points.get())).chain(fields).collect::<Vec<_>>()
        };
        of.step_configurations.iter().flat_map(of_step).collect()
    }

    proptest! {
        #[test]
        fn a_major_step_is_needed_just_where_something_of_before_is_not_kept((before, after) in any_two()) {
            let (old, new) = (contract(&before), contract(&after));
            let expected = if !old.is_subset(&new) {
                Major
            } else if new != old {
                Minor
            } else if changes(&before, &after).is_empty() {
                Nothing
            } else {
                Patch
            };
            prop_assert_eq!(needed(&before, &after), expected);
            prop_assert_eq!(needed(&before, &before), Nothing);
        }

        #[test]
        fn the_next_version_is_the_lowest_release_that_fits((before, after) in any_two()) {
            let step = needed(&before, &after);
            let next = before.version.next(step).unwrap();
            let judged = |version: &Version| judge(&before, &NewConfiguration { version: version.clone(), ..after.clone() }, None);
            prop_assert!(judged(&next).fits);
            let check = judge(&before, &after, None);
            let (own, of_before) = (after.version.release().precedence(), before.version.release().precedence());
            if own >= next.precedence() {
                prop_assert!(check.fits, "a larger step than needed always fits");
            } else if own > of_before {
                prop_assert!(!check.fits, "{} is lower than {next} and fits", after.version);
            }
        }
    }
}
