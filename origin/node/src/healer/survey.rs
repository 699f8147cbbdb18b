//! Survey of sales: which of them this node has something to do for after Redis was restarted or
//! replaced, found by a look at each and by its own journal.

use super::step::Item;
use super::{NAMED_MAX, Reading, Recovery};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lastseat_ledger::Fault;
use lastseat_ledger::ack_journal::AckedOrder;
use lastseat_ledger::recovery_state::Wanted;
use shared::limits::{HEAL_KEPT_MS, HEALS_MAX, LOOKS_MAX, SALES_LOOKED_AT_MAX};
use shared::recovery::{Duty, Mine, RecoveryLookup, duty, is_in};
use shared::{OrderId, SaleId, SaleState};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Pause between two looks while another process has the number of this node.
const NUMBER_LOST: Duration = Duration::from_secs(1);

impl Recovery {
    /// Looks at sales, registers those that may lack something of this node's, and declares that it
    /// has.
    pub(super) async fn survey(&mut self, wanted: &Wanted) -> Result<(), Fault> {
        let nodes = self.ledger().declare(None, &[], false).await?;
        let under = (nodes.history.clone(), nodes.behind);
        let mut all = wanted.all;
        let mut looks = self.lookup_all(self.sales(wanted).await?).await?;
        let mut histories: BTreeSet<String> =
            looks.iter().map(|l| l.look.history.clone()).collect();
        if self.ledger().has_one_server() {
            histories.insert(nodes.history.clone());
        } else if all {
            // A master may have nothing but sales that have ended.
            histories.extend(self.ledger().histories().await?);
        }
        if !all && !histories.is_subset(&self.present) {
            // It is the first that is known of this history: no sale is left out.
            all = true;
            let every = Wanted { all, sales: wanted.sales.clone() };
            looks = self.lookup_all(self.sales(&every).await?).await?;
            histories.extend(looks.iter().map(|l| l.look.history.clone()));
            histories.extend(self.ledger().histories().await?);
        }
        let new = self.begin(&histories);
        let now = self.now();
        let peers = self.nodes.peers();
        self.awaited.receive(nodes, now);
        if looks.iter().any(Looked::fell_behind) {
            self.awaited.doubt(&peers, now);
        }
        if all {
            self.looked_under = None;
            self.awaited.keep(&histories);
            self.present = histories;
            self.work.clear();
            self.tally.begun.get_or_insert_with(Instant::now);
        }
        self.read(new, &looks).await;
        if all {
            let more = self.lookup_all(self.only_in_journal(&looks)).await?;
            looks.extend(more);
        }
        let mut behind = false;
        let mut items = BTreeMap::new();
        for looked in looks {
            let touched = wanted.sales.contains(&looked.sale);
            if let Some(item) = self.item(&looked, touched) {
                items.insert(looked.sale, item);
            }
        }
        if self.nodes.number_surely_ours().is_none() {
            // Whoever has the number now is waited for under it; this node restores where sales go
            // on already.
            // What it leaves out is looked at again once the number is its own.
            self.looked_under = None;
            items.retain(|_, item| item.duty == Duty::Late);
            self.work.extend(items);
            tokio::time::sleep(NUMBER_LOST).await;
            self.ledger().recovering().want_all();
            return Ok(());
        }
        self.report(&items);
        self.list(&items).await?;
        self.register(&items, &mut behind).await?;
        self.declare(behind).await?;
        self.tally.stood += items.len();
        self.work.extend(items);
        if all {
            self.looked_under = Some(under);
        }
        Ok(())
    }

    /// Notes the histories that are met for the first time; whether there are such.
    fn begin(&mut self, histories: &BTreeSet<String>) -> bool {
        let now = self.now();
        let peers = self.nodes.peers();
        let mut new = false;
        for history in histories {
            new |= self.awaited.begin(history, &peers, now);
        }
        if new {
            // What was written last may be lost once more, the list of unrestored orders too, of
            // which no number of the log shows.
            let kept = Duration::from_millis(HEAL_KEPT_MS);
            self.restored_lost.retain(|_, done| done.at.elapsed() > kept);
        }
        self.tally.replaced |= new && !self.declared.is_empty();
        new
    }

    /// The sales that are wanted, in order.
    async fn sales(&self, wanted: &Wanted) -> Result<BTreeSet<SaleId>, Fault> {
        let mut sales: BTreeSet<SaleId> = wanted.sales.iter().cloned().collect();
        if wanted.all {
            sales.extend(self.ack_journal().sales());
            let listed = self.ledger().sales().await?;
            sales.extend(listed.into_iter().take(SALES_LOOKED_AT_MAX));
        }
        Ok(sales)
    }

    /// The sales of which the journal has orders and that were not looked at: they are not listed,
    /// for they have ended, and of more sales than a node keeps in memory.
    fn only_in_journal(&self, looks: &[Looked]) -> BTreeSet<SaleId> {
        let looked: BTreeSet<&SaleId> = looks.iter().map(|looked| &looked.sale).collect();
        let orders = self.reading.iter().flat_map(|reading| reading.orders.keys());
        orders.filter(|sale| !looked.contains(sale)).cloned().collect()
    }

    async fn lookup_all(&self, sales: BTreeSet<SaleId>) -> Result<Vec<Looked>, Fault> {
        let looks = sales.into_iter().map(|sale| self.lookup_one(sale));
        let looks = stream::iter(looks).buffer_unordered(LOOKS_MAX);
        let looks: Vec<Option<Looked>> = looks.try_collect().await?;
        Ok(looks.into_iter().flatten().collect())
    }

