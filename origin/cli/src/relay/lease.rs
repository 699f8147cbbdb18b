//! Lease of a relay name, renewed while the relay runs: one relay at a time.

use super::stop::Stop;
use lastseat_ledger::{Fault, LeaseAct, LeaseReply, Ledger};
use lastseat_node::secret::Secret;
use shared::SaleId;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

/// A relay that died is followed by the next one after this time.
const LEASE: Duration = Duration::from_secs(5);
const RENEW: Duration = Duration::from_millis(1_500);
/// Pause after a call that failed, and between two looks at a lease that another one has.
const AGAIN: Duration = Duration::from_millis(250);

/// Why the lease does not hold.
#[derive(Debug)]
pub(super) enum Unleased {
    /// Another relay may have it by now.
    Lost,
    /// What lies in Redis is not ours.
    Corrupt(String),
}

/// What the lease is of.
#[derive(Debug)]
enum Leased {
    /// The position that is kept of a sale under a name.
    Stream(SaleId, String),
    /// The work of relaying all sales of a shop.
    Shop,
}

/// The lease of one relay's name.
#[derive(Debug)]
pub(super) struct Lease {
    ledger: Ledger,
    leased: Leased,
    token: Secret,
    /// By our clock, counted from before the call that got it: never later than in Redis.
    ends: Instant,
    renew: Instant,
}

impl Lease {
    /// The lease of a sale under a name, not claimed yet.
    pub(super) fn new(ledger: Ledger, sale: SaleId, name: String, token: Secret) -> Self {
        Self::of(ledger, Leased::Stream(sale, name), token)
    }

    /// The lease of the relay of all sales, not claimed yet. Its position is how often it was
    /// taken.
    pub(super) fn of_shop(ledger: Ledger, token: Secret) -> Self {
        Self::of(ledger, Leased::Shop, token)
    }

    fn of(ledger: Ledger, leased: Leased, token: Secret) -> Self {
        let now = Instant::now();
        Self { ledger, leased, token, ends: now, renew: now }
    }

    /// Asks for the lease once: the last position that was kept, or the outer `None` where another
    /// one has it.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(super) async fn try_claim(&mut self) -> Result<Option<Option<u64>>, Fault> {
        let reply = self.ask(LeaseAct::Claim, None).await?;
        Ok(reply.ours.then_some(reply.position))
    }

    /// Waits for the lease; the last position that was kept, or `None` when asked to stop before.
    pub(super) async fn claim(&mut self, stop: &mut Stop) -> Result<Option<Option<u64>>, Unleased> {
        let (mut said, mut away) = (false, false);
        loop {
            match self.ask(LeaseAct::Claim, None).await {
                Ok(reply) if reply.ours => return Ok(Some(reply.position)),
                Ok(_) if !said => {
                    match &self.leased {
                        Leased::Stream(_, name) => info!(
                            "another relay delivers as {name:?}, or one died a moment ago; waiting \
                             for it to end"
                        ),
                        Leased::Shop => info!(
                            "another process relays the webhooks; this one takes over when that \
                             one ends"
                        ),
                    }
                    said = true;
                }
                Ok(_) => away = false,
                Err(Fault::Corrupt(what)) => return Err(Unleased::Corrupt(what)),
                // Once: several processes may wait here for hours.
                Err(fault) if !away => {
                    warn!("{fault}; trying again");
                    away = true;
                }
                Err(_) => {}
            }
            if stop.sleep(AGAIN).await {
                return Ok(None);
            }
        }
    }

    /// Keeps `position`, trying as long as the lease lasts.
    pub(super) async fn keep_position(&mut self, position: u64) -> Result<(), Unleased> {
        self.renewed(Some(position)).await
    }

    /// Works, and renews the lease meanwhile. Work that outlasts the lease is dropped.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Unleased> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = sleep_until(self.renew) => self.renewed(None).await?,
            }
        }
    }

    /// Gives it back, so that the next relay need not wait.
    pub(super) async fn leave(&mut self) {
        if let Err(fault) = self.ask(LeaseAct::Leave, None).await {
            warn!("the lease was not given back ({fault}); it ends by itself");
        }
    }

    async fn renewed(&mut self, position: Option<u64>) -> Result<(), Unleased> {
        while Instant::now() < self.ends {
            match self.ask(LeaseAct::Renew, position).await {
                Ok(reply) if reply.ours => return Ok(()),
                Ok(_) => return Err(Unleased::Lost),
                Err(Fault::Corrupt(what)) => return Err(Unleased::Corrupt(what)),
                Err(fault) => warn!("{fault}; trying again"),
            }
            sleep(AGAIN).await;
        }
        Err(Unleased::Lost)
    }

    async fn ask(&mut self, act: LeaseAct, position: Option<u64>) -> Result<LeaseReply, Fault> {
        let asked = Instant::now();
        let lease_ms = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        let who = (self.token.reveal(), lease_ms);
        let reply = match &self.leased {
            Leased::Stream(sale, name) => {
                self.ledger.relay((sale, name.as_str()), who, act, position).await?
            }
            Leased::Shop => self.ledger.shop_relay(who, act, position).await?,
        };
        if reply.ours {
            self.ends = asked + LEASE;
            self.renew = asked + RENEW;
        }
        Ok(reply)
    }
}
