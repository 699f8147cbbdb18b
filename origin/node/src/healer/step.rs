//! One recovery step of one sale, without waiting for other nodes.

use crate::telemetry::metrics::{Counters, count};
use lastseat_ledger::ack_journal::AckedOrder;
use lastseat_ledger::recovery::{Heal, NodeDeclaration};
use lastseat_ledger::{Fault, Ledger};
use shared::limits::RESTORE_BATCH_MAX;
use shared::recovery::{Duty, Next, RecoveryLookup, RecoveryStage, Turn, View};
use shared::{OrderId, Pass, Restored, SaleId, SaleState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Orders that could not be restored and have a line of the log each, of one sale; all are counted
/// and listed in the ledger.
const NAMED_MAX: u64 = 100;
/// Pause between two looks whether sales still stand still, before audits begin.
const BUSY: Duration = Duration::from_millis(100);
/// Longest pause between two audits.
const AUDIT_PAUSE_MAX: Duration = Duration::from_secs(2);

/// One sale that this node has something to do for.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) duty: Duty,
    /// The history that its Redis writes.
    pub(super) history: String,
    /// Somebody asks for it: it does not wait for the node in whose share it is.
    pub(super) touched: bool,
    /// It lacks something of this node's for sure.
    pub(super) lacks: bool,
    pub(super) begun: Instant,
    pub(super) restored: u64,
    pub(super) unrestored: u64,
    turn: Turn,
    /// What was not restored yet.
    left: Vec<(OrderId, AckedOrder)>,
}

impl Item {
    pub(super) fn new(
        duty: Duty,
        look: &RecoveryLookup,
        left: Vec<(OrderId, AckedOrder)>,
        (lacks, touched): (bool, bool),
    ) -> Self {
        Self {
            duty,
            history: look.history.clone(),
            touched,
            lacks,
            begun: Instant::now(),
            restored: 0,
            unrestored: 0,
            turn: Turn::default(),
            left,
        }
    }
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Others have to do something first.
    Waits,
    /// Something was done, and more is to do.
    Moved,
    /// The sale goes on; up to this number entries of it were ever lost.
    Ended { lost: u64 },
    /// Redis was replaced once more.
    Replaced,
}

/// What every step needs.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) ledger: Ledger,
    pub(super) node: u16,
    pub(super) counters: Arc<Counters>,
}

impl Hands {
    /// Makes the next step for `sale`.
    pub(super) async fn step(
        &self,
        sale: SaleId,
        mut item: Item,
        view: &View,
    ) -> (SaleId, Item, Outcome) {
        let outcome = match item.duty {
            Duty::Adopt | Duty::None => self.adopt(&sale, &item, view).await,
            Duty::Restore => self.restore(&sale, &mut item, view).await,
            Duty::Late => self.restore_late(&sale, &mut item).await,
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(Fault::Corrupt(what)) => {
                tracing::error!("sale {sale} cannot recover: {what}");
                Outcome::Ended { lost: 0 }
            }
            Err(_) => Outcome::Waits,
        };
        (sale, item, outcome)
    }

    async fn heal(
        &self,
        sale: &SaleId,
        history: &str,
        made: Option<Pass>,
        view: &View,
    ) -> Result<Option<Heal>, Fault> {
        let says = NodeDeclaration { node: Some(self.node), made, history, view };
        let heal = self.ledger.heal(sale, &says).await?;
        if let Some(heal) = &heal {
            if heal.fell_behind {
                self.ledger.declare(None, &[], true).await?;
            }
            if heal.stage == (RecoveryStage::Whole { by_us: true }) {
                let recovering = self.ledger.recovering();
                recovering.has_ended(sale, !heal.lost.is_empty());
            }
        }
        Ok(heal)
    }

    async fn adopt(&self, sale: &SaleId, item: &Item, view: &View) -> Result<Outcome, Fault> {
        let heal = self.heal(sale, "", None, view).await?;
        Ok(match heal {
            None => Outcome::Ended { lost: 0 },
            Some(heal) if is_whole(heal.stage) => Outcome::Ended { lost: 0 },
            Some(heal) if heal.history != item.history => Outcome::Replaced,
            Some(_) => Outcome::Waits,
        })
    }

