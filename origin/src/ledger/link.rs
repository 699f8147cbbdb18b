//! One connection to Redis that is replaced when it breaks. All calls share it: redis-rs sends
//! them down one socket and sorts the replies.

use super::fault::{self, Fault};
use super::scripts::Script;
use super::url::LedgerUrl;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value};
use shared::limits::LEDGER_DEADLINE_MS;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A shared, self-replacing connection.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    slot: Arc<Mutex<Slot>>,
}

/// The present connection; `generation` tells a broken one from its replacement.
#[derive(Default)]
struct Slot {
    generation: u64,
    connection: Option<MultiplexedConnection>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(url: &LedgerUrl) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(url.info())?,
            slot: Arc::default(),
        })
    }

    /// A link of its own to the same server, for calls that must not stand in line with orders.
    pub(super) fn another(&self) -> Self {
        Self {
            client: self.client.clone(),
            slot: Arc::default(),
        }
    }

    /// Sends one command.
    ///
    /// # Errors
    /// With the verdict on whether it may have been carried out.
    pub(super) async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        self.send(command).await.map_err(|error| error.verdict())
    }

    /// Runs a script by its hash, loading it first where the server does not know it (a new or
    /// restarted server, or after SCRIPT FLUSH).
    pub(super) async fn run(&self, script: &Script, command: &Cmd) -> Result<Value, Fault> {
        match self.send(command).await {
            Err(Trouble::Sent(error)) if error.code() == Some("NOSCRIPT") => {
                let mut load = redis::cmd("SCRIPT");
                load.arg("LOAD").arg(&script.text);
                // Loading changes no ticket, so whatever goes wrong here, nothing happened.
                self.send(&load)
                    .await
                    .map_err(|e| Fault::NotSent(e.text()))?;
                self.call(command).await
            }
            other => other.map_err(|error| error.verdict()),
        }
    }

    async fn send(&self, command: &Cmd) -> Result<Value, Trouble> {
        let (generation, mut connection) =
            self.connection().await.map_err(Trouble::NotConnected)?;
        let reply = connection.send_packed_command(command).await;
        let reply = reply.and_then(Value::extract_error);
        if let Err(error) = &reply
            && breaks_connection(error)
        {
            self.discard(generation).await;
        }
        reply.map_err(Trouble::Sent)
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), RedisError> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((slot.generation, connection.clone()));
        }
        // Held over the connect on purpose: one attempt at a time, the others wait for its outcome.
        let deadline = Duration::from_millis(LEDGER_DEADLINE_MS);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(deadline))
            .set_response_timeout(Some(deadline));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        slot.generation += 1;
        slot.connection = Some(connection.clone());
        Ok((slot.generation, connection))
    }

    async fn discard(&self, generation: u64) {
        let mut slot = self.slot.lock().await;
        if slot.generation == generation {
            slot.connection = None;
        }
    }
}

enum Trouble {
    NotConnected(RedisError),
    Sent(RedisError),
}

impl Trouble {
    fn verdict(&self) -> Fault {
        match self {
            Self::NotConnected(error) => Fault::NotSent(error.to_string()),
            Self::Sent(error) => fault::verdict(error),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::NotConnected(error) | Self::Sent(error) => error.to_string(),
        }
    }
}

/// A server that became a replica keeps the connection open and answers READONLY for ever, and one
/// that froze may answer late calls out of time: both need a new connection.
fn breaks_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
}
