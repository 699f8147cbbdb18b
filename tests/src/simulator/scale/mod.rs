//! Scenario of scale: the quota protocol at a size that no laptop can run, hundreds of locations
//! with many isolates each, or some gateways, a million buyers, four nodes, one ledger. See
//! `docs/QUOTA.md`.

pub mod crowd;
pub mod gate_queue;
pub mod measures;
pub mod picture;
pub mod report;
pub mod run;
pub mod scenario;
mod setup;

pub use report::ScaleReport;
pub use run::run;
pub use scenario::{ScaleOptions, ScaleScenario};
