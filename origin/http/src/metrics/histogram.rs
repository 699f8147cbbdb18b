//! A histogram of fixed buckets. Recording is two atomic additions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of a duration's buckets, in microseconds: five a decade, so that an estimated
/// percentile is off by a quarter at most.
pub const MICROSECONDS: &[u64] = &[
    100, 160, 250, 400, 630, 1_000, 1_600, 2_500, 4_000, 6_300, 10_000, 16_000, 25_000, 40_000,
    63_000, 100_000, 160_000, 250_000, 400_000, 630_000, 1_000_000, 1_600_000, 2_500_000,
];
/// Upper bounds of the buckets of batch sizes, in orders; the last is a full batch.
pub const ORDERS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// Counts values by bucket.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: what lies above the last.
    buckets: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Histogram {
    /// One with these upper bounds.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }

    /// Counts one value.
    pub fn record(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts one duration in microseconds.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was counted so far.
    #[must_use]
    pub fn reading(&self) -> Reading {
        Reading {
            bounds: self.bounds,
            buckets: self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// A histogram at one moment.
#[derive(Clone, Debug)]
pub struct Reading {
    bounds: &'static [u64],
    buckets: Vec<u64>,
    /// Sum of all values.
    pub sum: u64,
}

impl Reading {
    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// For each bound, how many values were not above it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        self.bounds.iter().zip(&self.buckets).map(move |(bound, count)| {
            below += count;
            (*bound, below)
        })
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&earlier.buckets);
        Self {
            bounds: self.bounds,
            buckets: buckets.map(|(now, then)| now.saturating_sub(*then)).collect(),
            sum: self.sum.saturating_sub(earlier.sum),
        }
    }

    /// The value that the share `q` (0.0 to 1.0) of all values is not above, estimated within its
    /// bucket; `None` when nothing was counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
        let mut below = 0;
        let mut floor = 0;
        for (bound, in_bucket) in self.bounds.iter().zip(&self.buckets) {
            if below + in_bucket >= rank {
                let part = (rank - below) as f64 / *in_bucket as f64;
                return Some(floor + ((bound - floor) as f64 * part).round() as u64);
            }
            below += in_bucket;
            floor = *bound;
        }
        // Above the last bound nothing more is known.
        Some(floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_in_the_first_bucket_that_is_not_below_it() {
        let sizes = Histogram::new(ORDERS);
        for size in [1, 2, 3, 1_024, 5_000] {
            sizes.record(size);
        }
        let reading = sizes.reading();
        let cumulative: Vec<_> = reading.cumulative().collect();
        assert_eq!(cumulative[..3], [(1, 1), (2, 2), (4, 3)]);
        assert_eq!(cumulative.last(), Some(&(1_024, 4)));
        assert_eq!((reading.count(), reading.sum), (5, 6_030));
    }

    #[test]
    fn a_percentile_lies_within_its_bucket_and_one_of_nothing_is_none() {
        let times = Histogram::new(MICROSECONDS);
        assert_eq!(times.reading().quantile(0.5), None);
        for _ in 0..99 {
            times.record(300);
        }
        times.record_duration(Duration::from_secs(60));
        let reading = times.reading();
        let median = reading.quantile(0.5).unwrap();
        assert!((250..=400).contains(&median), "{median}");
        assert_eq!(reading.quantile(1.0), Some(2_500_000));
    }

    #[test]
    fn a_window_has_only_what_came_since_its_beginning() {
        let times = Histogram::new(MICROSECONDS);
        times.record(5_000_000);
        let before = times.reading();
        times.record(90);
        let window = times.reading().since(&before);
        assert_eq!((window.count(), window.sum), (1, 90));
        assert!(window.quantile(0.99).unwrap() <= 100);
    }
}
