//! Admission: what edge and node decide from memory about an order, without asking the ledger.

pub mod batcher;
pub mod browser_origin;
pub mod edge_census;
pub mod gate;
pub mod gone_journeys;
pub mod gone_sales;
pub mod grant;
pub mod node_budget;
pub mod order_calls;
mod probes;
pub mod rate_limit;
pub mod recent_orders;
pub mod sale_hint;
pub mod token_budget;
pub mod view_cache;
pub mod wanted_journeys;
