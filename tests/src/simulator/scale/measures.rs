//! What is counted while a rush is simulated.

use serde::Serialize;

/// Length of one slot of the timeline, in microseconds.
pub const SLOT_US: u64 = 50_000;
/// After a return, an edge may say "no" from an older word for so long (microseconds): the promise.
const NEWS_US: u64 = 1_000_000;
/// While no buyer comes to an isolate for longer than this (microseconds), it has nobody to ask
/// for.
const PAUSE_US: u64 = 100_000;
const NEVER: u64 = u64::MAX;

/// What happened within one slot.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct MeasureSlot {
    /// Buyers who came, for the first time or again.
    pub asked: u32,
    /// Requests that reached a node.
    pub reached: u32,
    /// Tickets sold.
    pub sold: u32,
}

/// Counts and times of one rush. Times are in microseconds.
#[derive(Debug)]
pub struct Measures {
    /// Attempts of buyers.
    pub asked: u64,
    /// Requests that edges had forwarded when the last ticket went for the first time.
    pub forwarded_before: u64,
    /// Tickets sold, resold ones each time.
    pub sold: u64,
    /// `busy` while tickets were free.
    pub early_busy: u64,
    /// Final refusals of a kind that must not be: tickets had been free for longer than a second.
    pub wrong_refusals: u64,
    /// Final refusals within the second after a return, from an older word.
    pub old_news: u64,
    /// Buyers who gave up.
    pub gave_up: u64,
    /// When the last ticket went for the first time.
    pub sold_out: Option<u64>,
    /// Longest time from a sell-out, or an isolate's first arrival after it, until the isolate
    /// knew.
    pub unaware: u64,
    /// Longest time from a return, or an isolate's first arrival after it, until the isolate knew.
    pub unaware_of_return: u64,
    /// From each return until that ticket was sold again.
    pub resold: Vec<u64>,
    /// What happened when.
    pub timeline: Vec<MeasureSlot>,
    waiting_returns: std::collections::VecDeque<u64>,
    free_since: Option<u64>,
    /// For each isolate: since when it has had arrivals without knowing of the sell-out.
    unaware_since: Vec<u64>,
    /// For each isolate: since when it has had arrivals without knowing of the return.
    blind_since: Vec<u64>,
    /// For each isolate: when a buyer last came.
    last_ask: Vec<u64>,
    /// For each isolate: the version that it knows.
    versions: Vec<u64>,
}

impl Measures {
    /// Nothing happened yet.
    pub fn new(isolates: usize) -> Self {
        Self {
            asked: 0,
            forwarded_before: 0,
            sold: 0,
            early_busy: 0,
            wrong_refusals: 0,
            old_news: 0,
            gave_up: 0,
            sold_out: None,
            unaware: 0,
            unaware_of_return: 0,
            resold: Vec::new(),
            timeline: Vec::new(),
            waiting_returns: std::collections::VecDeque::new(),
            free_since: Some(0),
            unaware_since: vec![NEVER; isolates],
            blind_since: vec![NEVER; isolates],
            last_ask: vec![0; isolates],
            versions: vec![0; isolates],
        }
    }

    /// The slot of a moment.
    pub fn slot(&mut self, now: u64) -> &mut MeasureSlot {
        let index = (now / SLOT_US) as usize;
        if self.timeline.len() <= index {
            self.timeline.resize(index + 1, MeasureSlot::default());
        }
        &mut self.timeline[index]
    }

    /// A buyer stands before an isolate; `latched` = it refuses from memory.
    pub fn ask(&mut self, isolate: usize, latched: bool, free: u32, version: u64, now: u64) {
        self.asked += 1;
        self.slot(now).asked += 1;
        let idle = now - std::mem::replace(&mut self.last_ask[isolate], now);
        let pause = if idle > PAUSE_US { idle } else { 0 };
        let (unaware, blind) = (&mut self.unaware_since[isolate], &mut self.blind_since[isolate]);
        if *unaware != NEVER {
            *unaware += pause;
        } else if free == 0 && self.sold_out.is_some() && !latched {
            *unaware = now;
        }
        if *blind != NEVER {
            *blind += pause;
        } else if free > 0 && latched && self.versions[isolate] < version {
            *blind = now;
        }
    }

    /// An isolate heard a grant of `version`; `latched` = it refuses from memory since.
    pub fn observed(&mut self, isolate: usize, latched: bool, version: u64, now: u64) {
        if version > self.versions[isolate] {
            self.versions[isolate] = version;
            let since = std::mem::replace(&mut self.blind_since[isolate], NEVER);
            if since != NEVER {
                self.unaware_of_return = self.unaware_of_return.max(now - since);
            }
        }
        if latched {
            let since = std::mem::replace(&mut self.unaware_since[isolate], NEVER);
            if since != NEVER {
                self.unaware = self.unaware.max(now - since);
            }
        }
    }

    /// An isolate forgot everything.
    pub fn reset(&mut self, isolate: usize) {
        self.versions[isolate] = 0;
        self.blind_since[isolate] = NEVER;
        self.unaware_since[isolate] = NEVER;
    }

    /// A buyer hears a final "no" from a hint.
    pub fn refuse(&mut self, free: u32, now: u64) {
        let Some(since) = self.free_since.filter(|_| free > 0) else {
            return;
        };
        if self.sold_out.is_some() && now - since <= NEWS_US {
            self.old_news += 1;
        } else {
            self.wrong_refusals += 1;
        }
    }

    /// Tickets were sold and so many are free now; edges have forwarded so many requests.
    pub fn sell(&mut self, tickets: u32, free: u32, forwarded: u64, now: u64) {
        self.sold += u64::from(tickets);
        self.slot(now).sold += tickets;
        for _ in 0..tickets {
            if let Some(since) = self.waiting_returns.pop_front() {
                self.resold.push(now - since);
            }
        }
        if tickets > 0 && free == 0 {
            if self.sold_out.is_none() {
                self.sold_out = Some(now);
                self.forwarded_before = forwarded;
            }
            self.free_since = None;
            // Whoever had not heard of the return by now has nothing to hear.
            self.blind_since.fill(NEVER);
        }
    }

    /// Tickets came back or were added.
    pub fn give_back(&mut self, tickets: u32, now: u64) {
        for _ in 0..tickets {
            self.waiting_returns.push_back(now);
        }
        if tickets > 0 {
            self.free_since.get_or_insert(now);
            self.unaware_since.fill(NEVER);
        }
    }

    /// Returned tickets that nobody has bought yet.
    pub fn unsold_returns(&self) -> usize {
        self.waiting_returns.len()
    }
}
