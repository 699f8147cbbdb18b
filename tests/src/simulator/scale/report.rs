//! Report: what a simulated rush showed: a table for people, JSON for programs.

use serde::Serialize;
use shared::limits::{COLD_WAIT_MS, GATEWAY_GRANTED_WAITS_MAX};
use std::fmt;

/// Length of one slot of the timeline, in microseconds.
pub const SLOT_US: u64 = 50_000;

/// What happened within one slot.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeasureSlot {
    /// Buyers who came, for the first time or again.
    pub asked: u32,
    /// Requests that reached a node.
    pub reached: u32,
    /// Tickets sold.
    pub sold: u32,
}

/// All that is known about one simulated rush.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ScaleReport {
    /// How many gateways there were in the place of locations and isolates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateways: Option<u32>,
    pub locations: u32,
    /// Isolates in each location.
    pub isolates: u32,
    pub buyers: u32,
    /// How many tickets there were at the start.
    pub tickets: u32,
    pub seed: u64,
    /// Tickets sold, resold ones each time.
    pub sold: u64,
    /// Tickets free at the end.
    pub unsold: u32,
    /// Attempts of buyers.
    pub asked: u64,
    /// Requests to origins.
    pub origin_requests: u64,
    /// Of these, sent before the last ticket went for the first time.
    pub origin_requests_before: u64,
    /// Requests that each node served.
    pub by_node: Vec<u64>,
    /// Calls of the reserve script.
    pub ledger_round_trips: u64,
    /// Answers `busy` while tickets were free; those buyers came back.
    pub early_busy: u64,
    /// Most attempts that came to one edge in 25 ms while tickets were free.
    pub crowd_max: u32,
    /// Final refusals although tickets had been free for more than a second, or had never run out.
    pub wrong_refusals: u64,
    /// Final refusals within the second after a return, from an older word.
    pub refusals_by_old_news: u64,
    pub gave_up: u64,
    /// When the last ticket went for the first time.
    pub sold_out_ms: Option<u64>,
    /// Longest time from a sell-out, or an edge's first buyer after it, until the edge knew.
    pub unaware_ms: u64,
    /// Longest time from a return, or an edge's first buyer after it, until the edge knew.
    pub unaware_of_return_ms: u64,
    /// Longest time from a return until the ticket was sold again.
    pub resold_ms: Option<u64>,
    /// Returned tickets that were not sold again.
    pub unsold_returns: usize,
    /// Part of the buyers, and of the sales, that were at far locations.
    pub far_share_of_buyers: f64,
    pub far_share_of_sales: f64,
    /// Until the last event.
    pub seconds: f64,
    /// The rule of the simulator that broke, if one did.
    pub broken: Option<String>,
    #[serde(skip)]
    pub timeline: Vec<MeasureSlot>,
}

impl ScaleReport {
    fn for_each_ticket(&self, count: u64) -> f64 {
        count as f64 / self.sold.max(1) as f64
    }

    /// Requests to origins for each ticket sold.
    pub fn requests_per_ticket(&self) -> f64 {
        self.for_each_ticket(self.origin_requests)
    }

    /// Of these, sent before the last ticket went.
    pub fn requests_per_ticket_before(&self) -> f64 {
        self.for_each_ticket(self.origin_requests_before)
    }

    /// Whether more came to a gateway at once than it lets wait: then it tells some of them `busy`.
    fn is_crowded(&self) -> bool {
        self.crowd_max > GATEWAY_GRANTED_WAITS_MAX
    }

    /// Where the crowd came to.
    pub fn edges(&self) -> String {
        match self.gateways {
            Some(gateways) => format!("{gateways} gateways"),
            None => format!("{} locations x {} isolates", self.locations, self.isolates),
        }
    }

    /// The same without locations.
    pub fn edges_in_all(&self) -> String {
        match self.gateways {
            Some(_) => self.edges(),
            None => format!("{} isolates", self.locations * self.isolates),
        }
    }

    fn early_busy_and_why(&self) -> String {
        if self.gateways.is_none() || self.early_busy == 0 {
            return self.early_busy.to_string();
        }
        format!(
            "{}; {} came to one gateway within {COLD_WAIT_MS} ms, {GATEWAY_GRANTED_WAITS_MAX} \
             may begin to wait",
            self.early_busy, self.crowd_max
        )
    }

    /// The goals that were missed, each as a sentence.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let mut check = |good: bool, text: String| {
            if !good {
                missed.push(text);
            }
        };
        let per_ticket = self.requests_per_ticket();
        let goal = if self.gateways.is_some() { 1.2 } else { 2.0 };
        check(
            per_ticket <= goal,
            format!("{per_ticket:.2} requests to origins a ticket, the goal is {goal}"),
        );
        check(
            self.gateways.is_none() || self.early_busy == 0 || self.is_crowded(),
            format!("{} heard busy while tickets were free and places, too", self.early_busy),
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
            ("  a ticket", format!("{:.2}", self.requests_per_ticket())),
            (
                "  of these before the last ticket went",
                format!("{:.2}", self.requests_per_ticket_before()),
            ),
            ("  by node", format!("{:?}", self.by_node)),
            ("ledger round trips", self.ledger_round_trips.to_string()),
            ("busy while tickets were free", self.early_busy_and_why()),
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
            "{}, {} buyers, {} tickets, seed {}",
            self.edges(),
            self.buyers,
            self.tickets,
            self.seed
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
