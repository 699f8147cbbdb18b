//! Edges one by one, as nodes have seen them in the last minutes.

use super::NodeStatus;
use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::limits::{EDGE_LISTED_MS, SHOWN_EDGES_MAX};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How an edge sends its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeWay {
    /// Each in a request: a Worker, or a gateway that has no link to the node.
    Requests,
    /// Over a link: a thread of a gateway.
    Link,
    /// In memory: a thread of the gateway in the process of the node.
    InProcess,
}

/// One edge: an isolate of a Worker, or a thread of a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedEdge {
    /// The name that it gave itself when it began.
    pub edge: String,
    /// How it sends its orders.
    pub way: EdgeWay,
    /// The address from which it opened its link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub address: Option<String>,
    /// The zone that it says that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub zone: Option<String>,
    /// Its requests that nodes have answered.
    pub requests: u64,
    /// Requests that it was granted in all; it need not use them.
    pub granted: u64,
    /// The budget that it was granted last.
    pub budget: u32,
    /// When it was first seen, by the ledger's clock.
    pub first_at: UnixMillis,
    /// When it was last seen.
    pub last_at: UnixMillis,
}

impl ListedEdge {
    /// Adds what another node has seen of the same edge.
    fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.granted = self.granted.saturating_add(other.granted);
        if other.last_at > self.last_at {
            (self.last_at, self.budget) = (other.last_at, other.budget);
        }
        self.first_at = self.first_at.min(other.first_at);
        self.way = self.way.max(other.way);
        if self.address.is_none() {
            self.address.clone_from(&other.address);
        }
        if self.zone.is_none() {
            self.zone.clone_from(&other.zone);
        }
    }
}

/// The edges that the nodes have seen lately, those with the most requests first, at most
/// [`SHOWN_EDGES_MAX`]; and how many more there are at least. A node publishes only the busiest, so
/// the sums of an edge with few requests may lack what some nodes have seen of it.
pub(crate) fn of_cluster(statuses: &[NodeStatus], now: UnixMillis) -> (Vec<ListedEdge>, u64) {
    let mut all: BTreeMap<&str, ListedEdge> = BTreeMap::new();
    let listed = statuses.iter().flat_map(|status| &status.edges);
    for edge in listed.filter(|edge| now.since(edge.last_at) <= EDGE_LISTED_MS) {
        match all.get_mut(edge.edge.as_str()) {
            Some(known) => known.add(edge),
            None => drop(all.insert(&edge.edge, edge.clone())),
        }
    }
    let unlisted = statuses.iter().map(|status| status.more_edges).max().unwrap_or(0);
    let mut all: Vec<ListedEdge> = all.into_values().collect();
    all.sort_by_key(|edge| Reverse(edge.requests));
    let more = all.len().saturating_sub(SHOWN_EDGES_MAX) as u64;
    all.truncate(SHOWN_EDGES_MAX);
    (all, more.max(unlisted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::limits::STATUS_EDGES_MAX;

    fn edge(name: &str, requests: u64, last_at: u64) -> ListedEdge {
        ListedEdge {
            edge: name.to_owned(),
            way: EdgeWay::Requests,
            address: None,
            zone: None,
            requests,
            granted: 2 * requests,
            budget: requests as u32,
            first_at: UnixMillis(last_at - 1_000),
            last_at: UnixMillis(last_at),
        }
    }

    fn status(node: u16, edges: Vec<ListedEdge>) -> NodeStatus {
        NodeStatus { edges, ..NodeStatus::quiet(node, UnixMillis(500_000)) }
    }

    #[test]
    fn an_edge_is_the_sum_of_what_all_nodes_have_seen_of_it() {
        let linked = ListedEdge {
            way: EdgeWay::Link,
            address: Some("10.0.0.7".to_owned()),
            zone: Some("east".to_owned()),
            ..edge("a", 5, 400_000)
        };
        let statuses = [
            status(1, vec![edge("a", 3, 450_000), edge("b", 9, 450_000)]),
            status(2, vec![linked, edge("c", 99, 150_000)]),
        ];
        let (edges, more) = of_cluster(&statuses, UnixMillis(500_000));
        let seen: Vec<_> =
            edges.iter().map(|e| (e.edge.as_str(), e.requests, e.granted, e.budget)).collect();
        assert_eq!(seen, [("b", 9, 18, 9), ("a", 8, 16, 3)], "c was seen too long ago");
        let a = &edges[1];
        assert_eq!((a.way, a.zone.as_deref(), more), (EdgeWay::Link, Some("east"), 0));
        assert_eq!((a.first_at, a.last_at), (UnixMillis(399_000), UnixMillis(450_000)));
    }

    #[test]
    fn their_number_is_bounded_and_it_is_said_how_many_more_there_are() {
        let of_node = |node: u16| {
            let numbers = 0..STATUS_EDGES_MAX as u64;
            let edges = numbers.map(|n| edge(&format!("{node}x{n}"), n, 450_000)).collect();
            NodeStatus { more_edges: 7, ..status(node, edges) }
        };
        let statuses: Vec<_> = (1..=4).map(of_node).collect();
        let (edges, more) = of_cluster(&statuses, UnixMillis(500_000));
        assert_eq!(edges.len(), SHOWN_EDGES_MAX);
        assert_eq!(more, (4 * STATUS_EDGES_MAX - SHOWN_EDGES_MAX) as u64);
    }
}
