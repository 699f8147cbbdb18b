//! Edge list: the edges that asked this node in the last minutes, one by one.
//!
//! For the eye alone: grants are made by the [`shared::admission::edge_census`], which estimates
//! how many edges there are. What is noted here with each grant is a few additions under a lock
//! that a sixteenth of the edges share.

use crate::status::{EdgeWay, ListedEdge};
use shared::limits::{EDGE_LISTED_MS, EDGES_LISTED_MAX, STATUS_EDGES_MAX};
use shared::upstream::balancer::is_zone;
use shared::{EdgeId, UnixMillis};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts of the list, each with a lock of its own.
const PARTS: usize = 16;
/// Edges in one of them.
const PART_MAX: usize = EDGES_LISTED_MAX / PARTS;
/// An edge that has not asked for so long gives its place to a new one, in milliseconds.
const QUIET_MS: u64 = 10_000;
/// A full part is searched for such an edge at most this often, in milliseconds: a flood of new
/// edges must not make each of their requests dear.
const SEARCH_EVERY_MS: u64 = 100;

/// The edges that asked this node lately.
#[derive(Debug, Default)]
pub struct EdgeList([Mutex<Part>; PARTS]);

#[derive(Debug, Default)]
struct Part {
    edges: HashMap<EdgeId, Seen>,
    /// When a full part was last searched for a quiet edge.
    searched_at: UnixMillis,
    /// When an edge last found no place.
    turned_away_at: UnixMillis,
}

/// What was seen of one edge.
#[derive(Debug)]
struct Seen {
    way: EdgeWay,
    address: Option<IpAddr>,
    zone: Option<Box<str>>,
    requests: u64,
    granted: u64,
    budget: u32,
    first_at: UnixMillis,
    last_at: UnixMillis,
}

impl EdgeList {
    /// Notes that `edge` made so many requests and was granted `budget` more.
    pub fn asked(
        &self,
        edge: &EdgeId,
        way: EdgeWay,
        (requests, budget): (u32, u32),
        now: UnixMillis,
    ) {
        let mut part = self.part(edge);
        let Some(seen) = part.place_of(edge, now) else { return };
        seen.way = seen.way.max(way);
        seen.requests = seen.requests.saturating_add(requests.into());
        seen.granted = seen.granted.saturating_add(budget.into());
        seen.budget = budget;
    }

    /// Notes that `edge` has opened a link from `address`, and in which zone it says that it
    /// stands.
    pub fn linked(&self, edge: &EdgeId, address: IpAddr, zone: Option<&str>, now: UnixMillis) {
        let mut part = self.part(edge);
        let Some(seen) = part.place_of(edge, now) else { return };
        seen.way = seen.way.max(EdgeWay::Link);
        seen.address = Some(address);
        seen.set_zone(zone);
    }

    /// Notes in which zone `edge` says that it stands.
    pub fn stands_in(&self, edge: &EdgeId, zone: &str, now: UnixMillis) {
        if let Some(seen) = self.part(edge).place_of(edge, now) {
            seen.set_zone(Some(zone));
        }
    }

    /// Those with the most requests, at most [`STATUS_EDGES_MAX`], and how many more are listed;
    /// at least one more where some found no place. Forgets those that have been silent for
    /// [`EDGE_LISTED_MS`].
    #[must_use]
    pub fn read(&self, now: UnixMillis) -> (Vec<ListedEdge>, u64) {
        let mut all = Vec::new();
        let mut turned_away = false;
        for part in &self.0 {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.edges.retain(|_, seen| now.since(seen.last_at) <= EDGE_LISTED_MS);
            turned_away |= part.turned_away_at.0 > 0 && now.since(part.turned_away_at) <= QUIET_MS;
            all.extend(part.edges.iter().map(|(edge, seen)| seen.listed(edge)));
        }
        all.sort_by_key(|edge| Reverse(edge.requests));
        let more = all.len().saturating_sub(STATUS_EDGES_MAX) as u64;
        all.truncate(STATUS_EDGES_MAX);
        (all, more + u64::from(turned_away))
    }

