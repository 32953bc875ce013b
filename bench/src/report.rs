//! How measurements are written: a line for each condition.

use std::fmt::Write as _;
use std::path::Path;
use std::thread::available_parallelism;

use crate::Result;

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach {
    AtLeast(f64),
    AtMost(f64),
}

/// A figure of a case, from every round.
#[derive(Debug)]
pub(crate) struct Figure {
    case: String,
    /// What it is: a ratio to what, or a quantity in which unit.
    what: &'static str,
    rounds: Vec<f64>,
    reach: Reach,
}

impl Figure {
    pub(crate) fn new(case: impl Into<String>, what: &'static str, rounds: Vec<f64>, reach: Reach) -> Self {
        Self { case: case.into(), what, rounds, reach }
    }

    fn row(&self) -> String {
        let Self { case, what, rounds, reach } = self;
        let median = percentile(rounds, 0.5);
        let (is_reached, wanted) = match reach {
            Reach::AtLeast(least) => (median >= *least, format!("at least {least}")),
            Reach::AtMost(most) => (median <= *most, format!("at most {most}")),
        };
        let verdict = if is_reached { "reached" } else { "**not reached**" };
        let (from, to) = (percentile(rounds, 0.0), percentile(rounds, 1.0));
        format!("| {case} | {what} | {median:.2} | {from:.2} to {to:.2} | {} | {wanted} | {verdict} |", rounds.len())
    }
}

/// Prints all figures as one table and writes it to a file.
pub(crate) fn write_table(figures: &[Figure], file: &Path) -> Result<()> {
    let mut table =
        String::from("| case | figure | median | spread | rounds | wanted | |\n| - | - | - | - | - | - | - |\n");
    for figure in figures {
        writeln!(table, "{}", figure.row())?;
    }
    println!("\n{table}\nThe table is in {} as well.", file.display());
    Ok(std::fs::write(file, table)?)
}

/// What was measured where: numbers of another machine, or of a busy one, are other numbers.
pub(crate) fn print_machine() {
    let processors = available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    println!("{processors} processors, load {load} before the measurement, the load generator beside the server");
}

pub(crate) fn print_row(what: &str, figures: &[String]) {
    let figures = figures.iter().fold(String::new(), |line, figure| line + &format!("{figure:<19}"));
    println!("{what:<48}{}", figures.trim_end());
}

/// The smallest value that this share of all does not exceed; 1 gives the greatest.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

pub(crate) fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
pub(crate) fn rate(count: u64, seconds: f64) -> String {
    format!("{:.0}/s", count as f64 / seconds)
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
pub(crate) fn share(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let is = |share: f64, value: f64| (percentile(&values, share) - value).abs() < f64::EPSILON;
        assert!(is(0.5, 100.0) && is(0.99, 198.0) && is(1.0, 200.0) && is(0.0, 1.0));
        assert!(percentile(&[], 0.5).is_nan());
    }
}
