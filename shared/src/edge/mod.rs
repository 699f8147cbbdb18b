//! Edge: what an edge does with a request, in which order it checks it, what it counts and answers.
//!
//! A shell gives it sockets, timers, a clock and chance: the Worker (`edge`), the gateway
//! (`origin/gateway`) and the simulator drive the same [`exchange::Exchange`]. No rule is in a
//! shell.

pub mod answer;
pub mod client_request;
pub mod config;
pub mod exchange;
pub mod forwarded_request;
pub mod order_call;
pub mod page_view;
pub mod place_order;
pub mod random_pool;
pub mod route;
pub mod sale_view;
pub mod state;
pub mod under_way;
pub mod upstream_request;
