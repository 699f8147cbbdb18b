//! What a simulated rush showed: a table for people, JSON for programs.

use super::super::world::SimulatedWorld;
use super::measures::{MeasureSlot, Measures};
use super::scenario::ScaleScenario;
use serde::Serialize;
use std::fmt;

/// All that is known about one simulated rush.
#[derive(Clone, Debug, Serialize)]
pub struct ScaleReport {
    /// Locations and isolates in each.
    pub locations: u32,
    /// See [`ScaleReport::locations`].
    pub isolates: u32,
    /// How many buyers came.
    pub buyers: u32,
    /// How many tickets there were at the start.
    pub tickets: u32,
    /// The seed.
    pub seed: u64,
    /// Tickets sold, resold ones each time.
    pub sold: u64,
    /// Tickets free at the end.
    pub unsold: u32,
    /// Attempts of buyers.
    pub asked: u64,
    /// Requests to origins.
    pub origin_requests: u64,
    /// The same for each ticket sold.
    pub requests_per_ticket: f64,
    /// Of these, sent before the last ticket went.
    pub requests_per_ticket_before: f64,
    /// Requests that each node served.
    pub by_node: Vec<u64>,
    /// Calls of the reserve script.
    pub ledger_round_trips: u64,
    /// The rule of the simulator that broke, if one did.
    pub broken: Option<String>,
    /// Answers `busy` while tickets were free; those buyers came back.
    pub early_busy: u64,
    /// Final refusals although tickets had been free for more than a second, or had never run out.
    pub wrong_refusals: u64,
    /// Final refusals within the second after a return.
    pub refusals_by_old_news: u64,
    /// Buyers who gave up.
    pub gave_up: u64,
    /// When the last ticket went for the first time, in milliseconds.
    pub sold_out_ms: Option<u64>,
    /// Time from the sell-out until the last isolate with buyers knew, in milliseconds.
    pub unaware_ms: u64,
    /// Time from a return until the last isolate with buyers knew, in milliseconds.
    pub unaware_of_return_ms: u64,
    /// Time from a return until the ticket was sold again: the longest, in milliseconds.
    pub resold_ms: Option<u64>,
    /// Returned tickets that were not sold again.
    pub unsold_returns: usize,
    /// Part of the buyers and of the sales that were at far locations.
    pub far_share_of_buyers: f64,
    /// See [`ScaleReport::far_share_of_buyers`].
    pub far_share_of_sales: f64,
    /// Until the last event.
    pub seconds: f64,
    /// What happened when, in slots of 50 ms.
    #[serde(skip)]
    pub timeline: Vec<MeasureSlot>,
}

impl ScaleReport {
    pub(super) fn new(
        scenario: &ScaleScenario,
        world: &SimulatedWorld,
        measures: Measures,
    ) -> Self {
        let violation = world.judge.violation.as_ref();
        let each = |n: u64| n as f64 / measures.sold.max(1) as f64;
        Self {
            locations: scenario.locations,
            isolates: scenario.isolates,
            buyers: scenario.buyers,
            tickets: scenario.tickets,
            seed: scenario.seed,
            sold: measures.sold,
            unsold: 0,
            asked: measures.asked,
            origin_requests: world.forwarded,
            requests_per_ticket: each(world.forwarded),
            requests_per_ticket_before: each(measures.forwarded_before),
            by_node: world.nodes.iter().map(|node| node.served).collect(),
            ledger_round_trips: world.redis.batches,
            broken: violation.map(|broken| format!("{}: {}", broken.rule, broken.seen)),
            early_busy: measures.early_busy,
            wrong_refusals: measures.wrong_refusals,
            refusals_by_old_news: measures.old_news,
            gave_up: measures.gave_up,
            sold_out_ms: measures.sold_out.map(|us| us / 1_000),
            unaware_ms: measures.unaware / 1_000,
            unaware_of_return_ms: measures.unaware_of_return / 1_000,
            resold_ms: measures.resold.iter().max().map(|us| us / 1_000),
            unsold_returns: measures.unsold_returns(),
            far_share_of_buyers: 0.0,
            far_share_of_sales: 0.0,
            seconds: 0.0,
            timeline: measures.timeline,
        }
    }

    /// The goals that were missed, each as a sentence.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let mut check = |good: bool, text: String| {
            if !good {
                missed.push(text);
            }
        };
        let per_ticket = self.requests_per_ticket;
        check(
            per_ticket <= 2.0,
            format!("{per_ticket:.2} requests to origins a ticket, the goal is 2"),
        );
        let wrong = self.wrong_refusals;
        check(wrong == 0, format!("{wrong} buyers were refused for good while tickets were free"));
        check(
            self.unaware_ms <= 1_000,
            format!("an edge learned of the sell-out after {} ms", self.unaware_ms),
        );
        check(
            self.unaware_of_return_ms <= 1_000,
            format!("an edge learned of a return after {} ms", self.unaware_of_return_ms),
        );
        let resold = self.resold_ms.unwrap_or(0);
        check(resold <= 1_000, format!("a returned ticket was sold again after {resold} ms"));
        let left = u64::from(self.unsold) + self.gave_up;
        check(left == 0, format!("{left} tickets unsold or buyers without an answer"));
        missed.extend(self.broken.clone());
        missed
    }
}

impl fmt::Display for ScaleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |value: Option<u64>| value.map_or("-".to_owned(), |ms| format!("{ms} ms"));
        let rows = [
            ("tickets sold, unsold", format!("{}, {}", self.sold, self.unsold)),
            ("attempts of buyers", self.asked.to_string()),
            ("requests to origins", self.origin_requests.to_string()),
            ("  a ticket", format!("{:.2}", self.requests_per_ticket)),
            (
                "  of these before the last ticket went",
                format!("{:.2}", self.requests_per_ticket_before),
            ),
            ("  by node", format!("{:?}", self.by_node)),
            ("ledger round trips", self.ledger_round_trips.to_string()),
            ("busy while tickets were free", self.early_busy.to_string()),
            ("final refusals while tickets were free", self.wrong_refusals.to_string()),
            ("  within a second after a return", self.refusals_by_old_news.to_string()),
            ("the last ticket went after", ms(self.sold_out_ms)),
            ("  until the last edge knew", format!("{} ms", self.unaware_ms)),
            ("from a return until it was sold again", ms(self.resold_ms)),
            ("  until the last edge knew", format!("{} ms", self.unaware_of_return_ms)),
            (
                "far edges: part of buyers, of sales",
                format!("{:.3}, {:.3}", self.far_share_of_buyers, self.far_share_of_sales),
            ),
            ("simulated", format!("{:.2} s", self.seconds)),
        ];
        writeln!(
            f,
            "{} locations x {} isolates, {} buyers, {} tickets, seed {}",
            self.locations, self.isolates, self.buyers, self.tickets, self.seed
        )?;
        for (name, value) in rows {
            writeln!(f, "  {name:<42}{value}")?;
        }
        let missed = self.missed();
        if missed.is_empty() {
            return write!(f, "  every goal is met");
        }
        write!(f, "  missed: {}", missed.join("; "))
    }
}
