//! The load generator of `rush`, the bench, the fault injection tests and the tests: raw HTTP/1.1
//! over connections that stay open, on one thread, because it shares the machine with what it
//! measures; and the accounting of the answers, held against the ledger.
//!
//! [`crowd`] sends, [`connection`] is one connection, [`request`] what is asked, [`reply`] what an
//! answer means, [`tally`] what all answers were, [`verdict`] whether the ledger agrees.

pub mod buyers;
pub mod connection;
pub mod crowd;
pub mod invented;
mod pacer;
pub mod reply;
pub mod request;
pub mod stage;
pub mod tally;
pub mod verdict;
mod waiting;

pub use buyers::Buyers;
pub use connection::LoadConnection;
pub use crowd::{CrowdLoad, CrowdOutcomes, Pace, send};
pub use invented::InventedCall;
pub use reply::LastReply;
pub use request::LoadRequest;
pub use stage::LoadStage;
pub use tally::{LoadTally, LoadTimes, OrderOutcome, Percentiles};
