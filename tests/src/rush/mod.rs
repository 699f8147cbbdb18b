//! `make rush`: exactly so many buyers, each with a name and a key of their own, each asking until
//! there is a final answer; then the proof that the ledger agrees with what the buyers heard.

mod faults;
pub mod options;
pub mod picture;
pub(crate) mod plan_file;
pub mod progress;
pub mod report;
pub mod run;

pub use faults::RedisCut;
pub use options::LoadOptions;
pub use progress::Progress;
pub use report::LoadReport;
pub use run::{against, run};
