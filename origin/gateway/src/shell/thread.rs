//! What one thread of a gateway has for itself: links to the nodes and a plain client.

use super::Shell;
use super::clock;
use super::plain_client::PlainClient;
use lastseat_link::{LinkSetup, NodeLink};
use shared::edge::state::EdgeState;
use std::sync::Arc;

/// One thread.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) shell: Arc<Shell>,
    /// By the origin's number; none to an origin over TLS, which takes plain requests.
    links: Vec<Option<NodeLink>>,
    pub(super) plain: PlainClient,
}

impl Thread {
    pub(super) fn new(shell: Arc<Shell>) -> Self {
        let (edge, keys, zone) =
            shell.edge(|edge| (edge.id.clone(), edge.keys.clone(), edge.zone.clone()));
        let link = |url: &String| {
            if let Some(own) = shell.own_node.as_ref().filter(|own| own.url == *url) {
                let (orders, edge) = (Arc::clone(&own.orders), edge.clone());
                return Some(NodeLink::in_process(orders, edge, Arc::clone(&shell.links)));
            }
            let authority = url.strip_prefix("http://")?.to_owned();
            let setup = LinkSetup {
                authority,
                edge: edge.clone(),
                zone: zone.clone(),
                keys: keys.clone(),
                now: clock::wall,
            };
            Some(NodeLink::new(setup, Arc::clone(&shell.links)))
        };
        let links = shell.origins.iter().map(link).collect();
        let plain = shell.plain.another();
        Self { shell, links, plain }
    }

    /// See [`Shell::edge`].
    pub(super) fn edge<T>(&self, work: impl FnOnce(&mut EdgeState) -> T) -> T {
        self.shell.edge(work)
    }

    /// The link to an origin.
    pub(super) fn link(&self, index: usize) -> Option<&NodeLink> {
        self.links.get(index)?.as_ref()
    }
}
