//! The quota protocol at a size that no laptop can run: hundreds of locations with many isolates each, a
//! million buyers, four nodes, one ledger, in one thread and without a clock.
//!
//! All that decides is the code that decides in production: [`shared::Gates`], [`shared::Grant`],
//! [`shared::SaleHint`], [`shared::NodeBudget`], the router, and the ledger's rules in [`shared::ledger_model`]. Only what lies between
//! is modelled: the network, service times, and who comes when. One seed, one history.

pub mod crowd;
pub mod ledger;
pub mod location;
pub mod measures;
pub mod node;
pub mod options;
pub mod picture;
pub mod report;
pub mod scenario;
pub mod world;

pub use options::ScaleOptions;
pub use report::ScaleReport;
pub use scenario::ScaleScenario;
pub use world::run;
