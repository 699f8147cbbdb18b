//! The rules of lastseat, shared by the edge (Wasm) and the origin (native).
//!
//! Nothing here reads a clock, rolls a die, waits or does I/O: time and chance come in as
//! arguments. What decides whether a buyer is refused or may ask lives here, so that edge, origin
//! and the tests run the same code.

#![warn(missing_docs)]

pub mod admission;
pub mod auth;
pub mod domain;
pub mod edge;
pub mod ledger_model;
pub mod limits;
pub mod link;
pub mod plan;
pub mod recovery;
pub mod seats;
pub mod upstream;
pub mod wire;

pub use admission::gate::{Arrival, Gate, GateDecision, Gates};
pub use admission::grant::{Grant, Offer};
pub use admission::node_budget::NodeBudget;
pub use admission::sale_hint::SaleHint;
pub use auth::actor::Actor;
pub use auth::key_ring::{KeyError, KeyRing};
pub use auth::verb::Verb;
pub use domain::event_details::EventDetails;
pub use domain::fault::Fault;
pub use domain::ids::{BuyerId, Capacity, EdgeId, OrderId, PaymentReference, Quantity, SaleId};
pub use domain::order::{Cancellation, Order, Pass, Reserve, Restored, Verdict};
pub use domain::order_state::{IfState, OrderState};
pub use domain::outcome::{Placed, Tier};
pub use domain::pay_url::PayUrl;
pub use domain::payment::{OrderMetadata, Payment, PaymentNote};
pub use domain::refusal::Refusal;
pub use domain::return_url::ReturnUrl;
pub use domain::sale::{SaleChange, SaleState, Snapshot, Terms};
pub use domain::time::UnixMillis;
pub use wire::edge_counters::{EdgeCounts, EdgeTally};
pub use wire::problem::{Code, Problem};
pub use wire::trace_context::TraceParent;
