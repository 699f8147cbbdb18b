//! The load generator of `rush`, the bench, the fault injection tests and the tests: raw HTTP/1.1
//! over connections that stay open, or HTTP/2, on one thread, because it shares the machine with
//! what it measures; and the accounting of the answers, held against the ledger.
//!
//! [`crowd`] sends, [`connection`] is one connection (with HTTP/2 several share one, `streams`),
//! [`protocol`] says over which of both, [`request`] what is asked, [`reply`] what an
//! answer means, [`tally`] what all answers were, [`verdict`] whether the ledger agrees. Of a sale
//! with a plan [`travellers`] says what is wanted, [`seat_verdict`] recounts what was sold.

pub mod buyers;
pub mod connection;
pub mod crowd;
pub mod invented;
mod pacer;
pub mod protocol;
pub mod reply;
pub mod request;
pub mod seat_verdict;
pub mod stage;
mod streams;
pub mod tally;
pub mod travellers;
pub mod verdict;
mod waiting;

pub use buyers::Buyers;
pub use connection::LoadConnection;
pub use crowd::{CrowdLoad, CrowdOutcomes, Pace, send};
pub use invented::InventedCall;
pub use protocol::LoadProtocol;
pub use reply::LastReply;
pub use request::LoadRequest;
pub use seat_verdict::SeatVerdict;
pub use stage::LoadStage;
pub use tally::{LoadTally, LoadTimes, OrderOutcome, Percentiles};
pub use travellers::Travellers;
