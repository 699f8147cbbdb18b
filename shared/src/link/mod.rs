//! The link: a long-lived connection from a gateway to a node, with orders in signed batches and
//! answers as they are decided.
//!
//! It begins as a request `GET /v1/link` with the headers `Upgrade: lastseat-link/1`, the edge's id
//! and the usual signature ([`crate::auth::edge_signature`]). The node answers 101 with a nonce of
//! its own. A node of an earlier version answers 404 and is sent plain requests.
//!
//! After that both sides send frames: a length of four bytes, a kind, a payload; all numbers are
//! big-endian. A frame of the gateway also has a number and a code over nonce, edge id, kind,
//! number and payload ([`frame`]). Nothing here does I/O.

pub mod answers;
mod codec;
pub mod frame;
pub mod orders;
#[cfg(test)]
mod tests;

pub use answers::{AnswerWriter, LinkAnswers, LinkGrant, ReadAnswer};
pub use codec::Malformed;
pub use frame::{FromGateway, FromNode, LinkNonce, LinkRejection, LinkSession};
pub use orders::{LinkOrder, OrdersReader, OrdersWriter};

/// Where a link is opened.
pub const PATH: &str = "/v1/link";
/// Name and version, as the header `Upgrade` has them.
pub const PROTOCOL: &str = "lastseat-link/1";
/// Node to gateway, in the answer that opens a link: the nonce, 32 hexadecimal digits.
pub const NONCE_HEADER: &str = "lastseat-link-nonce";
/// Node to gateway, in the same answer: what it takes that nodes of earlier versions did not.
pub const TAKES_HEADER: &str = "lastseat-link-takes";
/// The value of that header of a node that takes [`LinkOrder::wanted`]. To others it is not sent.
pub const TAKES_WANTED: &str = "for";
