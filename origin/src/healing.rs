//! Heals sales after Redis was restarted or replaced by one that lacks its last moments: this node's part in it. The
//! ledger keeps how far each node is, so that nobody leads and nobody is asked but the ledger.

use crate::acknowledged::{Orders, Told};
use crate::ledger::heal::{Heal, Says, Stage};
use crate::ledger::{Fault, Ledger};
use crate::metrics::{Counters, count};
use crate::nodes::Nodes;
use shared::limits::{HEALS_MAX, RESTORE_BATCH_MAX, SALES_MAX};
use shared::{OrderId, Pass, Restored, SaleId, SaleState};
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Pause between two looks at what the others do.
const LOOK: Duration = Duration::from_millis(25);
/// Pause while the ledger does not answer.
const AWAY: Duration = Duration::from_millis(100);
/// Orders that could not be restored and have a line of the log each; all are counted and listed in the ledger.
const NAMED_MAX: usize = 100;

/// What one node does to heal its sales.
#[derive(Debug)]
pub(crate) struct Healer {
    ledger: Ledger,
    nodes: Arc<Nodes>,
    counters: Arc<Counters>,
    /// Sales that are being healed here.
    at_work: Mutex<HashSet<SaleId>>,
    room: Semaphore,
    /// What this node acknowledged, as it was read last.
    reading: tokio::sync::Mutex<Option<Reading>>,
}

/// The journal, read in one history of Redis.
#[derive(Clone, Debug)]
struct Reading {
    history: String,
    noted: u64,
    orders: Arc<Orders>,
}

type Mine = Vec<(OrderId, Told)>;

impl Healer {
    /// Begins; ends when it is dropped. All sales are looked at once, for this node may have been away when they were
    /// healed.
    pub(crate) fn start(ledger: Ledger, nodes: Arc<Nodes>, counters: Arc<Counters>) -> Arc<Self> {
        let acknowledged = ledger.acknowledged().clone();
        acknowledged.healer_is_here();
        acknowledged.want_all();
        let mut changes = ledger.server_changes();
        let healer = Arc::new(Self {
            ledger,
            nodes,
            counters,
            at_work: Mutex::default(),
            room: Semaphore::new(HEALS_MAX),
            reading: tokio::sync::Mutex::default(),
        });
        let (wanting, working) = (acknowledged.clone(), Arc::downgrade(&healer));
        tokio::spawn(async move {
            // A link that found another server, or the same one started again: nobody waits for a call to notice.
            while changes.changed().await.is_ok() {
                wanting.want_all();
            }
        });
        tokio::spawn(async move {
            loop {
                let wanted = acknowledged.next().await;
                let Some(healer) = working.upgrade() else {
                    return;
                };
                let mut sales = wanted.sales;
                if wanted.all {
                    sales.extend(healer.all_sales().await);
                }
                for sale in sales {
                    healer.begin(sale);
                }
            }
        });
        healer
    }

    async fn all_sales(&self) -> HashSet<SaleId> {
        let mut sales: HashSet<SaleId> = self.ledger.acknowledged().sales().into_iter().collect();
        loop {
            match self.ledger.sales().await {
                Ok(known) => {
                    sales.extend(known.into_iter().take(SALES_MAX));
                    return sales;
                }
                Err(_) => tokio::time::sleep(AWAY).await,
            }
        }
    }

    fn at_work(&self) -> MutexGuard<'_, HashSet<SaleId>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Heals `sale`, unless that is under way.
    fn begin(self: &Arc<Self>, sale: SaleId) {
        if !self.at_work().insert(sale.clone()) {
            return;
        }
        let healer = Arc::clone(self);
        tokio::spawn(async move {
            let permit = healer.room.acquire().await;
            let mut healing = Healing {
                healer: &healer,
                sale: &sale,
                begun: None,
                restored: 0,
                unrestored: 0,
                asserted: String::new(),
                left: Vec::new(),
                made: None,
            };
            healing.run().await;
            healing.ended();
            drop(permit);
            healer.at_work().remove(&sale);
        });
    }

    /// The orders of `sale` that this node acknowledged and that the ledger may lack.
    async fn mine(&self, sale: &SaleId, heal: &Heal) -> Mine {
        let acknowledged = self.ledger.acknowledged();
        let mut reading = self.reading.lock().await;
        let known = reading.as_ref().filter(|reading| {
            reading.history == heal.history && !acknowledged.noted_since(sale, reading.noted)
        });
        let orders = match known {
            Some(reading) => Arc::clone(&reading.orders),
            None => {
                let journal = acknowledged.clone();
                let Ok((noted, orders)) = tokio::task::spawn_blocking(move || journal.read()).await
                else {
                    return Vec::new();
                };
                let orders = Arc::new(orders);
                *reading = Some(Reading {
                    history: heal.history.clone(),
                    noted,
                    orders: Arc::clone(&orders),
                });
                orders
            }
        };
        drop(reading);
        let Some(orders) = orders.get(sale) else {
            return Vec::new();
        };
        let mut mine: Mine = orders
            .iter()
            .filter(|(_, told)| heal.may_lack(told.commit_seq))
            .map(|(id, told)| (id.clone(), told.clone()))
            .collect();
        // As they came, so that where room is short the first ones get it.
        mine.sort_by_key(|(_, told)| told.commit_seq);
        mine
    }