    async fn restore(&self, sale: &SaleId, item: &mut Item, view: &View) -> Result<Outcome, Fault> {
        let mut moved = false;
        loop {
            let history = item.history.clone();
            let made = item.turn.made();
            let Some(heal) = self.heal(sale, &history, made, view).await? else {
                return Ok(Outcome::Ended { lost: 0 });
            };
            if heal.history != item.history {
                return Ok(Outcome::Replaced);
            }
            match item.turn.next(heal.stage) {
                Next::Make(pass) => {
                    self.pass(sale, item, pass).await?;
                    item.turn.has_made(pass, !item.left.is_empty());
                    moved = true;
                }
                Next::Wait if moved => return Ok(Outcome::Moved),
                Next::Wait => return Ok(Outcome::Waits),
                Next::End => {
                    // Others may have gone on without this node: what still fits is restored.
                    self.pass(sale, item, Pass::Last).await?;
                    let lost = heal.lost.last().map_or(0, |(_, jumped)| *jumped);
                    return Ok(Outcome::Ended { lost });
                }
            }
        }
    }

    async fn restore_late(&self, sale: &SaleId, item: &mut Item) -> Result<Outcome, Fault> {
        self.pass(sale, item, Pass::Last).await?;
        let look = self.ledger.lookup(sale, None).await?;
        let lost = look.and_then(|look| look.lost.last().map(|(_, jumped)| *jumped));
        Ok(Outcome::Ended { lost: lost.unwrap_or(0) })
    }

    /// Makes one pass over what is left. It can be repeated.
    async fn pass(&self, sale: &SaleId, item: &mut Item, pass: Pass) -> Result<(), Fault> {
        let mut left = Vec::new();
        let mut restored = 0;
        for batch in item.left.chunks(RESTORE_BATCH_MAX) {
            let reply = self.ledger.restore(sale, self.node, batch, pass).await?;
            let became = reply.map_or_else(Vec::new, |(_, became)| became);
            for (one, became) in batch.iter().zip(became) {
                match became {
                    Restored::Done => restored += 1,
                    Restored::Present => {}
                    Restored::NoRoom | Restored::Conflict => left.push((one.clone(), became)),
                }
            }
        }
        item.restored += restored;
        let counter = &self.counters.orders_restored;
        counter.fetch_add(restored, Ordering::Relaxed);
        if pass == Pass::Last {
            for (_, why) in left.drain(..) {
                self.cannot(sale, item, why);
            }
        }
        item.left = left.into_iter().map(|(one, _)| one).collect();
        Ok(())
    }

    /// No line of the log names an order: its id opens it to whoever has it. The ledger's list
    /// does.
    fn cannot(&self, sale: &SaleId, item: &mut Item, why: Restored) {
        count(&self.counters.orders_unrestored);
        item.unrestored += 1;
        if item.unrestored <= NAMED_MAX {
            let why = match why {
                Restored::Conflict => "the ledger has another order under its id",
                _ => "its tickets are not free any more",
            };
            tracing::error!(
                "an acknowledged order of sale {sale} cannot be restored: {why}. lastseat orders \
                 unrestored {sale} names it"
            );
        }
    }
}

/// In which of `of` shares `sale` is: the same at every node, whatever other sales it serves.
pub(crate) fn place_of(sale: &SaleId, of: usize) -> usize {
    let bytes = sale.as_str().bytes();
    let sum = bytes.fold(0_u64, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
    usize::try_from((sum >> 7) % of.max(1) as u64).unwrap_or(0)
}

/// Audits the sales that went on here, one at a time, once none stands still here: a server that
/// lost its end may have more wrong than entries of the log, and only the audit counts. Each is
/// followed by a pause as long as itself, so that audits take at most half of a connection from
/// those who sell.
pub(super) async fn audit_all(ledger: Ledger, counters: Arc<Counters>) {
    let ledger = ledger.aside();
    loop {
        let sale = ledger.recovering().next_ended().await;
        while counters.sales_healing.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(BUSY).await;
        }
        let begun = Instant::now();
        audit(&ledger, &sale).await;
        tokio::time::sleep(begun.elapsed().min(AUDIT_PAUSE_MAX)).await;
    }
}

async fn audit(ledger: &Ledger, sale: &SaleId) {
    match ledger.audit(sale).await {
        Ok(Some(report)) if report.ok => {
            tracing::debug!("the audit of sale {sale} after its recovery found no difference");
        }
        Ok(Some(report)) => {
            for difference in &report.differences {
                tracing::error!("sale {sale}: {difference}");
            }
            let paused = ledger.set_state(sale, SaleState::Paused).await;
            tracing::error!(
                "the audit of sale {sale} after its recovery found {} differences; the sale is \
                 paused until an operator \
                 opens it ({paused:?})",
                report.differences.len() as u64 + report.more_differences
            );
        }
        Ok(None) => {}
        Err(fault) => tracing::error!(
            "sale {sale} recovered but was not audited: {fault}; run lastseat audit {sale}"
        ),
    }
}

/// Whether a sale that a step found at `stage` goes on.
const fn is_whole(stage: RecoveryStage) -> bool {
    matches!(stage, RecoveryStage::Whole { .. })
}
