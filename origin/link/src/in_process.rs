//! In-process transport of a link: the node is in this process, and an order is a call.

use crate::{LinkAnswer, LinkCount, LinkCounters, LinkError};
use shared::EdgeId;
use shared::limits::LINK_UNDER_WAY_MAX;
use shared::link::LinkOrder;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The answer that an in-process node will give.
pub type InProcessAnswer<'a> = Pin<Box<dyn Future<Output = LinkAnswer> + Send + 'a>>;

/// A node that takes orders in the process of its gateway.
pub trait InProcessNode: Debug + Send + Sync {
    /// Places `order`, which `edge` forwards, and answers it as over a link. Its fields are as
    /// short as those in a frame ([`LinkOrder::fits`]). Dropped early, it loses the answer only:
    /// an order that the node has queued is carried out.
    fn place<'a>(&'a self, edge: &'a EdgeId, order: &'a LinkOrder<'_>) -> InProcessAnswer<'a>;
}

/// The way to a node of this process. Nothing is written, signed or lost on it.
#[derive(Debug)]
pub(crate) struct InProcessLink {
    node: Arc<dyn InProcessNode>,
    edge: EdgeId,
    /// One place for each order that may be under way.
    places: Semaphore,
    counters: Arc<LinkCounters>,
}

impl InProcessLink {
    pub(crate) fn new(
        node: Arc<dyn InProcessNode>,
        edge: EdgeId,
        counters: Arc<LinkCounters>,
    ) -> Self {
        Self { node, edge, places: Semaphore::new(LINK_UNDER_WAY_MAX), counters }
    }

    /// See [`crate::NodeLink::ask`]. Of its errors there are only those by which nothing was sent.
    pub(crate) async fn ask(&self, order: &LinkOrder<'_>) -> Result<LinkAnswer, LinkError> {
        if !order.fits() {
            return Err(LinkError::Plain);
        }
        let Ok(_place) = self.places.try_acquire() else {
            self.counters.add(LinkCount::Full, 1);
            return Err(LinkError::Full);
        };
        self.counters.add(LinkCount::InProcess, 1);
        Ok(self.node.place(&self.edge, order).await)
    }

    pub(crate) fn under_way(&self) -> usize {
        LINK_UNDER_WAY_MAX - self.places.available_permits()
    }
}
