//! Recovery of sales whose ledger may lack acknowledged orders: the calls of `look.lua`,
//! `recovery.lua`, `heal.lua` and `restore.lua`.

use super::{Fault, Ledger, Reply, letter, part, preflight, redis_keys, reply, strange_letter};
use crate::ack_journal::AckedOrder;
use redis::{Cmd, Value};
use shared::limits::{HEAL_SILENCE_MS, RESTORE_BATCH_MAX, UNRESTORED_MAX};
use shared::recovery::{
    AwaitedNodes, Known, LostRanges, Nodes, RecoveryLookup, RecoveryStage, View,
};
use shared::{Order, OrderId, Pass, Restored, SaleId, SaleState, Snapshot, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Pause before somebody who has nothing to restore looks again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// What a node says when it takes part in the recovery of a sale.
#[derive(Clone, Debug)]
pub struct NodeDeclaration<'a> {
    /// Its number; `None` = a caller that acknowledged nothing.
    pub node: Option<u16>,
    /// The pass that it has made last, `None` = it only registers ...
    pub made: Option<Pass>,
    /// ... in this history of Redis; empty = it has nothing to restore.
    pub history: &'a str,
    /// Whom the sale waits for.
    pub view: &'a View,
}

/// How the recovery of a sale stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heal {
    /// How the sale stands.
    pub snapshot: Snapshot,
    /// Where it is.
    pub stage: RecoveryStage,
    /// The history of Redis.
    pub history: String,
    /// What earlier failovers lost: entries after the first number up to the second.
    pub lost: LostRanges,
    /// Whether this call found it behind in a history that nodes may have declared: they have to
    /// look again.
    pub fell_behind: bool,
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
    /// Its state as acknowledged.
    pub order: Order,
}

impl Ledger {
    /// Takes part in the recovery of `sale`; `None` when there is no such sale.
    ///
    /// # Errors
    /// See [`Fault`]. It can be repeated.
    pub async fn heal(
        &self,
        sale: &SaleId,
        says: &NodeDeclaration<'_>,
    ) -> Result<Option<Heal>, Fault> {
        let script = &self.scripts().heal;
        let last = self.acknowledged.last(sale);
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(5).arg(&redis_keys::of_sale(sale));
        command.arg(last.map_or(0, |last| last.commit_seq));
        command.arg(says.node.map_or_else(String::new, |node| node.to_string()));
        command.arg(says.made.map_or(0, |pass| pass as u8));
        command.arg(says.history);
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
        let view = says.view;
        command.arg(&view.history).arg(view.awaited.len());
        for (node, declared) in view.awaited.iter().chain(&view.missing) {
            command.arg(*node).arg(u8::from(*declared));
        }
        let Some(parts) = self.run(script, &command).await? else {
            return Ok(None);
        };
        let found = reply::number(part(&parts, 3)?)?;
        let stage = match letter(&parts)? {
            b'w' => RecoveryStage::Whole { by_us: false },
            b'd' => RecoveryStage::Whole { by_us: true },
            letter @ b'0'..=b'3' => RecoveryStage::Heals { found, made: Pass::of(letter - b'0') },
            other => return Err(strange_letter(script, other)),
        };
        let snapshot = match stage {
            RecoveryStage::Whole { .. } => self.observed(sale, &parts)?,
            RecoveryStage::Heals { .. } => self.snapshot_in_recovery(&parts)?,
        };
        let Value::Array(numbers) = part(&parts, 4)? else {
            return Err(reply::strange("a list of numbers", part(&parts, 4)?));
        };
        let numbers: Result<Vec<u64>, Fault> = numbers.iter().map(reply::number).collect();
        Ok(Some(Heal {
            snapshot,
            stage,
            history: reply::text(part(&parts, 2)?)?.to_owned(),
            lost: pairs(&numbers?),
            fell_behind: reply::number(part(&parts, 5)?)? == 1,
        }))
    }

