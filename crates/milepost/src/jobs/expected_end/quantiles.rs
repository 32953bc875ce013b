//! Intervals from past runs, by quantiles that hold what they promise for few runs as well.

/// From fewer runs nothing is told.
pub(crate) const FEWEST: usize = 5;

/// What past runs say of one that has gone on for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    /// A tenth of the runs that went on for longer ended before this.
    pub(crate) from: i64,
    /// Half of them.
    pub(crate) median: i64,
    /// Nine tenths of them.
    pub(crate) to: i64,
}

/// The interval that the next run falls into with a probability of four fifths, if it is of the same kind as these: of
/// those that went on for longer than it has so far. Nothing if these are too few. The values are in ascending order.
#[must_use]
pub(crate) fn interval(sorted: &[i64], so_far: i64) -> Option<Interval> {
    let longer = &sorted[ended_by(sorted, so_far)..];
    (longer.len() >= FEWEST).then(|| Interval {
        from: quantile(longer, 1),
        median: quantile(longer, 5),
        to: quantile(longer, 9),
    })
}

/// How many of the runs had ended by then.
#[must_use]
pub(crate) fn ended_by(sorted: &[i64], so_far: i64) -> usize {
    sorted.partition_point(|value| *value <= so_far)
}

/// The value below which the next one falls with a probability of so many tenths: the one at the place (n + 1)·p,
/// interpolated between neighbours; beyond the first and the last it is these. The values are there and in ascending order.
#[must_use]
pub(crate) fn quantile(sorted: &[i64], tenths: usize) -> i64 {
    let place = (sorted.len() + 1) * tenths;
    let at = |number: usize| sorted[number.clamp(1, sorted.len()) - 1];
    let (low, high) = (at(place / 10), at(place / 10 + 1));
    // At most nine: there is room for centuries of microseconds.
    let part = i64::try_from(place % 10).unwrap_or_default();
    low + (high - low) / 10 * part + (high - low) % 10 * part / 10
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(sorted: &[i64]) -> [i64; 3] {
        [1, 5, 9].map(|tenths| quantile(sorted, tenths))
    }

    #[test]
    fn of_nine_runs_the_ends_are_the_first_and_the_last() {
        assert_eq!(ends(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), [1, 5, 9]);
    }

    #[test]
    fn of_fewer_runs_the_ends_are_no_wider() {
        assert_eq!(ends(&[10, 20, 30, 40, 50]), [10, 30, 50]);
        assert_eq!(ends(&[7]), [7, 7, 7]);
    }

    #[test]
    fn between_two_runs_it_is_interpolated() {
        assert_eq!(ends(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 90]), [1, 45, 89]);
        assert_eq!(ends(&[0, 100, 200, 300]), [0, 150, 300]);
        let days = 86_400_000_000 * 365 * 100;
        assert_eq!(ends(&[0, days]), [0, days / 2, days]);
    }

    #[test]
    fn only_runs_that_went_on_for_longer_count() {
        let sorted: Vec<i64> = (1..=14).map(|number| number * 10).collect();
        let from_six_on = interval(&sorted, 50).unwrap();
        assert_eq!(from_six_on, Interval { from: 60, median: 100, to: 140 });
        assert_eq!(interval(&sorted, 59), Some(from_six_on));
        assert!(interval(&sorted, 60).unwrap().from > 60, "one that lasted as long as this has ended by now");
        assert_eq!(interval(&sorted, 89).map(|it| it.from), Some(90));
        assert_eq!(interval(&sorted, 100), None, "four are left");
        assert_eq!(ended_by(&sorted, 100), 10);
        assert_eq!(interval(&sorted[..4], 0), None, "four are too few");
        assert_eq!(interval(&[], 0), None);
    }

    proptest! {
        #[test]
        fn the_next_of_the_same_kind_falls_inside_four_times_out_of_five(
            values in proptest::collection::hash_set(0..1_000_000_000_i64, 10..80)
        ) {
            // Each in turn is the next one: of n + 1 places as many lie inside as promised, but for the two at the ends.
            let mut all: Vec<i64> = values.into_iter().collect();
            all.sort_unstable();
            let inside = (0..all.len()).filter(|next| {
                let others: Vec<i64> = all.iter().enumerate().filter(|(at, _)| at != next).map(|(_, value)| *value).collect();
                let it = interval(&others, -1).unwrap();
                assert!(it.from <= it.median && it.median <= it.to);
                (it.from..=it.to).contains(&all[*next])
            });
            let (inside, all) = (inside.count(), all.len());
            prop_assert!(inside * 10 >= all * 8 - 20 && inside * 10 <= all * 8 + 20, "{inside} of {all}");
        }
    }
}