    fn part(&self, edge: &EdgeId) -> MutexGuard<'_, Part> {
        // FNV-1a: names of edges are random.
        let hash = edge
            .as_str()
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let part = &self.0[hash as usize % PARTS];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// The place of `edge`, seen now; `None` where all places are those of others that still ask.
    fn place_of(&mut self, edge: &EdgeId, now: UnixMillis) -> Option<&mut Seen> {
        if !self.edges.contains_key(edge) {
            if self.edges.len() >= PART_MAX && !self.makes_room(now) {
                self.turned_away_at = now;
                return None;
            }
            self.edges.insert(edge.clone(), Seen::new(now));
        }
        let seen = self.edges.get_mut(edge)?;
        seen.last_at = seen.last_at.max(now);
        Some(seen)
    }

    /// Drops the edge that has been quiet for longest, if one has been for [`QUIET_MS`].
    fn makes_room(&mut self, now: UnixMillis) -> bool {
        if now.since(self.searched_at) < SEARCH_EVERY_MS {
            return false;
        }
        self.searched_at = now;
        let quiet = self.edges.iter().min_by_key(|(_, seen)| seen.last_at);
        let quiet = quiet.filter(|(_, seen)| now.since(seen.last_at) >= QUIET_MS);
        match quiet.map(|(edge, _)| edge.clone()) {
            Some(edge) => self.edges.remove(&edge).is_some(),
            None => false,
        }
    }
}

impl Seen {
    const fn new(now: UnixMillis) -> Self {
        Self {
            way: EdgeWay::Requests,
            address: None,
            zone: None,
            requests: 0,
            granted: 0,
            budget: 0,
            first_at: now,
            last_at: now,
        }
    }

    /// What an edge says of its zone is no more than a word: it is shown, and nothing follows from
    /// it.
    fn set_zone(&mut self, zone: Option<&str>) {
        if let Some(zone) = zone.filter(|zone| is_zone(zone) && self.zone.as_deref() != Some(*zone))
        {
            self.zone = Some(zone.into());
        }
    }

    fn listed(&self, edge: &EdgeId) -> ListedEdge {
        ListedEdge {
            edge: edge.to_string(),
            way: self.way,
            address: self.address.map(|address| address.to_string()),
            zone: self.zone.as_deref().map(str::to_owned),
            requests: self.requests,
            granted: self.granted,
            budget: self.budget,
            first_at: self.first_at,
            last_at: self.last_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(n: usize) -> EdgeId {
        EdgeId::parse(&format!("{n:016x}")).unwrap()
    }

    #[test]
    fn what_an_edge_asks_and_is_granted_adds_up_and_is_forgotten_with_it() {
        let list = EdgeList::default();
        let now = UnixMillis(1_000_000);
        list.asked(&edge(1), EdgeWay::Requests, (1, 8), now);
        list.linked(&edge(1), "10.0.0.7".parse().unwrap(), Some("east"), now.plus(10));
        list.asked(&edge(1), EdgeWay::Link, (64, 5), now.plus(20));
        list.stands_in(&edge(2), "no zone", now);
        let (edges, more) = list.read(now.plus(30));
        assert_eq!((edges.len(), more), (2, 0));
        assert_eq!(
            edges[0],
            ListedEdge {
                edge: edge(1).to_string(),
                way: EdgeWay::Link,
                address: Some("10.0.0.7".to_owned()),
                zone: Some("east".to_owned()),
                requests: 65,
                granted: 13,
                budget: 5,
                first_at: now,
                last_at: now.plus(20),
            }
        );
        assert_eq!(edges[1].zone, None, "that is no name of a zone");
        assert_eq!(list.read(now.plus(20 + EDGE_LISTED_MS)).0.len(), 1);
        assert_eq!(list.read(now.plus(21 + EDGE_LISTED_MS)).0.len(), 0);
    }

    #[test]
    fn a_crowd_of_edges_is_bounded_and_those_that_fell_silent_make_room() {
        let list = EdgeList::default();
        let begun = UnixMillis(1_000_000);
        let listed = || list.0.iter().map(|part| part.lock().unwrap().edges.len()).sum::<usize>();
        for n in 0..20 * EDGES_LISTED_MAX {
            list.asked(&edge(n), EdgeWay::Requests, (1, 1), begun);
        }
        assert!(listed() <= EDGES_LISTED_MAX, "{}", listed());
        let (edges, more) = list.read(begun);
        assert_eq!(edges.len(), STATUS_EDGES_MAX);
        assert_eq!(more as usize, listed() - STATUS_EDGES_MAX + 1, "some found no place");
        let late = begun.plus(QUIET_MS);
        list.asked(&edge(usize::MAX), EdgeWay::Requests, (1_000, 1), late);
        assert_eq!(list.read(late).0[0].requests, 1_000);
    }
}
