//! Upstream: which origin an edge sends a request to, and what becomes of the request.

pub mod balancer;
pub mod forwarding;
mod health;
pub mod origin_table;
pub mod strategy;
pub mod turn;
