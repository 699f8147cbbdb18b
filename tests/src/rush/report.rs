//! The report of one rush: JSON for programs, and a table for people.

use super::faults::RedisCut;
use crate::harness::{AuditRun, Edge};
use crate::load::reply::AnsweredBy;
use crate::load::{LoadProtocol, LoadTally, Percentiles, SeatVerdict};
use anyhow::Result;
use serde::Serialize;
use std::fmt::{self, Display};

/// All that is known about one rush.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// How many buyers came.
    pub buyers: u64,
    /// How many tickets there were.
    pub tickets: u64,
    /// Buyers with a ticket.
    pub granted: u64,
    /// Buyers who were refused for good.
    pub refused_final: u64,
    /// Answers `busy`, each followed by a further attempt with the same key.
    pub busy_retries: u64,
    /// Buyers without a final answer, or with one that nobody should get.
    pub errors: u64,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Final answers by the tier that decided.
    pub answered_by: AnsweredBy,
    /// Order requests that reached a node.
    pub origin_requests: u64,
    /// Calls of the reserve script.
    pub ledger_round_trips: u64,
    /// The ledger's own account.
    pub audit: AuditRun,
    /// Everything else.
    #[serde(flatten)]
    pub more: More,
}

/// What helps to understand and repeat a rush.
#[derive(Clone, Debug, Serialize)]
pub struct More {
    /// The sentences that make the rush a failed one.
    pub violations: Vec<String>,
    /// Whether each key was compared with the ledger (else only their number).
    pub compared_with_ledger: bool,
    /// What was sold of the plan, if the sale has one; tickets are its seats on legs then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<SeatVerdict>,
    /// What the cut of Redis' file took, if it was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis_cut: Option<RedisCut>,
    /// Order requests that reached a node, for each ticket sold.
    pub origin_requests_per_ticket: f64,
    /// Calls of the reserve script, for each ticket sold.
    pub ledger_round_trips_per_ticket: f64,
    /// All attempts.
    pub requests: u64,
    /// Attempts repeated because the answer was lost or the outcome unknown.
    pub lost_answers: u64,
    /// Attempts repeated for another reason, such as `unavailable`.
    pub other_retries: u64,
    /// Processor time of the generator for each attempt, in microseconds.
    pub generator_cpu_us: f64,
    /// Connections opened, reopened ones included.
    pub connections_opened: u64,
    /// All answers by the tier that decided, `busy` included.
    pub all_answered_by: AnsweredBy,
    /// Times in milliseconds.
    pub latency_ms: Latency,
    /// By node.
    pub nodes: Vec<NodeReport>,
    /// The sale.
    pub sale: String,
    /// What ran the edge.
    pub edge: Edge,
    /// How many edges ran.
    pub edges: usize,
    /// How many processes shared the port of each.
    pub workers: u16,
    /// How many connections carried the buyers; with HTTP/2, requests under way at the same time.
    pub connections: u32,
    /// What the buyers spoke.
    pub protocol: LoadProtocol,
    /// What the keys followed from.
    pub seed: u64,
    /// The commit of the checkout, `-dirty` when it was changed.
    pub commit: String,
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// The attempt that got a ticket.
    pub granted: Percentiles,
    /// The attempt that was refused for good.
    pub refused: Percentiles,
    /// From a buyer's first attempt to the ticket.
    pub to_ticket: Percentiles,
}

impl Latency {
    /// From the histograms of a tally.
    pub fn of(tally: &LoadTally) -> Self {
        Self {
            granted: Percentiles::of(&tally.granted_us),
            refused: Percentiles::of(&tally.refused_us),
            to_ticket: Percentiles::of(&tally.ticket_us),
        }
    }
}

/// One node's part.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NodeReport {
    /// Its number.
    pub id: u32,
    /// Its weight.
    pub weight: u32,
    /// Order requests that reached it. Of a killed node: the lines of its `stat.log`.
    pub requests: u64,
    /// Calls of the reserve script that it made. Of a killed node: not known, 0.
    pub round_trips: u64,
    /// Whether it was killed in the middle.
    pub killed: bool,
}

/// `part / whole`, 0 when there is no whole.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0
}

