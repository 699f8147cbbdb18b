//! The load generator: raw HTTP/1.1 over connections that stay open, on one thread, because it shares the machine with
//! what it measures.
//!
//! A closed loop ([`Pace::AsFastAsItGoes`], [`Pace::Count`]) sends the next request of a connection when the last one was
//! answered. An open loop ([`Pace::Rate`]) sends at intended times, whatever the answers do, and counts the time of an
//! answer from the intended time of its request: what a server delays while it stalls is in the latencies.

mod answer;
mod ask;
mod crowd;
mod pacer;
mod tally;
mod wire;

pub use ask::BenchAsk;
pub use crowd::{CrowdLoad, Pace, send};
pub use tally::BenchTally;
