//! Healing a sale whose ledger may lack acknowledged orders: what `heal.lua` and `restore.lua` are told and answer.

use super::{Fault, Ledger, Reply, keys, letter, part, reply, strange_letter};
use crate::acknowledged::Told;
use redis::Value;
use shared::limits::{HEAL_PATIENCE_MS, RESTORE_BATCH_MAX, UNRESTORED_MAX};
use shared::{Order, OrderId, Pass, Restored, SaleId, Snapshot, UnixMillis};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Pause before somebody who has nothing to restore looks again.
const LOOK: Duration = Duration::from_millis(50);

/// What a node says when it takes part in the healing of a sale.
#[derive(Clone, Debug)]
pub struct Says {
    /// Its number; `None` = a caller that acknowledged nothing.
    pub node: Option<u16>,
    /// The pass that it has made last ...
    pub made: Option<Pass>,
    /// ... in this history of Redis.
    pub history: String,
    /// The nodes that are waited for, beside those that live.
    pub awaited: BTreeSet<u16>,
}

/// How the healing of a sale stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heal {
    /// How the sale stands.
    pub snapshot: Snapshot,
    /// Where it is.
    pub stage: Stage,
    /// The history of Redis.
    pub history: String,
    /// What earlier failovers lost: entries after the first number up to the second.
    pub lost: Vec<(u64, u64)>,
}

/// Where the healing of a sale is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The sale is whole; `by_us` = this call ended its healing.
    Whole {
        /// Whether it was not before.
        by_us: bool,
    },
    /// It heals.
    Heals {
        /// The last entry of the log that was found; what came after it is to be restored.
        found: u64,
        /// The pass that all nodes have made that are waited for.
        made: Option<Pass>,
    },
}

impl Heal {
    /// Whether what was acknowledged with the entry at `commit_seq` may be missing.
    #[must_use]
    pub fn may_lack(&self, commit_seq: u64) -> bool {
        let open = matches!(self.stage, Stage::Heals { found, .. } if commit_seq > found);
        let lost = |(found, jumped): &(u64, u64)| commit_seq > *found && commit_seq <= *jumped;
        open || self.lost.iter().any(lost)
    }
}

/// An order that was acknowledged and could not be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrestored {
    /// Its id.
    pub id: OrderId,
    /// Why.
    pub why: Restored,
    /// Which node had acknowledged it.
    pub node: u16,
    /// When it was tried last.
    pub at: UnixMillis,
    /// How it was told to be.
    pub order: Order,
}

impl Ledger {
    /// Takes part in the healing of `sale`; `None` when there is no such sale.
    ///
    /// # Errors
    /// See [`Fault`]. It can be repeated.
    pub async fn heal(&self, sale: &SaleId, says: &Says) -> Result<Option<Heal>, Fault> {
        // A node that has just started knows of the others only from here.
        let nodes = self.nodes().await?;
        let awaited: BTreeSet<u16> = says.awaited.union(&nodes.live).copied().collect();
        let script = &self.scripts().heal;
        let last = self.acknowledged.last(sale);
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(5).arg(&keys::of_sale(sale));
        command.arg(last.map_or(0, |last| last.commit_seq));
        command.arg(says.node.map_or_else(String::new, |node| node.to_string()));
        command.arg(says.made.map_or(0, |pass| pass as u8));
        command.arg(&says.history).arg(HEAL_PATIENCE_MS);
        match last {
            Some(last) => {
                let terms = &last.terms;
                command.arg(last.capacity).arg(last.state.as_str());
                command.arg(terms.opens_at.0).arg(terms.closes_at.0);
                command.arg(terms.hold_ms).arg(terms.buyer_limit);
                command.arg(terms.order_limit);
            }
            None => {
                command.arg(&[""; 7]);
            }
        }
        command.arg(awaited.len());
        for node in awaited.iter().chain(nodes.known.difference(&awaited)) {
            command.arg(*node);
        }
        let Some(parts) = self.run(script, &command).await? else {
            return Ok(None);
        };
        let snapshot = self.heard(sale, &parts)?;
        let found = reply::number(part(&parts, 3)?)?;
        let stage = match letter(&parts)? {
            b'w' => Stage::Whole { by_us: false },
            b'd' => Stage::Whole { by_us: true },
            letter @ b'0'..=b'3' => Stage::Heals {
                found,
                made: Pass::of(letter - b'0'),
            },
            other => return Err(strange_letter(script, other)),
        };
        let Value::Array(numbers) = part(&parts, 4)? else {
            return Err(reply::strange("a list of numbers", part(&parts, 4)?));
        };
        let numbers: Result<Vec<u64>, Fault> = numbers.iter().map(reply::number).collect();
        Ok(Some(Heal {
            snapshot,
            stage,
            history: reply::text(part(&parts, 2)?)?.to_owned(),
            lost: numbers?
                .chunks_exact(2)
                .map(|pair| (pair[0], pair[1]))
                .collect(),
        }))
    }