    async fn lookup_one(&self, sale: SaleId) -> Result<Option<Looked>, Fault> {
        // Before the look: what is received after it may be new.
        let received = self.ack_journal().commit_seq(&sale);
        match self.ledger().lookup(&sale, Some(self.hands.node)).await {
            Ok(look) => Ok(look.map(|look| Looked { sale, received, look })),
            Err(Fault::Corrupt(what)) => {
                tracing::error!("sale {sale} cannot recover: {what}");
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Reads the journal where the history is new or something was noted since; what was asked for
    /// before and is answered later is not acknowledged any more.
    async fn read(&mut self, new: bool, looks: &[Looked]) {
        let stale = |reading: &Reading| {
            let noted = |l: &Looked| self.ack_journal().noted_since(&l.sale, reading.noted);
            // A range that was lost may have entries of this node's that it has not restored yet.
            let lost = |l: &Looked| {
                let done = self.restored_lost.get(&l.sale).map(|done| &done.last);
                let last = l.look.lost.last();
                last.is_some_and(|(_, jumped)| done.is_none_or(|done| done < jumped))
            };
            let lacks = |l: &Looked| !l.look.whole || l.fell_behind() || lost(l);
            looks.iter().any(|l| lacks(l) && noted(l))
        };
        if !new && !self.reading.as_ref().is_none_or(stale) {
            return;
        }
        let journal = self.ack_journal().clone();
        // Right after the start buyers are asking already, and there was no other server whose
        // answer could still come.
        let servers = *self.ledger().server_changes().borrow();
        let first = self.reading.is_none() && self.ledger().has_one_server() && servers <= 1;
        // A panic of the reading ends this task as it would have here.
        if let Ok((noted, orders)) = tokio::task::spawn_blocking(move || journal.read(first)).await
        {
            self.reading = Some(Reading { noted, orders });
        }
    }

    /// What is to be done for a sale; `None` = nothing now.
    fn item(&self, looked: &Looked, touched: bool) -> Option<Item> {
        let Looked { sale, received, look } = looked;
        let of_sale = self.reading.as_ref().and_then(|r| r.orders.get(sale));
        let known = look.lost.last().map_or(0, |(_, jumped)| *jumped);
        let lost_done = self.restored_lost.get(sale).map(|done| done.last) >= Some(known);
        let in_lost = |seq| !lost_done && is_in(&look.lost, seq);
        let noted = of_sale.into_iter().flatten().map(|(_, acked)| acked.commit_seq);
        let received =
            if look.whole { *received } else { self.ack_journal().commit_seq(sale).max(*received) };
        let mine = Mine {
            received,
            noted: noted.clone().max().unwrap_or(0),
            in_lost: noted.clone().any(in_lost),
        };
        let duty = duty(look, mine);
        let over = look.state == SaleState::Closed && !touched;
        if duty == Duty::None || (duty == Duty::Adopt && over) {
            return None;
        }
        // What lies in a range lost earlier is restored again wherever something is: that it was
        // restored may be lost.
        let open = |seq| (!look.whole || looked.fell_behind()) && seq > look.found;
        let lacking =
            |acked: &AckedOrder| open(acked.commit_seq) || is_in(&look.lost, acked.commit_seq);
        let left = of_sale.into_iter().flatten();
        let mut left: Vec<(OrderId, AckedOrder)> = left
            .filter(|(_, acked)| duty != Duty::Adopt && lacking(acked))
            .map(|(id, acked)| (id.clone(), acked.clone()))
            .collect();
        // As they came, so that where room is short the first ones get it.
        left.sort_by_key(|(_, acked)| acked.commit_seq);
        let lacks = duty == Duty::Restore && mine.received.max(mine.noted) > look.found;
        Some(Item::new(duty, look, left, (lacks, touched)))
    }

    fn report(&mut self, items: &BTreeMap<SaleId, Item>) {
        let lacking = items.iter().filter(|(_, item)| item.lacks);
        for (sale, _) in lacking.clone().take(NAMED_MAX) {
            tracing::warn!(
                "Redis was restarted or replaced and lacks what this node acknowledged: sale \
                 {sale} stands still until \
                 all nodes have restored theirs"
            );
        }
        let count = lacking.count();
        if count > NAMED_MAX {
            let more = count - NAMED_MAX;
            tracing::warn!("{more} more sales lack something and stand still");
        }
        self.tally.lacked += count;
    }

    /// Lists each sale to which this node may restore something, before it does: one that has
    /// ended may get holds back, and after a loss of its journal this node finds by the list alone
    /// that others wait for it.
    async fn list(&self, items: &BTreeMap<SaleId, Item>) -> Result<(), Fault> {
        let mine = items.iter().filter(|(_, item)| item.duty != Duty::Adopt);
        let mine: Vec<SaleId> = mine.map(|(sale, _)| sale.clone()).collect();
        let ledger = self.ledger();
        let listed = mine.into_iter().map(|sale| async move { ledger.list_sale(&sale).await });
        stream::iter(listed).buffered(HEALS_MAX).try_collect().await
    }
}

/// A sale that was looked at.
#[derive(Debug)]
struct Looked {
    sale: SaleId,
    /// The highest `commit_seq` that was received before that.
    received: u64,
    look: RecoveryLookup,
}

impl Looked {
    /// It has less than this node received, though Redis began no new history: it was lost and
    /// created again.
    const fn fell_behind(&self) -> bool {
        self.look.whole && self.received > self.look.found
    }
}
