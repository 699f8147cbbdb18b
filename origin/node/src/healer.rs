//! Recovery task of a node, for sales whose Redis was restarted or replaced.
//!
//! This node's part in the recovery of sales after Redis was restarted or replaced by one that
//! lacks its last moments: one recovery for each history that a Redis writes. What is decided is in
//! `shared/src/recovery.rs`; this looks at the sales, registers what this node may have to restore,
//! declares that it has, and then makes for each sale the next step that can be made now. Nothing
//! here holds a place while it waits for other nodes.

mod step;

pub(crate) use step::place_of;

use crate::membership::Nodes;
use crate::telemetry::metrics::Counters;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lastseat_ledger::ack_journal::{AckJournal, AckedOrder, AckedOrders};
use lastseat_ledger::recovery::NodeDeclaration;
use lastseat_ledger::recovery_state::Wanted;
use lastseat_ledger::{Fault, Ledger};
use shared::limits::{DECLARED_MAX, HEAL_KEPT_MS, HEALS_MAX, LOOKS_MAX, SALES_LOOKED_AT_MAX};
use shared::recovery::{
    AwaitedNodes, Duty, Mine, RecoveryLookup, RecoveryStage, View, duty, is_in,
};
use shared::{OrderId, SaleId, SaleState};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use step::{Hands, Item, Outcome};
use tokio::task::AbortHandle;

/// Pause between two looks at what the others do.
const RETRY_INTERVAL: Duration = Duration::from_millis(25);
/// Pause while the ledger does not answer.
const AWAY: Duration = Duration::from_millis(100);
/// So long after its own share is done a node adopts what others have not: one of them may be slow.
const OTHERS: Duration = Duration::from_millis(500);
/// Pause between two looks at what the others have adopted.
const OTHERS_READ: Duration = Duration::from_millis(100);
/// Pause between two looks while another process has the number of this node.
const NUMBER_LOST: Duration = Duration::from_secs(1);
/// Steps of one round: after them this node looks whether something new has come.
const STEPS_MAX: usize = 256;
/// Sales that stand still and have a line of the log each; all are counted.
const NAMED_MAX: usize = 30;

/// Works for as long as it is here.
#[derive(Debug)]
pub(crate) struct Healer {
    tasks: [AbortHandle; 3],
}

impl Drop for Healer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Healer {
    /// Begins. All sales are looked at once, for this node may have been away when they recovered.
    pub(crate) fn start(ledger: Ledger, nodes: Arc<Nodes>, counters: Arc<Counters>) -> Self {
        ledger.recovering().want_all();
        let recovering = Arc::clone(ledger.recovering());
        let mut changes = ledger.server_changes();
        // A link that found another server, or the same one started again: nobody waits for a call
        // to notice.
        let links = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                recovering.want_all();
            }
        });
        let audits = tokio::spawn(step::audit_all(ledger.clone(), Arc::clone(&counters)));
        let work = tokio::spawn(Recovery::new(ledger, nodes, counters).run());
        let tasks = [links, audits, work].map(|task| task.abort_handle());
        Self { tasks }
    }
}

/// The journal, as it was read last.
#[derive(Debug)]
struct Reading {
    noted: u64,
    orders: AckedOrders,
}

/// Up to where this process has restored what was lost of a sale.
#[derive(Debug)]
struct RestoredUpTo {
    /// The last number of the last range that was lost.
    last: u64,
    at: Instant,
}

/// What one recovery came to.
#[derive(Debug, Default)]
struct Tally {
    begun: Option<Instant>,
    /// Whether Redis was replaced while this node ran.
    replaced: bool,
    /// Sales that stood still.
    stood: usize,
    /// Of these, the ones that lacked something of this node's.
    lacked: usize,
    restored: u64,
    unrestored: u64,
    /// Sales of which something was to be said at their end.
    notable: usize,
}