    /// Heals `sale` for a caller that has nothing to restore, such as a command: waits until the nodes that live have, or
    /// for longer than they would wait for each other.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn heal_alone(&self, sale: &SaleId) -> Result<(), Fault> {
        let begun = Instant::now();
        let says = Says {
            node: None,
            made: Some(Pass::Last),
            history: String::new(),
            awaited: BTreeSet::new(),
        };
        loop {
            match self.heal(sale, &says).await? {
                None => return Ok(()),
                Some(heal) if matches!(heal.stage, Stage::Whole { .. }) => return Ok(()),
                Some(_) if begun.elapsed() > Duration::from_millis(3 * HEAL_PATIENCE_MS) => {
                    return Err(healing(sale));
                }
                Some(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Restores acknowledged orders, at most [`RESTORE_BATCH_MAX`]; what became of each, in their order. In the last pass
    /// those that cannot be restored are listed for the operator.
    ///
    /// # Errors
    /// See [`Fault`]. It can be repeated.
    pub async fn restore(
        &self,
        sale: &SaleId,
        node: u16,
        orders: &[(OrderId, Told)],
        pass: Pass,
    ) -> Reply<Vec<Restored>> {
        assert!(orders.len() <= RESTORE_BATCH_MAX, "a bounded batch");
        let script = &self.scripts().restore;
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(6).arg(&keys::of_sale(sale));
        command.arg(keys::unrestored(sale)).arg(0).arg(node);
        command.arg(pass as u8).arg(UNRESTORED_MAX);
        for (id, told) in orders {
            command.arg(id.as_str()).arg(told.order.pack());
        }
        let Some(parts) = self.run(script, &command).await? else {
            return Ok(None);
        };
        let letters = reply::text(part(&parts, 1)?)?.as_bytes();
        if letters.len() != orders.len() {
            return Err(reply::strange("a letter for each order", part(&parts, 1)?));
        }
        let snapshot = self.heard(sale, &parts)?;
        let became =
            |letter: &u8| Restored::of(*letter).ok_or_else(|| strange_letter(script, *letter));
        let became: Result<_, Fault> = letters.iter().map(became).collect();
        Ok(Some((snapshot, became?)))
    }

    /// The orders that were acknowledged and could not be restored, by id; at most some [`UNRESTORED_MAX`].
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn unrestored(&self, sale: &SaleId) -> Result<Vec<Unrestored>, Fault> {
        let reply = self
            .call(redis::cmd("HGETALL").arg(keys::unrestored(sale)))
            .await?;
        let items = reply::items(reply)?;
        let mut orders = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            let id = OrderId::parse(reply::text(&pair[0])?);
            let id = id.map_err(|_| reply::strange("an order id", &pair[0]))?;
            let words: Vec<&str> = reply::text(&pair[1])?.splitn(4, ' ').collect();
            let read = || -> Option<Unrestored> {
                let [letter, node, at, record] = words.as_slice() else {
                    return None;
                };
                Some(Unrestored {
                    why: Restored::of(*letter.as_bytes().first()?)?,
                    node: node.parse().ok()?,
                    at: UnixMillis(at.parse().ok()?),
                    order: Order::unpack(&id, record).ok()?,
                    id: id.clone(),
                })
            };
            orders.push(read().ok_or_else(|| reply::strange("an unrestored order", &pair[1]))?);
        }
        orders.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(orders)
    }

    /// Takes an order off the list of those that could not be restored; `false` = it was not there.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn settle_unrestored(&self, sale: &SaleId, id: &OrderId) -> Result<bool, Fault> {
        let mut command = redis::cmd("HDEL");
        command.arg(keys::unrestored(sale)).arg(id.as_str());
        Ok(reply::number(&self.call(&command).await?)? > 0)
    }
}

/// What a caller hears while a sale heals.
pub(super) fn healing(sale: &SaleId) -> Fault {
    Fault::NotSent(format!(
        "sale {sale} is being made whole after Redis was restarted or replaced"
    ))
}
