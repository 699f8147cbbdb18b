//! Names of the Redis keys.
//!
//! The braces are a hash tag: all keys of a sale live in one slot of a Redis Cluster.

use shared::SaleId;

/// What a sale consists of, in the order in which scripts get the keys (`prelude.lua`). Only a sale
/// with a plan has the last one, the string of what is taken, seat by seat.
pub const PARTS: [&str; 6] = ["sale", "orders", "buyers", "holds", "log", "seats"];

/// The key of one part of a sale.
#[must_use]
pub fn of_part(sale: &SaleId, part: &str) -> String {
    format!("lastseat:{{{sale}}}:{part}")
}

/// The keys that every script of a sale gets.
#[must_use]
pub fn of_sale(sale: &SaleId) -> [String; 5] {
    let [parts @ .., _] = PARTS;
    parts.map(|part| of_part(sale, part))
}

/// Those that a script of a sale with a plan gets.
#[must_use]
pub fn of_sale_by_plan(sale: &SaleId) -> [String; 6] {
    PARTS.map(|part| of_part(sale, part))
}

/// The keys of the relay `name` of a sale: its lease and its position.
#[must_use]
pub fn of_relay(sale: &SaleId, name: &str) -> [String; 2] {
    let position = of_part(sale, &format!("relay:{name}"));
    [format!("{position}:lease"), position]
}

/// Hash of the acknowledged orders of a sale that could not be restored.
#[must_use]
pub fn unrestored(sale: &SaleId) -> String {
    of_part(sale, "unrestored")
}

/// The key that [`super::Replicas`] are waited for with.
#[must_use]
pub fn of_fence(sale: &SaleId) -> String {
    of_part(sale, "fence")
}

/// Set of the ids of sales that have not ended, and of some that have.
pub const SALES: &str = "lastseat:sales";
/// Set of the ids of sales that have ended. The hash tag puts it into the slot of [`SALES`]: a sale
/// is moved in one step.
pub const ENDED_SALES: &str = "lastseat:ended:{lastseat:sales}";
/// Sorted set of the sales that open or close by themselves, by the next moment at which one does.
pub const MOMENTS: &str = "lastseat:sales:moments";
/// Hash of the nodes that live, or did within the last hour.
pub const NODES: &str = "lastseat:nodes";
/// Hash of what each node has declared while sales recover. The hash tag puts it into the slot of
/// [`NODES`].
pub const RECOVERY: &str = "lastseat:recovery:{lastseat:nodes}";
/// Hash of which process has which node number.
pub const NUMBERS: &str = "lastseat:nodes:numbers";
/// Hash of what each node has published of itself.
pub const STATUSES: &str = "lastseat:nodes:status";
/// Lease of the process that relays all sales of a shop, and how often the lease was taken. The
/// hash tag puts all keys of that relay into one slot.
pub const WEBHOOKS_LEASE: [&str; 2] =
    ["lastseat:{lastseat:webhooks}:lease", "lastseat:{lastseat:webhooks}:turn"];
/// Hash of what that process publishes: `relay`, and a field for each endpoint.
pub const WEBHOOKS_STATUS: &str = "lastseat:{lastseat:webhooks}:status";
/// Hash of endpoints that begin with what happens from now on: when that was.
pub const WEBHOOKS_BEGUN: &str = "lastseat:{lastseat:webhooks}:begun";
/// Hash of retries that were asked for by hand.
pub const WEBHOOKS_ASKED: &str = "lastseat:{lastseat:webhooks}:asked";
