//! The ready line of a node, printed as JSON once it listens: where it serves and who it is.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Its number.
    pub id: u16,
    /// Its weight.
    pub weight: u32,
    /// Where orders go.
    pub url: String,
    /// Where operators go.
    pub admin: String,
    /// Its process.
    pub pid: u32,
    /// Its log of decisions.
    pub stat_log: PathBuf,
    /// Where it faces buyers, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<PublicSide>,
    /// The data centre that the cluster put it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// The side of a node that faces buyers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicSide {
    /// Where buyers and shops go.
    pub url: String,
    /// Where operators of this side go.
    pub admin: String,
}
