//! The load generator behind `make rush`: exactly so many buyers, each with a name and a key of
//! their own, each asking until there is a final answer; then the proof that the ledger agrees with
//! what the buyers heard.

pub mod buyers;
pub mod crowd;
pub mod options;
pub mod order;
pub mod picture;
pub mod progress;
pub mod report;
pub mod run;
pub mod stage;
pub mod tally;
pub mod verdict;
pub mod waiting;

pub use options::LoadOptions;
pub use progress::Progress;
pub use report::LoadReport;
pub use run::{against, run};
