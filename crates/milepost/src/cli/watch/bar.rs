//! The segmented bar: one segment for each step, as wide as its points, filled by its state and fraction.
//!
//! A pure function from steps to cells; what a cell looks like is decided by whoever draws it ([`Cell::glyph`] for a
//! terminal). Three regimes, as room gets scarce: segments with gaps between them, segments side by side, and more
//! steps than columns, where each column stands for the steps that lie under it.

use crate::progress::{MILLION, StepStatus};

/// What the bar needs to know of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Segment {
    /// What finishing it is worth.
    pub(in crate::cli) points: i64,
    /// How it is.
    pub(in crate::cli) status: StepStatus,
    /// How much of it is done, in millionths.
    pub(in crate::cli) fraction: i64,
}

/// One column of the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Cell {
    /// Between two segments.
    Gap,
    /// Part of a step, or of several where they are too many.
    Part {
        /// How the step is.
        status: StepStatus,
        /// How much of this column is done.
        fill: Fill,
    },
}

/// How much of a column is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Fill {
    /// All of it.
    Full,
    /// Its left half.
    Half,
    /// Nothing.
    Empty,
    /// The step failed here: what is done lies to the left.
    Broken,
}

impl Cell {
    /// The character for the column. Every state has a shape of its own, so that the bar reads without colours.
    pub(in crate::cli) fn glyph(self) -> char {
        match self {
            Self::Gap => ' ',
            Self::Part { fill: Fill::Full, .. } => '━',
            Self::Part { fill: Fill::Half, .. } => '╾',
            Self::Part { fill: Fill::Broken, .. } => '×',
            Self::Part { fill: Fill::Empty, status: StepStatus::Skipped } => '╌',
            Self::Part { fill: Fill::Empty, .. } => '─',
        }
    }
}

/// The bar of exactly that many columns. No segments give no cells.
pub(in crate::cli) fn bar(segments: &[Segment], columns: usize) -> Vec<Cell> {
    if segments.is_empty() || columns == 0 {
        return Vec::new();
    }
    let weights = weights(segments);
    if segments.len() > columns {
        return crowded(segments, &weights, columns);
    }
    let gaps = if columns >= 2 * segments.len() - 1 { segments.len() - 1 } else { 0 };
    let widths = share(&weights, columns - gaps);
    let mut cells = Vec::with_capacity(columns);
    for (segment, width) in segments.iter().zip(widths) {
        if gaps > 0 && !cells.is_empty() {
            cells.push(Cell::Gap);
        }
        cells.extend(fill(*segment, width));
    }
    cells
}

/// The points; where all are zero each step weighs the same, as in its progress.
fn weights(segments: &[Segment]) -> Vec<i64> {
    let all_zero = segments.iter().all(|segment| segment.points <= 0);
    segments.iter().map(|segment| if all_zero { 1 } else { segment.points.max(0) }).collect()
}

/// Shares columns out by weight, at least one each, so that every width is as near to its due as a whole number can be.
fn share(weights: &[i64], columns: usize) -> Vec<usize> {
    let total: i64 = weights.iter().sum::<i64>().max(1);
    let all = signed(columns);
    // Multiplied by the total, so that what is due stays whole.
    let due: Vec<i64> = weights.iter().map(|weight| weight * all).collect();
    let mut widths: Vec<i64> = due.iter().map(|due| (due / total).max(1)).collect();
    let mut spare = all - widths.iter().sum::<i64>();
    while spare != 0 {
        let lacking = |index: &usize| due[*index] - widths[*index] * total;
        let indices = 0..widths.len();
        // Of equals the first, so that a bar never flickers between two forms.
        let chosen = if spare > 0 {
            indices.rev().max_by_key(lacking)
        } else {
            indices.filter(|index| widths[*index] > 1).min_by_key(lacking)
        };
        let Some(chosen) = chosen else { break };
        widths[chosen] += spare.signum();
        spare -= spare.signum();
    }
    widths.into_iter().map(|width| usize::try_from(width).unwrap_or_default()).collect()
}

/// The cells of one segment.
fn fill(segment: Segment, width: usize) -> impl Iterator<Item = Cell> {
    let Segment { status, fraction, .. } = segment;
    // In half columns, cut off: a column is full only when it has been earned.
    let halves = if status == StepStatus::Finished {
        2 * width
    } else {
        usize::try_from(signed(2 * width) * fraction.clamp(0, MILLION) / MILLION).unwrap_or_default()
    };
    let broken_at = (status == StepStatus::Error).then_some((halves / 2).min(width - 1));
    (0..width).map(move |column| {
        let fill = match halves.saturating_sub(2 * column) {
            _ if broken_at == Some(column) => Fill::Broken,
            0 => Fill::Empty,
            1 => Fill::Half,
            _ => Fill::Full,
        };
        Cell::Part { status, fill }
    })
}

/// More steps than columns: each column shows the steps that lie under it.
fn crowded(segments: &[Segment], weights: &[i64], columns: usize) -> Vec<Cell> {
    let total: i64 = weights.iter().sum::<i64>().max(1);
    let all = signed(columns);
    let mut under: Vec<Vec<(Segment, i64)>> = vec![Vec::new(); columns];
    let mut begin = 0;
    for (segment, weight) in segments.iter().zip(weights) {
        let end = begin + weight * all;
        // A step without points lies under the column it stands at.
        let last_column = ((end - 1).max(begin) / total).min(all - 1);
        for column in (begin / total).min(all - 1)..=last_column {
            let overlap = end.min((column + 1) * total) - begin.max(column * total);
            if let Some(steps) = usize::try_from(column).ok().and_then(|column| under.get_mut(column)) {
                steps.push((*segment, overlap.max(0)));
            }
        }
        begin = end;
    }
    under.iter().map(|steps| blend(steps)).collect()
}

