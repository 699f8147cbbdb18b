//! Locations and their isolates: real gates and a real router in each, on clocks of their own.

use super::scenario::ScaleScenario;
use fastrand::Rng;
use shared::upstream::balancer::{Balance, OriginRow, Router};
use shared::{EdgeId, Gates, Grant};

/// One way from a far location to the nodes.
pub const FAR_MS: u64 = 150;
/// A late message is late by at most this.
pub const LATE_MS: u64 = 400;
/// One way from a near location: at least, and at most.
const NEAR_MS: (u64, u64) = (3, 90);
/// Edges' clocks differ by up to this, in milliseconds. Nothing may depend on it.
const SKEW_MS: u64 = 3_000;

/// One location.
#[derive(Debug)]
pub struct Location {
    one_way_us: u64,
    /// The last "nothing is free" that an isolate heard here, and when (microseconds).
    pub word: Option<(Grant, u64)>,
}

/// One isolate.
#[derive(Debug)]
pub struct ScaleIsolate {
    /// What the nodes know it by; a fresh one after each reset.
    pub id: EdgeId,
    /// How often it was reset.
    pub lives: u32,
    /// The gates.
    pub gates: Gates,
    /// The router.
    pub router: Router,
    /// Requests that it has at hand: forwarded or waiting a beat.
    pub busy: u32,
    /// Its clock is ahead by so much.
    pub skew_ms: u64,
}

impl Location {
    /// A location at a distance drawn for it.
    pub fn new(scenario: &ScaleScenario, rng: &mut Rng) -> Self {
        let far = rng.f64() < scenario.far;
        let one_way_ms = if far { FAR_MS } else { rng.u64(NEAR_MS.0..=NEAR_MS.1) };
        Self { one_way_us: one_way_ms * 1_000, word: None }
    }

    /// Whether it is one of the far ones.
    #[must_use]
    pub const fn is_far(&self) -> bool {
        self.one_way_us >= FAR_MS * 1_000
    }

    /// How long one message takes one way, in microseconds.
    pub fn travel(&self, scenario: &ScaleScenario, rng: &mut Rng) -> u64 {
        let jitter = rng.u64(..=self.one_way_us / 10 + 1_000);
        let late = if rng.f64() < scenario.late { rng.u64(..LATE_MS * 1_000) } else { 0 };
        self.one_way_us + jitter + late
    }
}

impl ScaleIsolate {
    /// A fresh isolate.
    pub fn new(weights: &[u32], number: u32, rng: &mut Rng) -> Self {
        Self {
            id: EdgeId::parse(&format!("i{number}l0")).expect("an edge id"),
            lives: 0,
            gates: Gates::default(),
            router: router(weights, rng.f64()),
            busy: 0,
            skew_ms: rng.u64(..=SKEW_MS),
        }
    }

    /// Forgets everything, as after an eviction or a trap.
    pub fn reset(&mut self, weights: &[u32], number: u32, rng: &mut Rng) {
        self.lives += 1;
        self.id = EdgeId::parse(&format!("i{number}l{}", self.lives)).expect("an edge id");
        self.gates = Gates::default();
        self.router = router(weights, rng.f64());
    }
}

fn router(weights: &[u32], start: f64) -> Router {
    let rows = weights
        .iter()
        .enumerate()
        .map(|(i, weight)| OriginRow::new(format!("http://node-{i}"), *weight))
        .collect();
    Router::new(rows, Balance::RoundRobin, None).expect("a valid table").starting_at(start)
}
