//! The bodies of the API that are no part of the wire between edge and node: what operators and
//! shops send and receive.

pub mod event_line;
pub mod log_page;
pub mod order_bodies;
pub mod sale_bodies;
pub mod sale_changes;
pub mod unrestored;