impl LoadReport {
    /// Whether the promise was kept.
    pub const fn is_good(&self) -> bool {
        self.more.violations.is_empty()
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let by = |by: AnsweredBy| {
            let [edge, origin, ledger] = [by.edge, by.origin, by.ledger].map(thousands);
            format!("edge {edge}, origin {origin}, ledger {ledger}")
        };
        let times = |p: Percentiles| {
            format!("p50 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1} ms", p.p50, p.p99, p.p999, p.max)
        };
        let (audit, more) = (&self.audit, &self.more);
        let nodes: Vec<String> = more.nodes.iter().map(ToString::to_string).collect();
        let rate = self.buyers as f64 / self.seconds.max(0.001);
        let account = format!(
            "capacity {} = free {} + held {} + confirmed {}, {}",
            thousands(audit.capacity),
            thousands(audit.free),
            thousands(audit.held),
            thousands(audit.confirmed),
            if audit.ok { "ok" } else { "NOT ok" }
        );
        let requests = thousands(self.origin_requests);
        let trips = thousands(self.ledger_round_trips);
        let mut rows = vec![("buyers", thousands(self.buyers))];
        rows.extend(
            more.plan
                .as_ref()
                .map_or_else(|| vec![("tickets", thousands(self.tickets))], rows_of_plan),
        );
        rows.extend([
            ("granted", thousands(self.granted)),
            ("refused, final", thousands(self.refused_final)),
            ("busy, asked again", thousands(self.busy_retries)),
            ("answers lost, asked again", thousands(more.lost_answers)),
            ("errors", thousands(self.errors)),
            ("seconds", format!("{:.2} ({rate:.0} buyers a second)", self.seconds)),
            ("final answers by", by(self.answered_by)),
            ("all answers by", by(more.all_answered_by)),
            (
                "origin requests",
                format!("{requests} ({:.2} a ticket)", more.origin_requests_per_ticket),
            ),
            (
                "ledger round trips",
                format!("{trips} ({:.3} a ticket)", more.ledger_round_trips_per_ticket),
            ),
            ("requests by node", nodes.join(", ")),
            ("answer with a ticket", times(more.latency_ms.granted)),
            ("answer without", times(more.latency_ms.refused)),
            ("from coming to ticket", times(more.latency_ms.to_ticket)),
            ("generator", format!("{:.1} us processor time a request", more.generator_cpu_us)),
            ("audit", account),
        ]);
        rows.extend(more.redis_cut.as_ref().map(row_of_cut));
        rows
    }
}

fn rows_of_plan(plan: &SeatVerdict) -> Vec<(&'static str, String)> {
    let (sold, all) = (plan.seat_legs_sold, plan.seat_legs);
    let part = ratio(sold, all) * 100.0;
    let refusals = plan.refusals.iter();
    let refusals: Vec<_> = refusals.map(|(why, n)| format!("{why} {}", thousands(*n))).collect();
    vec![
        ("seat-legs", format!("{} sold of {} ({part:.1} %)", thousands(sold), thousands(all))),
        ("tickets", thousands(plan.tickets_sold)),
        ("answers no", refusals.join(", ")),
    ]
}

fn row_of_cut(cut: &RedisCut) -> (&'static str, String) {
    let after = |ms: Option<u64>| ms.map_or("never".to_owned(), |ms| format!("after {ms} ms"));
    let text = format!(
        "{} bytes when {} were sold: {} orders, {} of them told; Redis back {}, sold again {}",
        thousands(cut.bytes),
        thousands(cut.sold_before),
        thousands(cut.orders_lost),
        thousands(cut.told),
        after(cut.redis_back_ms),
        after(cut.sells_again_ms),
    );
    ("Redis' file cut", text)
}

impl Display for NodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let killed = if self.killed { " (killed)" } else { "" };
        write!(f, "{}: {}{killed}", self.id, thousands(self.requests))
    }
}

impl Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in rows {
            writeln!(f, "  {name:width$}  {value}")?;
        }
        Ok(())
    }
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_ratios_rounded() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([ratio(1, 3), ratio(5, 0)], [0.3333, 0.0]);
    }
}
