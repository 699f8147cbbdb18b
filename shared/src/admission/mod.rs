//! Admission: what edge and node decide from memory about an order, without asking the ledger.

pub mod batcher;
pub mod browser_origin;
pub mod edge_census;
pub mod gate;
pub mod grant;
pub mod node_budget;
pub mod order_calls;
pub mod rate_limit;
pub mod recent_orders;
pub mod sale_cache;
pub mod sale_hint;
pub mod token_budget;
