//! Adapter between the two halves of `serve --public`: the node's orders, as its public side asks
//! them.

use lastseat_gateway::config::{InProcessAnswer, InProcessNode, LinkAnswer};
use lastseat_node::http::{InProcessOrders, OrderAnswer};
use shared::EdgeId;
use shared::link::LinkOrder;

/// The orders of the node of this process.
#[derive(Debug)]
pub(crate) struct OwnOrders(pub(crate) InProcessOrders);

impl InProcessNode for OwnOrders {
    fn place<'a>(&'a self, edge: &'a EdgeId, order: &'a LinkOrder<'_>) -> InProcessAnswer<'a> {
        Box::pin(async move {
            let answer = self.0.place(edge, order).await;
            let OrderAnswer { status, headers, body, grant, sales, gone } = answer;
            LinkAnswer { status, headers, body, grant, sales, gone }
        })
    }
}
