//! Waiting until replicas have what buyers are told.

use super::link::Link;
use super::{Fault, keys};
use shared::SaleId;

/// Connections that batches wait on. WAIT holds up all that is sent after it, so sales share a few.
const LANES: usize = 4;
/// How long the key lives that a fence writes, in seconds.
const FENCE_LIFE_S: u64 = 10;

/// How many replicas must have a change before its buyer hears "yes".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// So many, at least one.
    pub count: u32,
    /// After this time without them the outcome is unknown, in milliseconds.
    pub within_ms: u64,
}

/// The connections for changes that wait for replicas.
#[derive(Debug)]
pub(super) struct Lanes {
    links: Vec<Link>,
    replicas: Replicas,
}

impl Lanes {
    pub(super) fn new(link: &Link, replicas: Replicas) -> Self {
        Self {
            links: (0..LANES).map(|_| link.another()).collect(),
            replicas,
        }
    }

    /// The connections of a sale: always the same ones, so that one slow sale holds up few others.
    pub(super) fn of(&self, sale: &SaleId) -> Option<&Link> {
        let name = sale.as_str().bytes();
        let sum = name.fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        self.links.get(sum % self.links.len().max(1))
    }

    pub(super) fn fence(&self, sale: &SaleId) -> Fence {
        Fence {
            key: keys::of_fence(sale),
            replicas: self.replicas,
        }
    }

    pub(super) fn too_few(&self) -> Fault {
        let Replicas { count, within_ms } = self.replicas;
        Fault::Unknown(format!(
            "fewer than {count} replicas had it within {within_ms} ms; it stands unless the primary is lost now"
        ))
    }
}

/// What follows a change on its connection: a small write, and a WAIT for it.
///
/// WAIT is promised to stand for the last write of its own connection (Redis 7 happens to take in all that was before),
/// so it need say nothing of an order that came over an earlier connection and is only repeated here: hence a write of
/// its own, to the same slot.
pub(super) struct Fence {
    key: String,
    replicas: Replicas,
}

impl Fence {
    pub(super) fn write(&self) -> redis::Cmd {
        let mut write = redis::cmd("SET");
        write.arg(&self.key).arg(1).arg("EX").arg(FENCE_LIFE_S);
        write
    }

    pub(super) fn wait(&self) -> redis::Cmd {
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.replicas.count).arg(self.replicas.within_ms);
        wait
    }

    /// Whether the replies to both say that enough replicas have it.
    pub(super) fn holds(&self, written: &redis::Value, waited: &redis::Value) -> bool {
        let enough = i64::from(self.replicas.count);
        matches!(written, redis::Value::Okay)
            && matches!(waited, redis::Value::Int(acknowledged) if *acknowledged >= enough)
    }
}
