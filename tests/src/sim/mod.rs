//! A deterministic simulation of lastseat under faults: one seed, one run, in virtual time and one
//! thread.
//!
//! All that decides is the code that decides in production: gate, router and the way of a request
//! at the edge ([`shared::admission::gate`], [`shared::upstream::balancer`],
//! [`shared::upstream::forwarding`]), outlook, stock and committer at a node
//! ([`shared::admission::sale_hint`], [`shared::admission::batcher`]), and the ledger's rules in
//! [`shared::ledger_model`], which the tests hold against the scripts. What lies between (network,
//! clocks, timers, crashes) is simulated. See `docs/evidence/SIMULATOR.md`.

pub mod audit;
pub mod chance;
pub mod client;
pub mod committing;
pub mod faults;
pub mod generate;
pub mod heal_rules;
pub mod isolate;
pub mod journal;
pub mod judge;
pub mod ledger_link;
pub mod message;
pub mod network;
pub mod node;
pub mod planted;
pub mod recovering;
pub mod redis;
pub mod scenario;
pub mod server;
pub mod shrink;
pub mod soak;
pub mod trace;
pub mod world;

pub use generate::{Classes, scenario};
pub use planted::Planted;
pub use scenario::FaultScenario;
pub use shrink::{ShrunkFailure, shortest};
pub use soak::{Soak, search};
pub use world::{RunOutcome, run};
