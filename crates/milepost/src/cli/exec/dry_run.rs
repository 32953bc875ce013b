//! What rules would make of a log that was recorded.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::lines::Lines;
use super::rules::{Found, Rules};
use crate::cli::terminal::{count, say};
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
        eprintln!("milepost: no line goes to the rule {:?}", rule.name);
    }
    eprintln!("milepost: {} say something, of {}", count(found.len(), "line"), lines.len());
    Ok(())
}

/// `left is measured: step left Volume=151.2`.
fn described(rule: &str, found: &Found) -> String {
    let mut said = format!("{rule}: {}", found.kind);
    for part in [&found.step, &found.text].into_iter().flatten() {
        said = said + " " + part;
    }
    if let Some(fraction) = found.fraction {
        said += &format!(" {:.1} %", fraction * 100.0);
    }
    found.metadata.iter().fold(said, |said, (name, value)| said + &format!(" {name}={value}"))
}
