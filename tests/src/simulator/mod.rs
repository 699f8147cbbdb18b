//! Simulator: lastseat in virtual time and one thread, without servers. One seed, one run.
//!
//! All that decides is the code that decides in production: gate, router and the forwarding of a
//! request at the edge ([`shared::admission::gate`], [`shared::upstream`]), sale hint, node budget
//! and committer at a node ([`shared::admission::sale_hint`], [`shared::admission::batcher`]), and
//! the ledger's rules in [`shared::ledger_model`], which the tests hold against the scripts. What
//! lies between (network, clocks, timers, crashes) is simulated.
//!
//! Two scenarios drive the same simulated system ([`world`]): [`faults`] breaks everything that can
//! break around a small sale, [`scale`] lets a million buyers come to thousands of isolates.

pub mod acknowledged;
pub mod audit;
pub mod chance;
pub mod committing;
pub mod faults;
pub mod heal_rules;
pub mod isolate;
pub mod journal;
pub mod judge;
mod late_seats;
pub mod ledger_link;
pub mod message;
pub mod network;
pub mod node;
pub mod planted;
mod planted_seats;
pub mod queue;
pub mod recovering;
pub mod redis;
pub mod scale;
pub mod seat_audit;
pub mod seat_rules;
pub mod server;
mod simulated_request;
pub mod trace;
pub mod world;
