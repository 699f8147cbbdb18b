//! Relay lease calls: which relay delivers under a name, and its position.

use super::{Fault, Ledger, part, redis_keys, reply};
use shared::SaleId;

/// What a relay does with the lease of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseAct {
    /// Takes it if nobody has it.
    Claim,
    /// Keeps it.
    Renew,
    /// Gives it back.
    Leave,
}

/// How the lease stands after a [`LeaseAct`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseReply {
    /// Whether the caller has it (or had it until it left).
    pub ours: bool,
    /// The last `commit_seq` that was delivered under this name; `None` = none yet.
    pub position: Option<u64>,
}

impl Ledger {
    /// Asks for the lease of the relay `name` with the caller's own `token`, and keeps `position`
    /// if the caller has it.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn relay(
        &self,
        (sale, name): (&SaleId, &str),
        (token, lease_ms): (&str, u64),
        act: LeaseAct,
        position: Option<u64>,
    ) -> Result<LeaseReply, Fault> {
        self.lease(&redis_keys::of_relay(sale, name), (token, lease_ms), act, position).await
    }

    /// The same of the relay of all sales of a shop, of which one process at a time is at work; its
    /// position is how often the lease was taken.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn shop_relay(
        &self,
        (token, lease_ms): (&str, u64),
        act: LeaseAct,
        turn: Option<u64>,
    ) -> Result<LeaseReply, Fault> {
        let keys = redis_keys::WEBHOOKS_LEASE.map(str::to_owned);
        self.lease(&keys, (token, lease_ms), act, turn).await
    }

    async fn lease(
        &self,
        keys: &[String; 2],
        (token, lease_ms): (&str, u64),
        act: LeaseAct,
        position: Option<u64>,
    ) -> Result<LeaseReply, Fault> {
        let script = &self.scripts().relay;
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(2).arg(keys);
        command.arg(token).arg(lease_ms).arg(match act {
            LeaseAct::Claim => "claim",
            LeaseAct::Renew => "renew",
            LeaseAct::Leave => "leave",
        });
        command.arg(position.map_or_else(String::new, |position| position.to_string()));
        let parts = self.run(script, &command).await?.unwrap_or_default();
        let kept = part(&parts, 1)?;
        Ok(LeaseReply {
            ours: reply::number(part(&parts, 0)?)? == 1,
            position: match reply::text(kept)? {
                "" => None,
                _ => Some(reply::number(kept)?),
            },
        })
    }
}
