//! What a simulated rush is made of.

use shared::domain::order::KeySource;

/// One simulated rush. Times are in milliseconds from its start.
#[derive(Clone, Debug)]
pub struct ScaleScenario {
    /// Locations of the edge.
    pub locations: u32,
    /// Isolates in each.
    pub isolates: u32,
    /// How many buyers come, each for one ticket.
    pub buyers: u32,
    /// How many tickets there are.
    pub tickets: u32,
    /// All else follows from it.
    pub seed: u64,
    /// How much the first location has over the second and so on: a location's share is `1 / rank ^ zipf`.
    pub zipf: f64,
    /// The burst: all but the tail come evenly within this time.
    pub burst_ms: u64,
    /// Part of the buyers who come evenly over [`ScaleScenario::tail_ms`] after the burst.
    pub tail: f64,
    /// See [`ScaleScenario::tail`].
    pub tail_ms: u64,
    /// Where the buyers' order ids come from.
    pub key: KeySource,
    /// When the sale opens by itself; 0 = it is open.
    pub opens_ms: u64,
    /// Tickets that are given back, and when.
    pub returns: Vec<(u64, u32)>,
    /// Tickets by which the capacity grows, and when.
    pub restocks: Vec<(u64, u32)>,
    /// Part of the isolates that is evicted, or restarts after a trap, each second.
    pub evictions: f64,
    /// Part of the locations that lie far away: [`super::location::FAR_MS`] one way.
    pub far: f64,
    /// Part of the messages that are late by up to [`super::location::LATE_MS`] and so overtaken by others.
    pub late: f64,
    /// Weights of the nodes.
    pub weights: Vec<u32>,
    /// What a node needs for one request, in microseconds.
    pub service_us: u64,
    /// Whether the isolates of a location tell each other that nothing is free, and how old such a word may
    /// be (Cache API).
    pub shared_word_ms: Option<u64>,
}

impl Default for ScaleScenario {
    fn default() -> Self {
        Self {
            locations: 300,
            isolates: 20,
            buyers: 1_000_000,
            tickets: 10_000,
            seed: 1,
            zipf: 1.0,
            burst_ms: 1_000,
            tail: 0.0,
            tail_ms: 5_000,
            key: KeySource::Made,
            opens_ms: 0,
            returns: Vec::new(),
            restocks: Vec::new(),
            evictions: 0.0,
            far: 0.05,
            late: 0.02,
            weights: vec![1, 2, 3, 4],
            service_us: 25,
            shared_word_ms: None,
        }
    }
}