/// All that this node does to recover sales. One task has it.
#[derive(Debug)]
struct Recovery {
    hands: Hands,
    nodes: Arc<Nodes>,
    /// The clock of the list of awaited nodes counts from here.
    zero: Instant,
    awaited: AwaitedNodes,
    /// The histories that this node has declared, those of the moment first.
    declared: Vec<String>,
    present: BTreeSet<String>,
    reading: Option<Reading>,
    /// By sale, the last number of the last range lost of which this process has restored its own.
    restored_lost: HashMap<SaleId, RestoredUpTo>,
    work: BTreeMap<SaleId, Item>,
    tally: Tally,
    /// The history under which all sales were looked at last, and how often a sale had been found
    /// behind by then.
    looked_under: Option<(String, u64)>,
    /// Since when this node has adopted its own share.
    share_done: Option<Instant>,
    /// When the others' shares were looked through last.
    others_read: Option<Instant>,
    /// Nodes with a heartbeat that were given up, so that each is named once.
    named: BTreeSet<u16>,
}

impl Recovery {
    fn new(ledger: Ledger, nodes: Arc<Nodes>, counters: Arc<Counters>) -> Self {
        let node = nodes.me();
        Self {
            hands: Hands { ledger, node, counters },
            nodes,
            zero: Instant::now(),
            awaited: AwaitedNodes::new(Some(node)),
            declared: Vec::new(),
            present: BTreeSet::new(),
            reading: None,
            restored_lost: HashMap::new(),
            work: BTreeMap::new(),
            tally: Tally::default(),
            looked_under: None,
            share_done: None,
            others_read: None,
            named: BTreeSet::new(),
        }
    }

    const fn ledger(&self) -> &Ledger {
        &self.hands.ledger
    }

