//! How values are spread: quantiles, and how many lie where.

/// How at least one value is spread.
#[derive(Debug)]
pub(crate) struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    /// Of values that are no NaN; nothing without one.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        (!values.is_empty()).then_some(Self { sorted: values })
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The smallest.
    pub(crate) fn min(&self) -> f64 {
        self.sorted[0]
    }

    /// The greatest.
    pub(crate) fn max(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }

    /// The value that a share of all is at most. Of n values in order, counted from 0, it is the one at the place share ×
    /// (n − 1); between two places it lies as far between their values.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among at most a million values"
    )]
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let place = share * (self.sorted.len() - 1) as f64;
        let (low, high) = (self.sorted[place.floor() as usize], self.sorted[place.ceil() as usize]);
        let part = place.fract();
        // Both in proportion, since the difference of two doubles may be beyond them.
        (low * (1.0 - part) + high * part).clamp(low, high)
    }

    /// How many values lie in each of so many bins of equal width; the greatest belongs to the last one.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among a few bins"
    )]
    pub(crate) fn bins(&self, count: usize) -> Vec<usize> {
        let (min, max) = (self.min(), self.max());
        if min >= max {
            return vec![self.sorted.len()];
        }
        // Halved, values at both ends of what doubles can hold have a difference.
        let scale = if (max - min).is_finite() { 1.0 } else { 0.5 };
        let width = max * scale - min * scale;
        let mut bins = vec![0; count];
        for value in &self.sorted {
            let share = (value * scale - min * scale) / width;
            bins[((share * count as f64) as usize).min(count - 1)] += 1;
        }
        bins
    }

    /// What lies at a part of the way from the smallest value to the greatest.
    pub(crate) fn between(&self, part: f64) -> f64 {
        let (min, max) = (self.min(), self.max());
        // Both in proportion, as above.
        (min * (1.0 - part) + max * part).clamp(min, max)
    }

    /// The share of the values that is smaller.
    #[expect(clippy::cast_precision_loss, reason = "at most a million values")]
    pub(crate) fn below(&self, value: f64) -> f64 {
        self.sorted.partition_point(|other| *other < value) as f64 / self.sorted.len() as f64
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is told must be exact")]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Spread {
        Spread::of(values.to_vec()).unwrap()
    }

    fn quartiles(values: &[f64]) -> [f64; 3] {
        [0.25, 0.5, 0.75].map(|share| spread(values).quantile(share))
    }

    #[test]
    fn nothing_has_no_spread() {
        assert!(Spread::of(Vec::new()).is_none());
    }

    #[test]
    fn quartiles_are_interpolated_between_neighbours() {
        assert_eq!(quartiles(&[7.0]), [7.0, 7.0, 7.0]);
        assert_eq!(quartiles(&[1.0, 2.0]), [1.25, 1.5, 1.75]);
        assert_eq!(quartiles(&[4.0, 1.0, 3.0, 2.0]), [1.75, 2.5, 3.25]);
        assert_eq!(quartiles(&[5.0, 1.0, 4.0, 2.0, 3.0]), [2.0, 3.0, 4.0]);
        assert_eq!(quartiles(&[-1.0, -1.0, -1.0, 9.0]), [-1.0, -1.0, 1.5]);
    }

    #[test]
    fn bins_are_of_equal_width_and_hold_every_value() {
        assert_eq!(spread(&[0.0, 1.0, 2.0, 3.0, 4.0]).bins(4), [1, 1, 1, 2]);
        assert_eq!(spread(&[0.0, 0.9, 1.0, 4.0]).bins(4), [2, 1, 0, 1]);
        assert_eq!(spread(&[-2.0, 2.0]).bins(24).len(), 24);
        assert_eq!(spread(&[3.5, 3.5, 3.5]).bins(24), [3]);
        assert_eq!(spread(&[0.0, -0.0]).bins(24), [2]);
    }

    #[test]
    fn the_way_from_one_end_to_the_other_is_even() {
        assert_eq!([0.0, 0.25, 1.0].map(|part| spread(&[2.0, 3.0, 10.0]).between(part)), [2.0, 4.0, 10.0]);
        assert_eq!(
            [0.0, 0.5, 1.0].map(|part| spread(&[f64::MIN, f64::MAX]).between(part)),
            [f64::MIN, 0.0, f64::MAX]
        );
    }

    #[test]
    fn below_counts_only_what_is_smaller() {
        let four = spread(&[1.0, 2.0, 2.0, 3.0]);
        assert_eq!([0.0, 1.0, 2.0, 2.5, 3.0, 9.0].map(|v| four.below(v)), [0.0, 0.0, 0.25, 0.75, 0.75, 1.0]);
    }

    #[test]
    fn the_ends_of_what_a_double_can_hold_are_no_exception() {
        for ends in [[f64::MIN, f64::MAX], [0.0, f64::from_bits(1)], [-1.0e308, 1.7e308], [1.0, 1.0 + f64::EPSILON]] {
            let two = spread(&ends);
            let bins = two.bins(24);
            assert_eq!((bins[0], bins[23], bins.iter().sum::<usize>()), (1, 1, 2), "{ends:?}");
            for share in [0.25, 0.5, 0.75] {
                assert!((ends[0]..=ends[1]).contains(&two.quantile(share)), "{ends:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn every_value_is_counted_once_and_quartiles_are_in_order(
            values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 1..60)
        ) {
            let spread = spread(&values);
            assert_eq!(spread.bins(24).iter().sum::<usize>(), values.len());
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| spread.quantile(share));
            assert!(spread.min() <= low && low <= middle && middle <= high && high <= spread.max());
            assert!((0.0..=1.0).contains(&spread.below(values[0])));
        }
    }
}