/// One cell for several steps: an error shows, whatever surrounds it; else the column is as full as its steps are.
fn blend(steps: &[(Segment, i64)]) -> Cell {
    let any = |status: StepStatus| steps.iter().any(|(segment, _)| segment.status == status);
    let only = |status: StepStatus| steps.iter().all(|(segment, _)| segment.status == status);
    let whole: i64 = steps.iter().map(|(_, weight)| *weight).sum::<i64>().max(1);
    let done: i64 = steps
        .iter()
        .map(|(segment, weight)| i128::from(segment.fraction) * i128::from(*weight))
        .sum::<i128>()
        .checked_div(i128::from(MILLION))
        .and_then(|done| i64::try_from(done).ok())
        .unwrap_or_default();
    if any(StepStatus::Error) {
        return Cell::Part { status: StepStatus::Error, fill: Fill::Broken };
    }
    if only(StepStatus::Finished) {
        return Cell::Part { status: StepStatus::Finished, fill: Fill::Full };
    }
    let status = match () {
        () if only(StepStatus::Pending) => StepStatus::Pending,
        () if any(StepStatus::Skipped) => StepStatus::Skipped,
        () => StepStatus::Running,
    };
    let fill = if 2 * done >= whole { Fill::Half } else { Fill::Empty };
    Cell::Part { status, fill }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::StepStatus::{Error, Finished, Pending, Running, Skipped};
    use super::*;

    /// The bar as text, of steps given as (points, status, percent).
    fn drawn(steps: &[(i64, StepStatus, i64)], columns: usize) -> String {
        let segments: Vec<Segment> = steps
            .iter()
            .map(|(points, status, percent)| Segment { points: *points, status: *status, fraction: percent * 10_000 })
            .collect();
        bar(&segments, columns).into_iter().map(Cell::glyph).collect()
    }

    #[test]
    fn segments_are_as_wide_as_their_points() {
        assert_eq!(drawn(&[(1, Finished, 100), (2, Running, 0), (5, Pending, 0)], 18), "━━ ──── ──────────");
    }

    #[test]
    fn a_running_step_is_filled_by_its_fraction_in_half_columns() {
        assert_eq!(drawn(&[(1, Running, 0)], 4), "────");
        assert_eq!(drawn(&[(1, Running, 12)], 4), "────");
        assert_eq!(drawn(&[(1, Running, 13)], 4), "╾───");
        assert_eq!(drawn(&[(1, Running, 50)], 4), "━━──");
        assert_eq!(drawn(&[(1, Running, 99)], 4), "━━━╾");
        assert_eq!(drawn(&[(1, Running, 100)], 4), "━━━━");
    }

    #[test]
    fn an_error_shows_where_the_step_broke() {
        assert_eq!(drawn(&[(1, Error, 0)], 4), "×───");
        assert_eq!(drawn(&[(1, Error, 50)], 4), "━━×─");
        assert_eq!(drawn(&[(1, Error, 100)], 4), "━━━×");
        assert_eq!(drawn(&[(1, Error, 0)], 1), "×");
    }

    #[test]
    fn skipped_steps_have_a_shape_of_their_own() {
        assert_eq!(drawn(&[(1, Finished, 100), (1, Skipped, 0), (1, Pending, 0)], 11), "━━━ ╌╌╌ ───");
    }

    #[test]
    fn a_step_of_few_points_has_one_column() {
        assert_eq!(drawn(&[(1, Finished, 100), (1000, Pending, 0), (0, Finished, 100)], 9), "━ ───── ━");
    }

    #[test]
    fn without_any_points_each_step_weighs_the_same() {
        assert_eq!(drawn(&[(0, Finished, 100), (0, Running, 50), (0, Pending, 0)], 8), "━━ ━─ ──");
    }

    #[test]
    fn without_room_for_gaps_the_segments_touch() {
        assert_eq!(drawn(&[(1, Finished, 100), (1, Finished, 100), (1, Running, 50), (1, Pending, 0)], 6), "━━━━╾─");
    }

    #[test]
    fn more_steps_than_columns_share_them() {
        let mut steps = vec![(1, Finished, 100); 250];
        steps.extend(vec![(1, Pending, 0); 250]);
        assert_eq!(drawn(&steps, 10), "━━━━━─────");
        steps[250] = (1, Running, 0);
        assert_eq!(drawn(&steps, 10), "━━━━━─────");
        steps[499] = (1, Error, 0);
        assert_eq!(drawn(&steps, 10), "━━━━━────×");
    }

    #[test]
    fn no_steps_and_no_columns_are_no_bar() {
        assert_eq!(drawn(&[], 10), "");
        assert_eq!(drawn(&[(1, Running, 50)], 0), "");
    }

    proptest! {
        #[test]
        fn a_bar_has_exactly_its_columns(
            steps in prop::collection::vec(
                (0..1_000_000_i64, prop::sample::select(vec![Pending, Running, Finished, Error, Skipped]), 0..=100_i64),
                1..520,
            ),
            columns in 1_usize..300,
        ) {
            prop_assert_eq!(drawn(&steps, columns).chars().count(), columns);
        }

        #[test]
        fn the_more_points_the_wider(points in prop::collection::vec(0..1000_i64, 1..40), columns in 80_usize..200) {
            let widths = share(&points, columns);
            prop_assert_eq!(widths.iter().sum::<usize>(), columns);
            for (a, wide) in points.iter().zip(&widths) {
                for (b, narrow) in points.iter().zip(&widths) {
                    // Of equals the first may be a column wider.
                    prop_assert!(*wide >= 1 && (a <= b || wide >= narrow));
                }
            }
        }
    }
}
