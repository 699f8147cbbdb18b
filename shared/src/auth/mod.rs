//! Authentication: rings of shared keys, signatures of edges, tokens of buyers.

pub mod buyer_token;
pub mod edge_signature;
pub mod key_ring;
pub mod secret_rules;
