//! Rate limit of each client address at this node.

use super::edge_auth::EdgeAuth;
use lastseat_ledger::clock;
use shared::admission::rate_limit::{Rate, RateLimiter};
use shared::limits::ORIGIN_CLIENTS_MAX;
use std::sync::{Mutex, PoisonError};

/// The buckets of all clients.
#[derive(Debug)]
pub struct Clients(Mutex<RateLimiter>);

impl Clients {
    /// Full buckets.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        // With it one could choose addresses that share a set.
        let seed = getrandom::u64().unwrap_or_else(|_| fastrand::u64(..));
        Self(Mutex::new(RateLimiter::new(rate, ORIGIN_CLIENTS_MAX, seed)))
    }

    /// Takes one request out of the bucket of the client behind `sender`; an error is when there is
    /// one in it again, in milliseconds.
    pub(super) fn take(&self, sender: &EdgeAuth) -> Result<(), u32> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(sender.client(), clock::now())
    }
}
