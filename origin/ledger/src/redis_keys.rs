//! Names of the Redis keys.
//!
//! The braces are a hash tag: all keys of a sale live in one slot of a Redis Cluster.

use shared::SaleId;

/// The keys that every script of a sale gets, in the order of `prelude.lua`.
#[must_use]
pub fn of_sale(sale: &SaleId) -> [String; 5] {
    ["sale", "orders", "buyers", "holds", "log"].map(|part| format!("lastseat:{{{sale}}}:{part}"))
}

/// The keys of the relay `name` of a sale: its lease and its position.
#[must_use]
pub fn of_relay(sale: &SaleId, name: &str) -> [String; 2] {
    let position = format!("lastseat:{{{sale}}}:relay:{name}");
    [format!("{position}:lease"), position]
}

/// Hash of the acknowledged orders of a sale that could not be restored.
#[must_use]
pub fn unrestored(sale: &SaleId) -> String {
    format!("lastseat:{{{sale}}}:unrestored")
}

/// The key that [`super::Replicas`] are waited for with.
#[must_use]
pub fn of_fence(sale: &SaleId) -> String {
    format!("lastseat:{{{sale}}}:fence")
}

/// Set of all sale ids, for listing.
pub const SALES: &str = "lastseat:sales";
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
