//! Setup of a rush: how far the edges are, what they let wait, how quick nodes and Redis are.

use super::super::network::{Delay, Delays};
use super::super::world::{LIMITS, SimulatedSetup};
use super::scenario::ScaleScenario;
use fastrand::Rng;
use shared::edge::state::EdgeLimits;
use shared::{Terms, UnixMillis};

/// The crowd comes when the nodes have counted each other, in microseconds after the start.
pub(super) const WARM_UP: u64 = 2_000_000;
/// One way from a far location to the nodes.
pub(super) const FAR_MS: u64 = 150;
/// A late message is late by at most this.
const LATE_MS: u64 = 400;
/// One way from a near location: at least, and at most.
const NEAR_MS: (u64, u64) = (3, 90);
/// The same from a gateway, which stands beside the nodes.
const BESIDE_MS: (u64, u64) = (0, 1);
/// One way between a node and Redis, in microseconds.
const REDIS_US: Delay = Delay::from_to(80, 220);
/// What one call takes in Redis and its log, and each order of it, in microseconds.
const REDIS_CALL_US: (u64, u64) = (400, 12);

/// One way from each location to the nodes.
pub(super) fn one_way_ms(scenario: &ScaleScenario, rng: &mut Rng) -> Vec<u64> {
    let (least, most) = if scenario.gateways.is_some() { BESIDE_MS } else { NEAR_MS };
    let one_way = |_| {
        let far = rng.f64() < scenario.far;
        if far { FAR_MS } else { rng.u64(least..=most) }
    };
    (0..scenario.locations).map(one_way).collect()
}

/// The system of one rush, whose locations are so far from the nodes.
pub(super) fn setup(scenario: &ScaleScenario, one_way_ms: &[u64]) -> SimulatedSetup {
    let opens_at = match scenario.opens_ms {
        0 => UnixMillis(0),
        ms => UnixMillis(WARM_UP / 1_000 + ms),
    };
    let delays = one_way_ms.iter().flat_map(|ms| {
        let delay = Delay { least_us: ms * 1_000, spread_us: ms * 100 + 1_000 };
        std::iter::repeat_n(delay, scenario.isolates as usize)
    });
    SimulatedSetup {
        seed: scenario.seed,
        capacity: scenario.tickets,
        plan: None,
        terms: Terms { opens_at, ..Terms::default() },
        open: scenario.opens_ms == 0,
        weights: scenario.weights.clone(),
        delays: Delays {
            clients: Delay::NONE,
            edges: delays.collect(),
            redis: REDIS_US,
            late: Some((scenario.late, LATE_MS * 1_000)),
        },
        limits: limits(scenario),
        service_us: scenario.service_us,
        redis_call_us: Some(REDIS_CALL_US),
        // A message that is later than an edge waits for is a fault like any other.
        settled: if scenario.late == 0.0 { WARM_UP } else { u64::MAX },
        calm: false,
        cuts_the_tail: false,
        far_ms: FAR_MS + LATE_MS,
    }
}

/// What may be under way at one edge.
fn limits(scenario: &ScaleScenario) -> EdgeLimits {
    let of = if scenario.gateways.is_some() { EdgeLimits::GATEWAY } else { LIMITS };
    EdgeLimits { orders: scenario.under_way, calls: LIMITS.calls, ..of }
}
