//! What the lines of a program mean: rules that turn them into events.

use std::collections::BTreeMap;
use std::fmt;

use regex::{Captures, Regex};
use serde::Deserialize;
use serde_json::Value;

use super::values::value_of;
use crate::cli::report::{Body, Report};

/// Groups that are no metadata.
const RESERVED: [&str; 4] = ["fraction", "percent", "step", "text"];
/// The longest text of an event, in characters.
const LONGEST_TEXT: usize = 1000;

/// A rules file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// In order: a line goes to the first that matches.
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<Rule>,
}

/// What lines of one kind mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// What people call it.
    pub(super) name: String,
    /// Where it is found in a line.
    #[serde(rename = "match", deserialize_with = "regex")]
    pattern: Regex,
    /// What it is.
    #[serde(default)]
    event: Kind,
    /// The step it is about; `$group` stands for what a group has captured, as in all texts of a rule.
    #[serde(default)]
    step: Option<String>,
    /// For people.
    #[serde(default)]
    text: Option<String>,
    /// What was measured, beside the groups.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Something on the way.
    #[default]
    Info,
    /// A step is done.
    Step,
    /// Something failed.
    Error,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Step => "step",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// The index of its rule.
    pub(super) rule: usize,
    /// What it is.
    pub(super) kind: Kind,
    /// The step it is about.
    pub(super) step: Option<String>,
    /// How much of the step is done.
    pub(super) fraction: Option<f64>,
    /// For people.
    pub(super) text: Option<String>,
    /// What was measured.
    pub(super) metadata: Body,
}

impl Found {
    /// Whether it only says how far a step is: of these the newest is enough.
    pub(super) fn is_mere_fraction(&self) -> bool {
        self.kind == Kind::Info && self.fraction.is_some() && self.text.is_none() && self.metadata.is_empty()
    }

    /// As an event of a job.
    pub(super) fn report(&self, job: &str) -> Report {
        let fields = [
            ("provider_job_id", Some(Value::from(job))),
            ("kind", Some(Value::from(self.kind.as_str()))),
            ("tag", self.step.clone().map(Value::from)),
            ("name", self.text.clone().map(Value::from)),
            // Of what is done or has failed there is none.
            ("fraction", self.fraction.filter(|_| self.kind == Kind::Info).map(Value::from)),
            ("event_metadata", (!self.metadata.is_empty()).then(|| Value::Object(self.metadata.clone()))),
        ];
        Report::Event(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

impl Rules {
    /// Reads rules from a file's text. An error says where in it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rules: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for rule in &rules.rules {
            rule.check().map_err(|reason| format!("rule {:?}: {reason}", rule.name))?;
        }
        Ok(rules)
    }

    /// What a line says, if a rule knows.
    pub(super) fn find(&self, line: &str) -> Option<Found> {
        let line = line.trim_end();
        self.rules
            .iter()
            .enumerate()
            .find_map(|(index, rule)| Some(rule.read(index, &rule.pattern.captures(line)?, line)))
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let groups: Vec<&str> = self.pattern.capture_names().flatten().collect();
        let has_step = self.step.is_some() || groups.contains(&"step");
        if self.event == Kind::Step && !has_step {
            return Err("says that a step is done, but not which: give step, or a group called step".to_owned());
        }
        if (groups.contains(&"fraction") || groups.contains(&"percent")) && !has_step {
            return Err("says how far a step is, but not which: give step, or a group called step".to_owned());
        }
        let texts = self.step.iter().chain(&self.text).chain(self.metadata.values());
        for name in texts.flat_map(|text| names_in(text)) {
            let is_number = name.parse::<usize>().is_ok_and(|number| number < self.pattern.captures_len());
            if !is_number && !groups.contains(&name) {
                return Err(format!("there is no group {name} in match"));
            }
        }
        Ok(())
    }

    fn read(&self, index: usize, captures: &Captures<'_>, line: &str) -> Found {
        let group = |name: &str| captures.name(name).map(|found| found.as_str());
        let expand = |text: &String| {
            let mut expanded = String::new();
            captures.expand(text, &mut expanded);
            expanded
        };
        let percent = || group("percent")?.trim().parse::<f64>().ok().map(|percent| percent / 100.0);
        let fraction = group("fraction").and_then(fraction_of).or_else(percent);
        let text = group("text").map(str::to_owned).or_else(|| self.text.as_ref().map(expand));
        let text = text.or_else(|| (self.event == Kind::Error).then(|| line.to_owned()));
        let renamed: Vec<&str> = self.metadata.values().flat_map(|text| names_in(text)).collect();
        let own =
            self.pattern.capture_names().flatten().filter(|name| !RESERVED.contains(name) && !renamed.contains(name));
        let mut metadata: Body = own.filter_map(|name| Some((name.to_owned(), value_of(group(name)?)))).collect();
        // What stands for groups that the line does not have was not measured.
        let is_there =
            |name: &str| name.parse().map_or_else(|_| captures.name(name), |number| captures.get(number)).is_some();
        let measured = self.metadata.iter().filter(|(_, text)| {
            let mut names = names_in(text).peekable();
            names.peek().is_none() || names.any(is_there)
        });
        metadata.extend(measured.map(|(name, text)| (name.clone(), value_of(&expand(text)))));
        Found {
            rule: index,
            kind: self.event,
            step: group("step").map(str::to_owned).or_else(|| self.step.as_ref().map(expand)),
            fraction: fraction.map(|fraction| fraction.clamp(0.0, 1.0)),
            text: text.map(|text| text.chars().take(LONGEST_TEXT).collect()),
            metadata,
        }
    }
}

/// `37%`, `3/8` or `0.37`.
fn fraction_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let fraction = if let Some(percent) = text.strip_suffix('%') {
        number(percent)? / 100.0
    } else if let Some((done, all)) = text.split_once('/') {
        number(done)? / number(all)?
    } else {
        number(text)?
    };
    fraction.is_finite().then_some(fraction)
}

