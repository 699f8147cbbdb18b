//! The version of HTTP that a load is sent over.

use clap::ValueEnum;
use serde::Serialize;

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LoadProtocol {
    /// HTTP/1.1: a connection carries one request at a time.
    #[default]
    H1,
    /// HTTP/2 in clear, with prior knowledge: 32 requests are under way on a connection.
    H2,
}
