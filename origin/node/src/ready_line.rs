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
    /// The data centre that the cluster put it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}
