//! Lifecycle of a gateway: from its configuration to its shutdown.

use crate::config::GatewayConfig;
use crate::front::{Front, GatewayEntry};
use crate::shell::Shell;
use std::future::{self, Future};
use std::sync::Arc;

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    front: Front<Shell>,
    shell: Arc<Shell>,
}

impl Gateway {
    /// Checks the configuration of the edge, reads the certificate and listens.
    ///
    /// # Errors
    /// A sentence that says what to do: a variable is wrong, a port is taken ...
    pub fn start(config: GatewayConfig) -> Result<Self, String> {
        let shell = Arc::new(Shell::start(&config.edge, config.own_node)?);
        let front = Front::start(config.front, Arc::clone(&shell))?;
        Ok(Self { front, shell })
    }

    /// Where it listens.
    #[must_use]
    pub const fn entry(&self) -> &GatewayEntry {
        self.front.entry()
    }

    /// Serves until `stop` is ready, then finishes what was begun.
    ///
    /// # Errors
    /// A serving thread could not be started or ended before its time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), String> {
        let first_contact = async {
            self.shell.make_first_contact().await;
            future::pending().await
        };
        tokio::select! {
            ended = self.front.run(stop) => ended,
            never = first_contact => never,
        }
    }
}
