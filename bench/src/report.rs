//! How measurements are written: a line for each condition.

use std::thread::available_parallelism;

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
