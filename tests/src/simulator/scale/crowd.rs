//! Crowd: who comes when and where.

use super::scenario::ScaleScenario;
use fastrand::Rng;

/// The buyers of one scenario: each has a moment and a location.
#[derive(Debug)]
pub struct Crowd {
    /// Microseconds from the start, in order.
    times: Vec<u64>,
    /// For each location, the share of it and those before it.
    shares: Vec<f64>,
}

impl Crowd {
    pub fn new(scenario: &ScaleScenario, rng: &mut Rng) -> Self {
        let (burst, tail) = (scenario.burst_ms * 1_000, scenario.tail_ms * 1_000);
        let mut times: Vec<u64> = (0..scenario.buyers)
            .map(|_| {
                if rng.f64() < scenario.tail {
                    burst + rng.u64(..tail.max(1))
                } else {
                    rng.u64(..burst.max(1))
                }
            })
            .collect();
        times.sort_unstable();
        let mut sum = 0.0;
        let shares = (1..=scenario.locations)
            .map(|rank| {
                sum += f64::from(rank).powf(-scenario.zipf);
                sum
            })
            .collect();
        Self { times, shares }
    }

    /// When buyer `number` comes, in microseconds from the start.
    pub fn time(&self, number: u32) -> Option<u64> {
        self.times.get(number as usize).copied()
    }

    /// Draws the location of a buyer: 0 is the busiest.
    pub fn location(&self, rng: &mut Rng) -> u32 {
        let all = self.shares.last().copied().unwrap_or(1.0);
        let drawn = rng.f64() * all;
        let index = self.shares.partition_point(|share| *share <= drawn);
        u32::try_from(index.min(self.shares.len() - 1)).unwrap_or(0)
    }
}