    async fn audit(&self, sale: &SaleId) {
        match self.ledger.audit(sale).await {
            Ok(Some(report)) if report.ok => {
                tracing::info!("the audit of sale {sale} after its healing found no difference");
            }
            Ok(Some(report)) => {
                for difference in &report.differences {
                    tracing::error!("sale {sale}: {difference}");
                }
                let paused = self.ledger.set_state(sale, SaleState::Paused).await;
                tracing::error!(
                    "the audit of sale {sale} after its healing found {} differences; the sale is paused until an \
                     operator opens it ({paused:?})",
                    report.differences.len() as u64 + report.more_differences
                );
            }
            Ok(None) => {}
            Err(fault) => tracing::error!(
                "sale {sale} was healed but not audited: {fault}; run lastseat audit --sale {sale}"
            ),
        }
    }
}

/// One sale while it heals.
struct Healing<'a> {
    healer: &'a Healer,
    sale: &'a SaleId,
    /// When it was found to lack something, or to be possibly so.
    begun: Option<Instant>,
    restored: u64,
    unrestored: u64,
    /// The history in which this node has asserted what it acknowledged.
    asserted: String,
    /// The pass that this node has made last in it.
    made: Option<Pass>,
    /// What did not fit yet.
    left: Mine,
}

impl Healing<'_> {
    /// Until the sale is whole.
    async fn run(&mut self) {
        loop {
            match self.look().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(Fault::Corrupt(what)) => {
                    tracing::error!("sale {} cannot be healed: {what}", self.sale);
                    return;
                }
                Err(_) => tokio::time::sleep(AWAY).await,
            }
        }
    }

    /// One look; says whether the sale is whole.
    async fn look(&mut self) -> Result<bool, Fault> {
        let healer = self.healer;
        let number = healer.nodes.number_surely_ours();
        let says = Says {
            // Whoever has the number now is waited for under it. This one restores when the sale is whole.
            node: number,
            made: self.made,
            history: self.asserted.clone(),
            awaited: healer.nodes.peers(),
        };
        let Some(heal) = healer.ledger.heal(self.sale, &says).await? else {
            return Ok(true);
        };
        let asserted = self.asserted == heal.history;
        match heal.stage {
            Stage::Whole { by_us } => {
                // It was healed without this node, or without waiting for its end.
                if !asserted {
                    self.left = self.mine(&heal).await;
                }
                self.restore(Pass::Last).await?;
                if by_us && self.begun.is_some() && !heal.lost.is_empty() {
                    healer.audit(self.sale).await;
                }
                return Ok(true);
            }
            Stage::Heals { .. } if number.is_none() => tokio::time::sleep(LOOK).await,
            Stage::Heals { .. } if !asserted => {
                self.begin();
                self.left = self.mine(&heal).await;
                self.restore(Pass::First).await?;
                self.asserted = heal.history;
            }
            Stage::Heals { made, .. } if self.made < Some(Pass::Last) && made >= self.made => {
                self.restore(self.made.map_or(Pass::First, Pass::next))
                    .await?;
            }
            Stage::Heals { .. } => tokio::time::sleep(LOOK).await,
        }
        Ok(false)
    }

    fn begin(&mut self) {
        if self.begun.is_none() {
            self.begun = Some(Instant::now());
            count(&self.healer.counters.sales_healing);
            tracing::warn!(
                "Redis was restarted or replaced: sale {} stands still until all nodes have restored what they \
                 acknowledged",
                self.sale
            );
        }
    }

    async fn mine(&self, heal: &Heal) -> Mine {
        let last = self.healer.ledger.acknowledged().commit_seq(self.sale);
        let open = matches!(heal.stage, Stage::Heals { found, .. } if last > found);
        if open || !heal.lost.is_empty() {
            self.healer.mine(self.sale, heal).await
        } else {
            Vec::new()
        }
    }

    /// Makes one pass over what is left; if that is nothing, it is the last one.
    async fn restore(&mut self, pass: Pass) -> Result<(), Fault> {
        let mut left = Vec::new();
        let node = self.healer.nodes.me();
        for batch in self.left.chunks(RESTORE_BATCH_MAX) {
            let reply = self
                .healer
                .ledger
                .restore(self.sale, node, batch, pass)
                .await?;
            let became = reply.map_or_else(Vec::new, |(_, became)| became);
            for (one, became) in batch.iter().zip(became) {
                match became {
                    Restored::Done => {
                        count(&self.healer.counters.orders_restored);
                        self.restored += 1;
                    }
                    Restored::Present => {}
                    Restored::NoRoom | Restored::Conflict => left.push((one.clone(), became)),
                }
            }
        }
        if pass == Pass::Last {
            for (_, why) in left.drain(..) {
                self.cannot(why);
            }
        }
        self.left = left.into_iter().map(|(one, _)| one).collect();
        self.made = Some(if self.left.is_empty() {
            Pass::Last
        } else {
            pass
        });
        Ok(())
    }

    /// No line of the log names an order: its id opens it to whoever knows it. The ledger's list does.
    fn cannot(&mut self, why: Restored) {
        count(&self.healer.counters.orders_unrestored);
        self.unrestored += 1;
        if self.unrestored <= NAMED_MAX as u64 {
            let why = match why {
                Restored::Conflict => "the ledger has another order under its id",
                _ => "its tickets are not free any more",
            };
            tracing::error!(
                "an acknowledged order of sale {} cannot be restored: {why}. lastseat orders unrestored --sale {} \
                 names it",
                self.sale,
                self.sale
            );
        }
    }

    fn ended(&self) {
        let took = self.begun.map(|begun| begun.elapsed());
        if took.is_some() {
            let healing = &self.healer.counters.sales_healing;
            healing.fetch_sub(1, Ordering::Relaxed);
        }
        if took.is_some() || self.restored + self.unrestored > 0 {
            tracing::info!(
                "sale {} goes on after {:?}: this node restored {} orders; {} could not be restored",
                self.sale,
                took.unwrap_or_default(),
                self.restored,
                self.unrestored
            );
        }
    }
}