/// The groups that a text stands for: `$name` and `${name}`; `$$` is a dollar.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let behind = &rest[rest.find('$')? + 1..];
            if let Some(behind) = behind.strip_prefix('$') {
                rest = behind;
                continue;
            }
            rest = behind.strip_prefix('{').unwrap_or(behind);
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, behind) = rest.split_at(length);
            rest = behind;
            if !name.is_empty() {
                return Some(name);
            }
        }
    })
}

fn regex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    let text = String::deserialize(deserializer)?;
    Regex::new(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(text: &str) -> Rules {
        Rules::parse(text).unwrap()
    }

    #[test]
    fn fractions_are_told_in_three_ways() {
        for (text, fraction) in [("37%", 0.37), ("37 %", 0.37), ("3/8", 0.375), ("3 / 8", 0.375), ("0.5", 0.5)] {
            assert_eq!(fraction_of(text), Some(fraction), "{text}");
        }
        for text in ["", "%", "3/0", "three", "1/x"] {
            assert_eq!(fraction_of(text), None, "{text}");
        }
    }

    #[test]
    fn groups_are_what_they_are_called() {
        let rules = rules(
            r#"
            [[rule]]
            name = "measured"
            match = '(?<step>left|right) kidney: (?<Volume>[0-9.]+) ml, (?<note>.*)'
            event = "step"
            metadata = { "Side note" = "${note}!" }
            "#,
        );
        let found = rules.find("left kidney: 151.2 ml, fine\r\n").unwrap();
        assert_eq!((found.kind, found.step.as_deref()), (Kind::Step, Some("left")));
        assert_eq!(Value::Object(found.metadata), json!({"Volume": 151.2, "Side note": "fine!"}));
        assert_eq!(rules.find("middle kidney: 1 ml, "), None);
    }

    #[test]
    fn a_line_goes_to_the_first_rule_that_matches() {
        let rules = rules(
            r"
            [[rule]]
            name = 'one'
            match = 'a'
            [[rule]]
            name = 'two'
            match = 'ab'
            event = 'error'
            ",
        );
        assert_eq!(rules.find("ab").unwrap().rule, 0);
        assert!(rules.find("b").is_none());
    }

    #[test]
    fn an_error_says_its_line_unless_told_otherwise() {
        let rules = rules("[[rule]]\nname = 'failed'\nmatch = '^error: '\nevent = 'error'");
        assert_eq!(rules.find("error: no kidney").unwrap().text.as_deref(), Some("error: no kidney"));
    }

    #[test]
    fn rules_that_cannot_mean_anything_are_refused_by_name() {
        for (text, said) in [
            ("[[rule]]\nname = 'x'\nmatch = '('", "unclosed group"),
            (
                "[[rule]]\nname = 'x'\nmatch = 'a'\nevent = 'step'",
                "rule \"x\": says that a step is done, but not which",
            ),
            ("[[rule]]\nname = 'x'\nmatch = '(?<percent>1)'", "but not which"),
            ("[[rule]]\nname = 'x'\nmatch = 'a'\nstep = '$side'", "there is no group side in match"),
            ("[[rule]]\nname = 'x'\nmatch = 'a'\nsteps = 'y'", "unknown field `steps`"),
        ] {
            let refused = Rules::parse(text).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
