//! Measures: what is counted while a rush is simulated.

use super::report::{MeasureSlot, SLOT_US, ScaleReport};
use shared::limits::COLD_WAIT_MS;
use std::collections::VecDeque;

/// After a return, an edge may say "no" from an older word for so long (microseconds): the promise.
const NEWS_US: u64 = 1_000_000;
/// While no buyer comes to an isolate for longer than this (microseconds), it has nobody to ask
/// for.
const PAUSE_US: u64 = 100_000;
const NEVER: u64 = u64::MAX;

/// What is counted during one rush, and what the counts need. Times are in microseconds.
#[derive(Debug)]
pub struct Measures {
    pub report: ScaleReport,
    waiting_returns: VecDeque<u64>,
    free_since: Option<u64>,
    edges: Vec<EdgeLag>,
}

/// What one edge knows of the sale.
#[derive(Clone, Debug)]
struct EdgeLag {
    /// Since when it has had arrivals without knowing of the sell-out.
    unaware_since: u64,
    /// Since when it has had arrivals without knowing of the return.
    blind_since: u64,
    /// When a buyer last came.
    last_ask: u64,
    version: u64,
    /// The last 25 ms in which a buyer came, counted from the start, and how many came in them.
    crowd: (u64, u32),
}

impl Measures {
    pub fn new(edges: usize) -> Self {
        let nothing = EdgeLag {
            unaware_since: NEVER,
            blind_since: NEVER,
            last_ask: 0,
            version: 0,
            crowd: (0, 0),
        };
        Self {
            report: ScaleReport::default(),
            waiting_returns: VecDeque::new(),
            free_since: Some(0),
            edges: vec![nothing; edges],
        }
    }

    /// The slot of a moment.
    pub fn slot(&mut self, now: u64) -> &mut MeasureSlot {
        let (index, timeline) = ((now / SLOT_US) as usize, &mut self.report.timeline);
        if timeline.len() <= index {
            timeline.resize(index + 1, MeasureSlot::default());
        }
        &mut timeline[index]
    }

    /// A buyer comes to an edge; `latched` = it refuses from memory.
    pub fn ask(&mut self, edge: usize, latched: bool, free: u32, version: u64, now: u64) {
        self.report.asked += 1;
        self.slot(now).asked += 1;
        let sold_out = self.report.sold_out_ms.is_some();
        let edge = &mut self.edges[edge];
        let wait = now / (COLD_WAIT_MS * 1_000);
        edge.crowd = (wait, if edge.crowd.0 == wait { edge.crowd.1 + 1 } else { 1 });
        if free > 0 {
            self.report.crowd_max = self.report.crowd_max.max(edge.crowd.1);
        }
        let idle = now - std::mem::replace(&mut edge.last_ask, now);
        let pause = if idle > PAUSE_US { idle } else { 0 };
        if edge.unaware_since != NEVER {
            edge.unaware_since += pause;
        } else if free == 0 && sold_out && !latched {
            edge.unaware_since = now;
        }
        if edge.blind_since != NEVER {
            edge.blind_since += pause;
        } else if free > 0 && latched && edge.version < version {
            edge.blind_since = now;
        }
    }

    /// An edge received a grant of `version`; `latched` = it refuses from memory since.
    pub fn observed(&mut self, edge: usize, latched: bool, version: u64, now: u64) {
        let (edge, report) = (&mut self.edges[edge], &mut self.report);
        let longest = |most: &mut u64, since: &mut u64| {
            let since = std::mem::replace(since, NEVER);
            *most = (*most).max(now.saturating_sub(since) / 1_000);
        };
        if version > edge.version {
            edge.version = version;
            longest(&mut report.unaware_of_return_ms, &mut edge.blind_since);
        }
        if latched {
            longest(&mut report.unaware_ms, &mut edge.unaware_since);
        }
    }

    /// An edge has a new isolate, which knows nothing.
    pub fn reset(&mut self, edge: usize) {
        let edge = &mut self.edges[edge];
        (edge.version, edge.blind_since, edge.unaware_since) = (0, NEVER, NEVER);
    }

    /// A buyer sees a final "no" from a hint.
    pub fn refuse(&mut self, free: u32, now: u64) {
        let Some(since) = self.free_since.filter(|_| free > 0) else {
            return;
        };
        if self.report.sold_out_ms.is_some() && now - since <= NEWS_US {
            self.report.refusals_by_old_news += 1;
        } else {
            self.report.wrong_refusals += 1;
        }
    }

    /// Tickets were sold and so many are free now; edges have forwarded so many requests.
    pub fn sell(&mut self, tickets: u32, free: u32, forwarded: u64, now: u64) {
        let report = &mut self.report;
        report.sold += u64::from(tickets);
        for _ in 0..tickets {
            if let Some(since) = self.waiting_returns.pop_front() {
                report.resold_ms = report.resold_ms.max(Some((now - since) / 1_000));
            }
        }
        if tickets > 0 && free == 0 {
            if report.sold_out_ms.is_none() {
                report.sold_out_ms = Some(now / 1_000);
                report.origin_requests_before = forwarded;
            }
            self.free_since = None;
            // Whoever had not received of the return by now has nothing to hear.
            self.edges.iter_mut().for_each(|edge| edge.blind_since = NEVER);
        }
        self.slot(now).sold += tickets;
    }

    /// Tickets came back or were added.
    pub fn give_back(&mut self, tickets: u32, now: u64) {
        self.waiting_returns.extend((0..tickets).map(|_| now));
        if tickets > 0 {
            self.free_since.get_or_insert(now);
            self.edges.iter_mut().for_each(|edge| edge.unaware_since = NEVER);
        }
    }

    /// Returned tickets that nobody has bought yet.
    pub fn unsold_returns(&self) -> usize {
        self.waiting_returns.len()
    }
}
