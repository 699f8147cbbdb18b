//! The wire: messages, headers, problems and counters that travel between buyer, edge and node.

pub mod code;
pub mod edge_counters;
pub mod entity_tag;
pub mod idempotency_key;
pub mod json_integer;
pub mod messages;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod problem;
pub mod repeated_headers;
pub mod seat_lines;
pub mod trace_context;
