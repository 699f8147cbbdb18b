//! Replica wait: connections whose changes wait for replicas (`WAIT`).

use super::connection::Connection;
use super::connection::replica_fence::{Fence, Replicas};
use super::{Fault, redis_keys};
use shared::SaleId;

/// Connections that batches wait on. WAIT holds up all that is sent after it, so sales share a few.
const CONNECTIONS: usize = 4;

/// The connections for changes that wait for replicas.
#[derive(Debug)]
pub(super) struct ReplicaConnections {
    links: Vec<Connection>,
    replicas: Replicas,
}

impl ReplicaConnections {
    pub(super) fn new(link: &Connection, replicas: Replicas) -> Self {
        Self { links: (0..CONNECTIONS).map(|_| link.another()).collect(), replicas }
    }

    /// As many connections more, beside `link`.
    pub(super) fn another(&self, link: &Connection) -> Self {
        Self::new(link, self.replicas)
    }

    /// The connections of a sale: always the same ones, so that one slow sale holds up few others.
    pub(super) fn of(&self, sale: &SaleId) -> Option<&Connection> {
        let name = sale.as_str().bytes();
        let sum = name.fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.links.get(sum % self.links.len().max(1))
    }

    pub(super) fn fence(&self, sale: &SaleId) -> Fence {
        Fence::new(redis_keys::of_fence(sale), self.replicas)
    }

    pub(super) fn too_few(&self) -> Fault {
        let Replicas { count, within_ms } = self.replicas;
        Fault::Unknown(format!(
            "fewer than {count} replicas had it within {within_ms} ms; it stands unless the \
             primary is lost now"
        ))
    }
}
