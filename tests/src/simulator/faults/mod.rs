//! Scenario of faults: a small sale while everything that can break does, one run a seed, and every
//! step is judged. See `docs/evidence/SIMULATOR.md`.

pub mod client;
pub mod generate;
pub mod inject;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod soak;
pub mod train;
pub mod wanted_seats;

pub use super::planted::Planted;
pub use generate::{Classes, scenario};
pub use run::{RunOutcome, run};
pub use scenario::FaultScenario;
pub use shrink::{ShrunkFailure, shortest};
pub use soak::{Soak, search};
