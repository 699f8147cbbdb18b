//! View cache of an edge: what nodes answered about sales, kept for a while.
//!
//! How a sale stands, what it sells in words, its plan and what is left of it: of those who look at
//! the same, one asks an origin and the others wait a retry interval, so that a million pages that
//! look once every few seconds ask once a second. It never says more than an origin said, and later
//! than the caller's `fresh_ms` only to who asks for the last answer. Bounded in entries and in
//! bytes; and so are the questions in a round, because names can be invented and an address has
//! many spellings.

use crate::admission::gate::listed;
use crate::domain::ids::SaleId;
use crate::domain::time::UnixMillis;
use crate::limits::{
    COLD_BUDGET, COLD_ROUND_MS, COLD_WAIT_MS, COLD_WAITS_MAX, EDGE_SALES_MAX, EDGE_VIEW_ASKS,
    EDGE_VIEW_BYTES_MAX, EDGE_VIEWS_MAX, VIEW_FRESH_MS,
};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// An answer as a node gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CachedView {
    /// The body, JSON.
    pub body: Arc<str>,
    /// The header `ETag`.
    pub etag: Option<Arc<str>>,
}

/// What is done for one who looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheLookup {
    /// Show this answer, received so many milliseconds ago.
    Show(CachedView, u64),
    /// Ask an origin.
    Ask,
    /// Another request is asking: wait once on a timer of one's own and look it up again.
    Wait,
    /// Too many ask, or the one who does takes too long: come back in so many milliseconds.
    Busy(u32),
}

#[derive(Debug)]
struct Entry {
    /// When it was asked for: what it says was true then or later. Never, while the first answer is
    /// awaited.
    at: Option<UnixMillis>,
    received_at: UnixMillis,
    view: CachedView,
    /// When an origin was last asked, whatever came of it.
    asked: UnixMillis,
}

impl Entry {
    fn awaited(asked: UnixMillis) -> Self {
        Self { at: None, received_at: asked, view: CachedView::default(), asked }
    }
}

/// The views of one edge isolate, each under its key. What is not certain to exist gets an entry
/// only by an answer, so that invented names do not fill the memory.
#[derive(Debug)]
pub struct ViewCache<K> {
    entries: HashMap<K, Entry>,
    /// Most of these.
    places: usize,
    /// Of keys, bodies and tags.
    bytes: usize,
    round_ends: UnixMillis,
    /// Questions in the present round about keys that have no entry: of sales that exist, and of
    /// others.
    asks: [u32; 2],
}

impl<K: AsRef<str> + Clone + Eq + Hash> ViewCache<K> {
    fn with_places(places: usize) -> Self {
        let (entries, round_ends) = (HashMap::new(), UnixMillis(0));
        Self { entries, places, bytes: 0, round_ends, asks: [0; 2] }
    }

    /// Decides for an arrival that looks at `key` and has waited `waits` times; an answer counts
    /// for `fresh_ms`. `exists` = an origin has said that there is such a sale. `now` is the edge's
    /// clock.
    pub fn lookup(
        &mut self,
        (key, fresh_ms, exists): (&K, u64, bool),
        waits: u32,
        now: UnixMillis,
    ) -> CacheLookup {
        if let Some(entry) = self.entries.get_mut(key) {
            if entry.at.is_some_and(|at| now.since(at) < fresh_ms) {
                return CacheLookup::Show(entry.view.clone(), now.since(entry.received_at));
            }
            if now.since(entry.asked) >= VIEW_FRESH_MS {
                entry.asked = now;
                return CacheLookup::Ask;
            }
        } else if self.may_ask(exists, now) {
            if exists {
                self.put(key, Entry::awaited(now));
            }
            return CacheLookup::Ask;
        }
        if waits < COLD_WAITS_MAX {
            CacheLookup::Wait
        } else {
            CacheLookup::Busy(COLD_WAIT_MS as u32 * COLD_WAITS_MAX)
        }
    }

    /// The last answer under `key`, however old it is.
    #[must_use]
    pub fn last(&self, key: &K) -> Option<&CachedView> {
        self.entries.get(key).filter(|entry| entry.at.is_some()).map(|entry| &entry.view)
    }

    fn may_ask(&mut self, exists: bool, now: UnixMillis) -> bool {
        if now >= self.round_ends {
            self.round_ends = now.plus(COLD_ROUND_MS);
            self.asks = [0; 2];
        }
        let most = if exists { EDGE_VIEW_ASKS } else { COLD_BUDGET };
        let asks = &mut self.asks[usize::from(!exists)];
        let left = *asks < most;
        *asks += u32::from(left);
        left
    }

    /// Keeps what an origin, asked at `asked`, answered at `received_at`; one answer that takes
    /// more than half of the room is only passed on.
    pub fn keep(&mut self, key: &K, asked: UnixMillis, received_at: UnixMillis, view: CachedView) {
        let known = self.entries.get(key).and_then(|entry| entry.at);
        // An answer that took long does not replace a younger one.
        if view.body.len() <= EDGE_VIEW_BYTES_MAX / 2 && known.is_none_or(|at| asked >= at) {
            self.put(key, Entry { at: Some(asked), received_at, view, asked });
        }
    }

    fn put(&mut self, key: &K, entry: Entry) {
        self.remove(key);
        let more = weight(key, &entry);
        while self.entries.len() >= self.places || self.bytes + more > EDGE_VIEW_BYTES_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.asked);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            self.remove(&oldest);
        }
        self.bytes += more;
        self.entries.insert(key.clone(), entry);
    }

    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= weight(key, &entry);
        }
    }
}

fn weight(key: &impl AsRef<str>, entry: &Entry) -> usize {
    let tag = entry.view.etag.as_ref().map_or(0, |etag| etag.len());
    key.as_ref().len() + entry.view.body.len() + tag
}

impl ViewCache<SaleId> {
    /// A cache of how sales stand.
    #[must_use]
    pub fn of_sales() -> Self {
        Self::with_places(EDGE_SALES_MAX)
    }

    /// Takes in the names of sales that exist, as the header `Lastseat-Sales` has them: each is
    /// asked for by itself, as far as there is room, and invented names take nothing from them.
    pub fn list(&mut self, names: &str) {
        for sale in listed(names) {
            if self.entries.len() < self.places && !self.entries.contains_key(&sale) {
                // So old that it is asked for at once.
                self.put(&sale, Entry::awaited(UnixMillis(0)));
            }
        }
    }
}

impl ViewCache<String> {
    /// A cache of plans, of what is left of them and of what sales sell in words, by the addresses
    /// at which nodes show them.
    #[must_use]
    pub fn of_addresses() -> Self {
        Self::with_places(EDGE_VIEWS_MAX)
    }
}

#[cfg(test)]
mod tests;
