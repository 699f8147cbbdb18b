//! Drives the real programs from outside: real Redis, real `wrangler dev`, real `workerd`, real
//! load.
//!
//! [`harness`] starts, watches and stops them; [`load`] is the load generator, [`rush`] what `make
//! rush` does with it and [`mod@bench`] what is measured with it; [`cost`] measures what an order
//! costs in Redis; [`guard`] counts what the hot paths cost; [`fuzz`] has what is fuzzed;
//! [`histories`] and [`plays`] hold the ledger's scripts to their rules, and [`mutants`] tries
//! whether they do; [`profile`] draws where the processor time goes; [`simulator`] simulates
//! everything that can break, and more edges than fit on a machine. The tests themselves are in
//! `tests/tests`, one binary per tier.

pub mod bench;
pub mod chart;
pub mod cost;
pub mod drill;
pub mod fuzz;
pub mod guard;
pub mod harness;
pub mod histories;
pub mod load;
pub mod mutants;
pub mod plays;
pub mod profile;
pub mod rush;
pub mod simulator;
