//! What the HTTP servers of lastseat share: bounds of connections and their heads, lingering close,
//! and the page of metrics.
//!
//! A node and a gateway accept connections in the same way. What a request means is theirs.

#![warn(missing_docs)]

pub mod accept_loop;
mod accept_pause;
pub mod connections;
pub mod head_timeout;
pub mod http1;
pub mod linger;
pub mod metrics;
pub mod observed_stream;
pub mod place;
