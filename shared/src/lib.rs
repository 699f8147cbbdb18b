//! The rules of lastseat, shared by the edge (Wasm) and the origin (native).
//!
//! Nothing here reads a clock, rolls a die, waits or does I/O: time and chance come in as
//! arguments. What decides whether a buyer hears "no" or "ask" lives here, so that edge, origin
//! and the tests run the same code.

#![warn(missing_docs)]

pub mod bucket;
pub mod buyer_token;
pub mod committer;
pub mod counts;
pub mod edges;
pub mod errand;
pub mod fault;
pub mod gate;
pub mod grant;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod log;
pub mod model;
pub mod once;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod order;
pub mod orderbook;
pub mod outlook;
pub mod problem;
pub mod recent;
pub mod recovery;
pub mod refusal;
pub mod routing;
pub mod sale;
pub mod signature;
pub mod stock;
pub mod time;
pub mod trace;
pub mod views;
pub mod whole;
pub mod wire;

pub use counts::{EdgeCounts, EdgeTally};
pub use fault::Fault;
pub use gate::{Ask, Decision, Gate, Gates};
pub use grant::{Grant, Offer};
pub use ids::{BuyerId, Capacity, EdgeId, OrderId, Quantity, SaleId};
pub use keys::{KeyError, KeyRing};
pub use order::{NewOrder, Order, OrderState, Pass, Reserve, Restored, Verdict};
pub use outlook::Outlook;
pub use problem::{Code, Problem};
pub use refusal::Refusal;
pub use sale::{SaleChange, SaleState, Snapshot, Terms};
pub use stock::Stock;
pub use time::UnixMillis;
pub use trace::TraceParent;
