//! The configuration of one gateway, checked.

use crate::front::FrontConfig;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use lastseat_link::{InProcessAnswer, InProcessNode, LinkAnswer};

/// What one gateway runs with.
#[derive(Debug)]
pub struct GatewayConfig {
    /// Where and how it serves.
    pub front: FrontConfig,
    /// What it does as an edge.
    pub edge: EdgeVariables,
    /// The node of its process, if there is one.
    pub own_node: Option<OwnNode>,
}

/// A node in the process of a gateway.
#[derive(Clone, Debug)]
pub struct OwnNode {
    /// Its address, as the table of the nodes has it.
    pub url: String,
    /// What places orders there; all else is sent to its address.
    pub orders: Arc<dyn InProcessNode>,
}

/// The variables of an edge by their names, such as `ORIGINS`, as a Worker has them. Some are
/// secrets: `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct EdgeVariables(BTreeMap<&'static str, String>);

impl EdgeVariables {
    /// Sets a variable; one without a value stays absent.
    pub fn set(&mut self, name: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.0.insert(name, value);
        }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl fmt::Debug for EdgeVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_the_names_of_variables_and_not_their_values() {
        let mut variables = EdgeVariables::default();
        variables.set("LASTSEAT_EDGE_KEY", Some("0123456789abcdef".to_owned()));
        variables.set("ZONE", None);
        assert_eq!(variables.get("LASTSEAT_EDGE_KEY").as_deref(), Some("0123456789abcdef"));
        assert_eq!(variables.get("ZONE"), None);
        assert_eq!(format!("{variables:?}"), "{\"LASTSEAT_EDGE_KEY\"}");
    }
}