    /// Whether `sale` was last whole under `history`. It reads one field and runs no script.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn is_whole_under(&self, sale: &SaleId, history: &str) -> Result<bool, Fault> {
        let [key, ..] = redis_keys::of_sale(sale);
        let mut command = redis::cmd("HGET");
        command.arg(key).arg("history");
        let found = self.call(&command).await?;
        Ok(matches!(found, Value::BulkString(found) if found == history.as_bytes()))
    }

    /// How `sale` stands in its recovery, for `node`; nothing is changed. `None` when there is no
    /// such sale.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn lookup(
        &self,
        sale: &SaleId,
        node: Option<u16>,
    ) -> Result<Option<RecoveryLookup>, Fault> {
        let script = &self.scripts().look;
        let [key, ..] = redis_keys::of_sale(sale);
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(1).arg(key);
        command.arg(node.map_or_else(String::new, |node| node.to_string()));
        let Some(parts) = self.run(script, &command).await? else {
            return Ok(None);
        };
        let text = |index| reply::text(part(&parts, index)?);
        let number = |index| match text(index)? {
            "" => Ok(None),
            _ => reply::number(part(&parts, index)?).map(Some),
        };
        let (history, last) = (text(0)?.to_owned(), text(1)?);
        let commit_seq = reply::number(part(&parts, 2)?)?;
        // A sale of a lastseat that knew of no histories is taken to be whole.
        let whole = last.is_empty() || last == history;
        let of_this_one = text(5)? == history;
        let found = number(6)?.filter(|_| !whole).unwrap_or(commit_seq);
        let mark = number(7)?.filter(|_| of_this_one);
        let lost: Vec<u64> =
            text(4)?.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        Ok(Some(RecoveryLookup {
            whole,
            found,
            state: SaleState::parse(text(3)?)
                .ok_or_else(|| reply::strange("a state", &parts[3]))?,
            lost: pairs(&lost),
            mark: mark.and_then(|mark| u8::try_from(mark).ok()),
            marks_only: of_this_one && number(8)?.is_some(),
            history,
        }))
    }

    /// The histories that the servers which take orders write, as far as they answer: whoever finds
    /// one that did not looks again.
    ///
    /// # Errors
    /// Nobody says which servers there are.
    pub async fn histories(&self) -> Result<BTreeSet<String>, Fault> {
        let wires = self.link.wires().await.map_err(Fault::NotSent)?;
        let mut histories = BTreeSet::new();
        for (_, wire) in wires {
            let Ok(info) = preflight::info(&wire).await else {
                continue;
            };
            let history = info.lines().find_map(|line| line.strip_prefix("master_replid:"));
            histories.extend(history.map(|history| history.trim().to_owned()));
        }
        Ok(histories)
    }

    /// Declares that `node` has registered each sale that it may have to restore in these histories
    /// of Redis, and says what is known of all nodes. `behind`: a sale was found behind, and all
    /// nodes have to look again.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn declare(
        &self,
        node: Option<u16>,
        histories: &[String],
        behind: bool,
    ) -> Result<Nodes, Fault> {
        let script = &self.scripts().recovery;
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(2);
        command.arg(redis_keys::NODES).arg(redis_keys::RECOVERY);
        command.arg(node.map_or_else(String::new, |node| node.to_string()));
        command.arg(histories.join(" ")).arg(u8::from(behind));
        let parts = self.run(script, &command).await?.unwrap_or_default();
        let at = UnixMillis(reply::number(part(&parts, 0)?)?);
        self.clock.observe(at);
        let Value::Array(items) = part(&parts, 2)? else {
            return Err(reply::strange("a list of nodes", part(&parts, 2)?));
        };
        let mut known = BTreeMap::new();
        for item in items.chunks_exact(4) {
            let weight = u32::try_from(reply::number(&item[1])?);
            let weight = weight.map_err(|_| reply::strange("a weight", &item[1]))?;
            let declared = reply::text(&item[3])?.split_whitespace();
            let of_node = Known {
                weight,
                beat: UnixMillis(reply::number(&item[2])?),
                declared: declared.map(str::to_owned).collect(),
            };
            known.insert(reply::node(&item[0])?, of_node);
        }
        Ok(Nodes {
            at,
            known,
            behind: reply::number(part(&parts, 1)?)?,
            history: reply::text(part(&parts, 3)?)?.to_owned(),
        })
    }

    /// Lets `sale` go on where it lacks nothing of anybody's and all nodes that are waited for have
    /// said so; whether it does. One call where one server has all sales.
    ///
    /// # Errors
    /// See [`Fault`]. It can be repeated.
    pub async fn adopt(&self, sale: &SaleId) -> Result<bool, Fault> {
        let view = match self.recovering.only_view() {
            Some(view) => view,
            None => match self.lookup(sale, None).await? {
                Some(look) => self.recovering.view(&look.history),
                None => return Ok(false),
            },
        };
        let Some(view) = view.filter(|view| view.is_declared()) else {
            return Ok(false);
        };
        let says = NodeDeclaration { node: None, made: None, history: "", view: &view };
        let Some(heal) = self.heal(sale, &says).await? else {
            return Ok(false);
        };
        if heal.fell_behind {
            self.declare(None, &[], true).await?;
        }
        match heal.stage {
            RecoveryStage::Whole { by_us } => {
                if by_us {
                    self.recovering.has_ended(sale, !heal.lost.is_empty());
                }
                Ok(true)
            }
            RecoveryStage::Heals { .. } => Ok(false),
        }
    }

    /// Ends the recovery of `sale` where no node runs that would: for a restored backup, into which
    /// the shop's copy of the log is to be replayed before any node sells. Nodes that live are
    /// waited for as they wait for each other.
    ///
    /// # Errors
    /// See [`Fault`]; after three times [`HEAL_SILENCE_MS`] that the sale still recovers.
    pub async fn recover_without_nodes(&self, sale: &SaleId) -> Result<(), Fault> {
        let begun = Instant::now();
        let mut awaited = AwaitedNodes::new(None);
        let Some(look) = self.lookup(sale, None).await? else {
            return Ok(());
        };
        let mut history = look.history;
        loop {
            let now = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            awaited.begin(&history, &BTreeSet::new(), now);
            awaited.receive(self.declare(None, &[], false).await?, now);
            let view = awaited.view(&history, now);
            let says = NodeDeclaration { node: None, made: None, history: "", view: &view };
            let Some(heal) = self.heal(sale, &says).await? else {
                return Ok(());
            };
            if heal.fell_behind {
                self.declare(None, &[], true).await?;
            }
            if matches!(heal.stage, RecoveryStage::Whole { .. }) {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_millis(3 * HEAL_SILENCE_MS) {
                return Err(healing(sale));
            }
            history = heal.history;
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Restores acknowledged orders, at most [`RESTORE_BATCH_MAX`]; what became of each, in their
    /// order. In the last pass those that cannot be restored are listed for the operator.
    ///
    /// # Errors
    /// See [`Fault`]; [`Fault::NotSent`] where Redis was replaced and no node has registered with
    /// the sale since. It can be repeated.
    pub async fn restore(
        &self,
        sale: &SaleId,
        node: u16,
        orders: &[(OrderId, AckedOrder)],
        pass: Pass,
    ) -> Reply<Vec<Restored>> {
        assert!(orders.len() <= RESTORE_BATCH_MAX, "a bounded batch");
        let script = &self.scripts().restore;
        let words = |command: &mut Cmd, _| {
            command.arg(node).arg(pass as u8).arg(UNRESTORED_MAX);
            for (id, acked) in orders {
                command.arg(id.as_str()).arg(acked.order.pack());
            }
        };
        let list = Some(redis_keys::unrestored(sale));
        let Some(parts) = self.run_either(sale, script, (0, list), words).await? else {
            return Ok(None);
        };
        let letters = reply::text(part(&parts, 1)?)?.as_bytes();
        if letters == b"y" {
            return Err(healing(sale));
        }
        if letters.len() != orders.len() {
            return Err(reply::strange("a letter for each order", part(&parts, 1)?));
        }
        let snapshot = self.snapshot_in_recovery(&parts)?;
        let became = |letter: &u8| {
            Restored::of(*letter).ok_or_else(|| strange_letter(&script.plain, *letter))
        };
        let became: Result<_, Fault> = letters.iter().map(became).collect();
        Ok(Some((snapshot, became?)))
    }

    /// The orders that were acknowledged and could not be restored, by id; at most some
    /// [`UNRESTORED_MAX`].
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn unrestored(&self, sale: &SaleId) -> Result<Vec<Unrestored>, Fault> {
        let reply = self.call(redis::cmd("HGETALL").arg(redis_keys::unrestored(sale))).await?;
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
        command.arg(redis_keys::unrestored(sale)).arg(id.as_str());
        Ok(reply::number(&self.call(&command).await?)? > 0)
    }
}

/// The error of calls while a sale recovers.
pub(super) fn healing(sale: &SaleId) -> Fault {
    Fault::NotSent(format!("sale {sale} is being made whole after Redis was restarted or replaced"))
}

fn pairs(numbers: &[u64]) -> LostRanges {
    let pairs = numbers.chunks_exact(2);
    pairs.map(|pair| (pair[0], pair[1])).collect()
}
