//! One round of recovery: for each sale that stands still the next step that can be made now.

use super::step::{self, Item, Outcome};
use super::{AWAY, NAMED_MAX, Recovery, RestoredUpTo};
use futures_util::{StreamExt as _, stream};
use shared::SaleId;
use shared::limits::{HEALS_MAX, LOOKS_MAX};
use shared::recovery::{Duty, View};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Pause between two looks at what the others do.
const RETRY_INTERVAL: Duration = Duration::from_millis(25);
/// So long after its own share is done a node adopts what others have not: one of them may be slow.
const OTHERS: Duration = Duration::from_millis(500);
/// Pause between two looks at what the others have adopted.
const OTHERS_READ: Duration = Duration::from_millis(100);
/// Steps of one round: after them this node looks whether something new has come.
const STEPS_MAX: usize = 256;

impl Recovery {
    /// Makes for each sale the next step that can be made now.
    pub(super) async fn round(&mut self) {
        let number = self.nodes.number_surely_ours();
        if number.is_none() && self.work.values().any(|item| item.duty != Duty::Late) {
            self.looked_under = None;
            return self.ledger().recovering().want_all();
        }
        let declared = if number.is_some() { self.declared.as_slice() } else { &[] };
        let nodes = match self.ledger().declare(number, declared, false).await {
            Ok(nodes) => nodes,
            Err(_) => return tokio::time::sleep(AWAY).await,
        };
        let now = self.now();
        self.awaited.receive(nodes, now);
        self.publish();
        self.drop_adopted().await;
        let views = self.views();
        let due = self.due(&views);
        let nobody = View::default();
        let hands = &self.hands;
        let steps = due.into_iter().map(|(sale, item)| {
            let view = views.get(&item.history).unwrap_or(&nobody);
            hands.step(sale, item, view)
        });
        let stepped: Vec<_> = stream::iter(steps).buffered(HEALS_MAX).collect().await;
        let mut moved = false;
        for (sale, item, outcome) in stepped {
            moved |= outcome != Outcome::Waits;
            match outcome {
                Outcome::Ended { lost } => self.goes_on(sale, &item, lost),
                Outcome::Replaced => {
                    self.looked_under = None;
                    self.ledger().recovering().want_all();
                    self.work.insert(sale, item);
                }
                Outcome::Waits | Outcome::Moved => drop(self.work.insert(sale, item)),
            }
        }
        self.count();
        if !moved {
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Once this node's share is adopted, drops what the others have adopted of theirs: to read one
    /// field costs a tenth of a step.
    async fn drop_adopted(&mut self) {
        let read_now = |read: Instant| read.elapsed() < OTHERS_READ;
        if self.share_done.is_none() || self.others_read.is_some_and(read_now) {
            return;
        }
        let adopts = |item: &Item| item.duty == Duty::Adopt && !item.touched;
        let waiting = self.work.iter().filter(|(_, item)| adopts(item));
        let ledger = self.ledger();
        let reads = waiting.map(|(sale, item)| {
            let (sale, history) = (sale.clone(), item.history.clone());
            async move {
                let whole = ledger.is_whole_under(&sale, &history).await;
                whole.unwrap_or(false).then_some(sale)
            }
        });
        let reads: Vec<_> = reads.collect();
        let adopted: Vec<Option<SaleId>> =
            stream::iter(reads).buffer_unordered(LOOKS_MAX).collect().await;
        for sale in adopted.into_iter().flatten() {
            self.work.remove(&sale);
        }
        self.others_read = Some(Instant::now());
    }

    /// Takes out what can be done now: passes, and once all have declared this node's share of what
    /// is to be adopted; some time after that the others' share, too.
    fn due(&mut self, views: &BTreeMap<String, View>) -> Vec<(SaleId, Item)> {
        let node = self.hands.node;
        let own = |sale: &SaleId, item: &Item| {
            let view = views.get(&item.history)?;
            let (place, of) = view.share(node);
            view.is_declared().then(|| step::place_of(sale, of) == place)
        };
        let others = self.share_done.is_some_and(|done| done.elapsed() > OTHERS);
        let mut shares = false;
        let mut waits = false;
        let mut due: Vec<SaleId> = Vec::new();
        for (sale, item) in &self.work {
            let is_due = item.duty != Duty::Adopt || item.touched || {
                let own = own(sale, item);
                shares |= own == Some(true);
                waits |= own.is_none();
                own == Some(true) || (own == Some(false) && others)
            };
            if is_due && due.len() < STEPS_MAX {
                due.push(sale.clone());
            }
        }
        if shares || waits {
            self.share_done = None;
        } else {
            self.share_done.get_or_insert_with(Instant::now);
        }
        let items = due.into_iter().filter_map(|sale| self.work.remove_entry(&sale));
        items.collect()
    }

    fn goes_on(&mut self, sale: SaleId, item: &Item, lost: u64) {
        self.tally.restored += item.restored;
        self.tally.unrestored += item.unrestored;
        let notable = item.lacks || item.restored + item.unrestored > 0;
        self.tally.notable += usize::from(notable);
        if notable && self.tally.notable <= NAMED_MAX {
            tracing::info!(
                "sale {sale} goes on after {:?}: this node restored {} orders; {} could not be \
                 restored",
                item.begun.elapsed(),
                item.restored,
                item.unrestored
            );
        }
        if item.duty != Duty::Adopt && lost > 0 {
            let at = Instant::now();
            self.restored_lost.insert(sale, RestoredUpTo { last: lost, at });
        }
    }
}
