//! What rules would make of a log that was recorded.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::lines::Lines;
use super::rules::{Found, Rules};
use crate::cli::terminal::{count, note, say};
use crate::cli::text::clean;
use crate::cli::{Failure, Outcome};

/// Shows the events of a log's lines, and which rules match none.
pub(super) fn run(rules: &Rules, log: &Path, as_json: bool) -> Outcome {
    let bytes = fs::read(log).map_err(|error| Failure(format!("{}: {error}", log.display())))?;
    let mut lines = Vec::new();
    let mut splitter = Lines::default();
    splitter.take(&bytes, |line| lines.push(line.to_owned()));
    splitter.finish(|line| lines.push(line.to_owned()));
    let found: Vec<(&String, Found)> = lines.iter().filter_map(|line| Some((line, rules.find(line)?))).collect();
    for (line, found) in &found {
        let rule = &rules.rules[found.rule].name;
        if as_json {
            let Found { kind, step, fraction, text, metadata, .. } = found;
            let kind = kind.to_string();
            say!(
                "{}",
                json!({"rule": rule, "line": line, "kind": kind, "step": step, "fraction": fraction,
                "text": text, "metadata": metadata})
            )?;
        } else {
            say!("{}", clean(&described(rule, found)))?;
        }
    }
    let used: BTreeSet<usize> = found.iter().map(|(_, found)| found.rule).collect();
    for (_, rule) in rules.rules.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        note!("no line goes to the rule {:?}", rule.name);
    }
    note!("{} of {} say something", found.len(), count(lines.len(), "line"));
    Ok(())
}

/// `left is measured: step left Volume=151.2`.
fn described(rule: &str, found: &Found) -> String {
    let fraction = found.fraction.map(|fraction| format!("{:.1} %", fraction * 100.0));
    let measured = found.metadata.iter().map(|(name, value)| format!("{name}={value}"));
    let parts = [found.step.clone(), found.text.clone(), fraction].into_iter().flatten().chain(measured);
    parts.fold(format!("{rule}: {}", found.kind), |said, part| said + " " + &part)
}
