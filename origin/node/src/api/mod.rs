//! The bodies of the API that are no part of the wire between edge and node: what operators and
//! shops send and receive.

pub mod event_details;
pub mod event_line;
pub mod leg_bodies;
pub mod log_page;
mod nearest_names;
pub mod order_bodies;
pub(crate) mod order_lines;
pub mod order_search;
pub mod overview_bodies;
pub mod sale_bodies;
pub mod sale_changes;
pub mod seat_bodies;
pub mod unrestored;