    fn ack_journal(&self) -> &AckJournal {
        self.ledger().ack_journal()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn run(mut self) {
        loop {
            let wanted = self.ledger().recovering().next().await;
            self.take_up(wanted).await;
            while !self.work.is_empty() {
                self.round().await;
                if let Some(wanted) = self.ledger().recovering().wanted_now() {
                    self.take_up(wanted).await;
                }
            }
            self.has_ended();
        }
    }

    /// Looks at what is wanted until that is done.
    async fn take_up(&mut self, mut wanted: Wanted) {
        // One that stands still is asked for all the time: to register it anew would set its passes
        // back.
        wanted.sales.retain(|sale| match self.work.get_mut(sale) {
            Some(item) if item.duty == Duty::Restore => {
                item.touched = true;
                false
            }
            _ => true,
        });
        if wanted.all && self.has_looked().await {
            wanted.all = false;
        }
        if !wanted.all && wanted.sales.is_empty() {
            return;
        }
        self.nodes.settle(None);
        while let Err(fault) = self.survey(&wanted).await {
            tracing::debug!("sales could not be looked at: {fault}");
            tokio::time::sleep(AWAY).await;
            if let Some(more) = self.ledger().recovering().wanted_now() {
                wanted.all |= more.all;
                wanted.sales.extend(more.sales);
            }
        }
        self.count();
    }

    /// Whether all sales were looked at since Redis began its history, and none was found behind
    /// since. A new server is noticed in several ways, each of which asks for that.
    async fn has_looked(&self) -> bool {
        let Some((history, behind)) = &self.looked_under else {
            return false;
        };
        let nodes = self.ledger().declare(None, &[], false).await;
        self.ledger().has_one_server()
            && nodes.is_ok_and(|nodes| nodes.history == *history && nodes.behind == *behind)
    }

    fn count(&self) {
        let standing = self.work.values().filter(|item| item.duty != Duty::Late);
        let gauge = &self.hands.counters.sales_healing;
        gauge.store(standing.count() as u64, Ordering::Relaxed);
    }

    /// Looks at sales, registers those that may lack something of this node's, and declares that it
    /// has.
    async fn survey(&mut self, wanted: &Wanted) -> Result<(), Fault> {
        let nodes = self.ledger().declare(None, &[], false).await?;
        let under = (nodes.history.clone(), nodes.behind);
        let mut all = wanted.all;
        let mut looks = self.lookup_all(self.sales(wanted).await?).await?;
        let mut histories: BTreeSet<String> =
            looks.iter().map(|l| l.look.history.clone()).collect();
        if self.ledger().has_one_server() {
            histories.insert(nodes.history.clone());
        }
        if !all && !histories.is_subset(&self.present) {
            // It is the first that is known of this history: no sale is left out.
            all = true;
            let every = Wanted { all, sales: wanted.sales.clone() };
            looks = self.lookup_all(self.sales(&every).await?).await?;
            histories.extend(looks.iter().map(|l| l.look.history.clone()));
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

    /// Registers with each sale that may lack something of this node's, in order.
    async fn register(
        &self,
        items: &BTreeMap<SaleId, Item>,
        behind: &mut bool,
    ) -> Result<(), Fault> {
        let mine = items.iter().filter(|(_, item)| item.duty == Duty::Restore);
        let mine: Vec<(SaleId, String)> =
            mine.map(|(sale, item)| (sale.clone(), item.history.clone())).collect();
        let registered = mine.into_iter().map(|(sale, of)| self.register_one(sale, of));
        let registered = stream::iter(registered).buffered(HEALS_MAX);
        let registered: Vec<bool> = registered.try_collect().await?;
        *behind |= registered.contains(&true);
        Ok(())
    }

    async fn register_one(&self, sale: SaleId, history: String) -> Result<bool, Fault> {
        let says = NodeDeclaration {
            node: Some(self.hands.node),
            made: None,
            history: &history,
            // Of no history: nothing ends by this.
            view: &View::default(),
        };
        let heal = match self.ledger().heal(&sale, &says).await {
            Err(Fault::Corrupt(_)) => return Ok(false),
            other => other?,
        };
        if heal.as_ref().is_some_and(|heal| heal.history != history) {
            return Err(Fault::NotSent("Redis was replaced again".into()));
        }
        Ok(heal.is_some_and(|heal| heal.fell_behind))
    }

    async fn declare(&mut self, behind: bool) -> Result<(), Fault> {
        let earlier = std::mem::take(&mut self.declared);
        let earlier = earlier.into_iter().filter(|h| !self.present.contains(h));
        let room = DECLARED_MAX.max(self.present.len());
        let declared: Vec<String> =
            self.present.iter().cloned().chain(earlier).take(room).collect();
        let node = Some(self.hands.node);
        let nodes = self.ledger().declare(node, &declared, behind).await?;
        self.awaited.declare(declared.iter().cloned());
        self.declared = declared;
        let now = self.now();
        self.awaited.receive(nodes, now);
        self.publish();
        Ok(())
    }

    fn views(&self) -> BTreeMap<String, View> {
        let now = self.now();
        let view = |history: &String| (history.clone(), self.awaited.view(history, now));
        self.present.iter().map(view).collect()
    }

    fn publish(&mut self) {
        let views = self.views();
        let now = self.now();
        for history in &self.present {
            for node in self.awaited.overdue(history, now) {
                if self.named.insert(node) {
                    tracing::warn!(
                        "node {node} has a heartbeat and has not said what it acknowledged; sales \
                         go on without it"
                    );
                }
            }
        }
        self.ledger().recovering().publish(views.into_values());
    }

    /// Makes for each sale the next step that can be made now.
    async fn round(&mut self) {
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

    /// No sale stands still any more, as far as this node can see.
    fn has_ended(&mut self) {
        self.share_done = None;
        self.others_read = None;
        self.count();
        let tally = std::mem::take(&mut self.tally);
        let one = self.present.iter().next().filter(|_| self.present.len() == 1);
        self.nodes.settle(one.map(String::as_str));
        let notable = tally.replaced || tally.stood > 0;
        let Some(begun) = tally.begun.filter(|_| notable) else {
            return;
        };
        let (took, stood) = (begun.elapsed(), tally.stood);
        if tally.lacked == 0 && tally.restored + tally.unrestored == 0 {
            tracing::info!(
                "all is well: after a restart or a change of Redis no sale lacks anything that \
                 this node acknowledged; \
                 {stood} stood still, and all go on after {took:?}"
            );
        } else {
            tracing::info!(
                "all {stood} sales go on after {took:?}: this node restored {} orders; {} could \
                 not be restored",
                tally.restored,
                tally.unrestored
            );
        }
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

/// Whether a sale that a step found at `stage` goes on.
const fn is_whole(stage: RecoveryStage) -> bool {
    matches!(stage, RecoveryStage::Whole { .. })
}
