//! How long sessions take: averages, maxima and percentiles.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Sessions over which averages run, as HAProxy's `TIME_STATS_SAMPLES` has it.
const SAMPLES: u64 = 512;

/// A moving average of times, and the longest.
#[derive(Debug, Default)]
pub struct Average {
    // SAMPLES times the average, in milliseconds.
    sum: AtomicU64,
    max: AtomicU32,
}

impl Average {
    /// Takes a time.
    pub fn add(&self, time: Duration) {
        let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let sum = |sum: u64| sum - sum.div_ceil(SAMPLES) + u64::from(millis);
        // The update never gives up.
        let _ = self.sum.fetch_update(Relaxed, Relaxed, |before| Some(sum(before)));
        self.max.fetch_max(millis, Relaxed);
    }

    /// The average over the last sessions, in milliseconds.
    pub fn millis(&self) -> u64 {
        self.sum.load(Relaxed).div_ceil(SAMPLES)
    }

    /// The longest, in milliseconds.
    pub fn max_millis(&self) -> u32 {
        self.max.load(Relaxed)
    }

    /// Forgets the longest.
    pub fn reset_max(&self) {
        self.max.store(0, Relaxed);
    }
}

/// Halves of each power of two, as a power of two: values are right within 1/32.
const PRECISION: u32 = 5;

/// Powers of two that are told apart: up to 2^36 microseconds, 19 hours.
const MAGNITUDES: u32 = 36 - PRECISION;

const BUCKETS: usize = ((MAGNITUDES as usize) + 1) << PRECISION;

/// A histogram of times in the layout of HdrHistogram: each power of two in so many equal parts. The counts are
/// atomics, which that crate's are not: all workers write to one histogram without a lock.
#[derive(Debug)]
pub struct Histogram {
    counts: Box<[AtomicU32]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect() }
    }
}

impl Histogram {
    /// Takes a time.
    pub fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get(bucket(micros)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The times below which these shares of all times lie, shares in ten thousandths and ascending; None: nothing was
    /// taken yet.
    pub fn quantiles<const N: usize>(&self, shares: [u32; N]) -> Option<[Duration; N]> {
        let counts: Vec<u64> = self.counts.iter().map(|count| u64::from(count.load(Relaxed))).collect();
        let total: u64 = counts.iter().sum();
        let (mut bucket, mut seen) = (0, 0);
        let quantile = |share: u32| {
            let wanted = (total * u64::from(share)).div_ceil(10_000).max(1);
            while seen < wanted {
                seen += counts.get(bucket).copied().unwrap_or(wanted);
                bucket += 1;
            }
            Duration::from_micros(highest(bucket.saturating_sub(1)))
        };
        (total > 0).then(|| shares.map(quantile))
    }

    /// Begins again.
    pub fn reset(&self) {
        self.counts.iter().for_each(|count| count.store(0, Relaxed));
    }
}

// The bucket of a time: its magnitude and its leading bits.
fn bucket(micros: u64) -> usize {
    let magnitude = (u64::BITS - micros.leading_zeros()).saturating_sub(PRECISION + 1);
    let leading = micros >> magnitude;
    let index = (u64::from(magnitude) << PRECISION) + leading;
    usize::try_from(index).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

// The highest time of a bucket.
fn highest(bucket: usize) -> u64 {
    let (magnitude, leading) = match bucket >> PRECISION {
        0 | 1 => (0, bucket as u64),
        high => (high as u32 - 1, (bucket & ((1 << PRECISION) - 1)) as u64 + (1 << PRECISION)),
    };
    ((leading + 1) << magnitude) - 1
}

/// The times of the phases of sessions.
#[derive(Debug, Default)]
pub struct Times {
    /// `qtime`: in queues.
    pub queue: Average,
    /// `ctime`: connecting.
    pub connect: Average,
    /// `rtime`: until the response's head.
    pub response: Average,
    /// `ttime`: altogether.
    pub total: Average,
    /// The distribution of what `total` averages.
    pub distribution: Histogram,
}

impl Times {
    /// Forgets the longest times.
    pub fn reset_max(&self) {
        [&self.queue, &self.connect, &self.response, &self.total].into_iter().for_each(Average::reset_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_average_approaches_what_is_steady() {
        let average = Average::default();
        (0..10_000).for_each(|_| average.add(Duration::from_millis(40)));
        assert_eq!((average.millis(), average.max_millis()), (40, 40));
        (0..10_000).for_each(|_| average.add(Duration::ZERO));
        assert_eq!((average.millis(), average.max_millis()), (0, 40));
    }

    #[test]
    fn percentiles_lie_where_they_should() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantiles([5000]), None);
        (1..=1000).for_each(|millis| histogram.add(Duration::from_millis(millis)));
        let [median, high, most] = histogram.quantiles([5000, 9900, 10_000]).unwrap();
        for (got, wanted) in [(median, 500.0), (high, 990.0), (most, 1000.0)] {
            let got = got.as_secs_f64() * 1000.0;
            assert!((got / wanted - 1.0).abs() < 0.04, "{got} for {wanted}");
        }
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_times(micros in 0_u64..1 << 36) {
            let bucket = bucket(micros);
            let top = highest(bucket);
            prop_assert!(top >= micros && top - micros <= micros / 32, "{micros} in {bucket}, up to {top}");
            prop_assert!(bucket == 0 || highest(bucket - 1) < micros);
        }

        #[test]
        fn any_time_has_a_bucket(micros: u64) {
            prop_assert!(bucket(micros) < BUCKETS);
        }
    }
}
