//! Authentication: rings of shared keys, signatures of edges, tokens of buyers, people and
//! programs, links at which an order is paid.

pub mod actor;
pub mod buyer_token;
pub mod edge_signature;
pub mod key_ring;
pub mod pay_link;
pub mod sale_patterns;
pub mod scoped_token;
pub mod secret_rules;
pub mod verb;
