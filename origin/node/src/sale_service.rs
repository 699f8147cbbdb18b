//! Sale service: finds the handle of a sale and passes orders to it.

mod order_calls;

use crate::api::sale_changes::{self, Restock};
use crate::committer::{Committer, SaleHandle};
use crate::healer::Healer;
use crate::membership::Nodes;
use crate::moments::{self, ComingMoments, POLLS_MAX};
use crate::node_number::NodeNumber;
use crate::redis_watch::RedisWatch;
use crate::sale_names::SaleNames;
use crate::telemetry::metrics::page::Page;
use crate::telemetry::metrics::{Counters, count};
use crate::timeline::Timeline;
use axum::http::HeaderValue;
use futures_util::{StreamExt as _, stream};
use lastseat_ledger::{Fault, Ledger, Reply, SaleChange, TermsChange};
use order_calls::OrderCalls;
use shared::domain::order::KeySource;
use shared::domain::sale::PageTerms;
use shared::limits::{ORIGIN_DEADLINE_MS, SALES_LOOKED_AT_MAX, SALES_MAX};
use shared::{
    EdgeCounts, EdgeId, Grant, Placed, Refusal, Reserve, SaleId, SaleState, Snapshot, Tier,
    UnixMillis,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;

pub use crate::committer::SaleHandleView;
pub use crate::membership::NodeIdentity;
pub use lastseat_ledger::Verdict;
pub use order_calls::{CallPlace, CallRefused, Caller};

/// Look-ups of sales that no sale handle is open for and that are on no list, at the same time.
/// Invented names cost one each.
const LOOKUPS_MAX: usize = 32;
/// The same of sales that are listed: what is invented takes no place from them, and they wait
/// instead of being refused.
const LISTED_LOOKUPS_MAX: usize = 32;

/// Time between two looks for sales that the ledger has lost, and how many are asked for in one.
const LOST_RECHECK: Duration = Duration::from_secs(2);
const LOST_RECHECKS_MAX: usize = 64;

/// A full table closes handles of closed sales, and of others that nobody asked for so long, in
/// milliseconds; at most [`CLOSED_AT_ONCE`] at a time, so that it is not searched for each new one.
const IDLE_MS: u64 = 10_000;
const CLOSED_AT_ONCE: usize = SALES_MAX / 16;

/// The sales of one node.
#[derive(Clone, Debug)]
pub struct Sales(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ledger: Ledger,
    calls: OrderCalls,
    nodes: Arc<Nodes>,
    /// Works for as long as it is here.
    _healer: Healer,
    counters: Arc<Counters>,
    handles: RwLock<HashMap<SaleId, Arc<SaleHandle>>>,
    lookups: Semaphore,
    listed_lookups: Semaphore,
    names: Arc<SaleNames>,
    redis: Arc<RedisWatch>,
    timeline: Arc<Timeline>,
    draining: AtomicBool,
}

impl Sales {
    /// Begins to serve: opens a sale handle for each sale that the ledger has and starts the
    /// heartbeat.
    pub fn start(ledger: Ledger, node: NodeIdentity, counters: Arc<Counters>) -> Self {
        Self::start_as(ledger, node, None, counters)
    }

    /// Waits until the first heartbeat was answered or has failed.
    pub async fn first_heartbeat(&self) {
        self.0.nodes.first_heartbeat().await;
    }

    /// As [`Sales::start`], for a node that has claimed its number.
    pub fn start_as(
        ledger: Ledger,
        node: NodeIdentity,
        number: Option<NodeNumber>,
        counters: Arc<Counters>,
    ) -> Self {
        let ledger = ledger.observed_by(Arc::<Counters>::clone(&counters));
        let nodes = Nodes::start(ledger.aside(), node, number, Arc::clone(&counters));
        let redis = RedisWatch::start(ledger.aside());
        let names = SaleNames::start(ledger.aside());
        let healer = Healer::start(ledger.aside(), Arc::clone(&nodes), Arc::clone(&counters));
        let sales = Self(Arc::new(Inner {
            calls: OrderCalls::new(&ledger),
            ledger,
            nodes,
            _healer: healer,
            counters,
            handles: RwLock::default(),
            lookups: Semaphore::new(LOOKUPS_MAX),
            listed_lookups: Semaphore::new(LISTED_LOOKUPS_MAX),
            names,
            redis,
            timeline: Arc::default(),
            draining: AtomicBool::new(false),
        }));
        let opener = sales.clone();
        tokio::spawn(async move { opener.open_known_sales().await });
        let serving = Arc::downgrade(&sales.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOST_RECHECK).await;
                match serving.upgrade() {
                    Some(inner) => Self(inner).find_lost().await,
                    None => return,
                }
            }
        });
        let looking = Arc::downgrade(&sales.0);
        tokio::spawn(async move {
            while let Some(inner) = looking.upgrade() {
                let pause = Self(inner).poll_due().await;
                tokio::time::sleep(pause).await;
            }
        });
        sales
    }

    /// Opens handles for the sales that have not ended, so that their holds expire on time although
    /// nobody asks for them. One that has ended is opened when somebody does.
    async fn open_known_sales(&self) {
        let known = match self.0.ledger.sales().await {
            Ok(known) => known,
            Err(fault) => return tracing::warn!("the list of sales could not be read: {fault}"),
        };
        for sale in known.iter().take(SALES_LOOKED_AT_MAX) {
            let found = self.0.ledger.snapshot(sale).await;
            let opened = match found.and_then(|found| self.there(sale, found)) {
                Ok(Some(snapshot)) if has_ended(&snapshot) => continue,
                Ok(Some(snapshot)) => {
                    self.note_moment(sale, &snapshot).await;
                    self.open(sale, &snapshot).map(drop)
                }
                // Listed before it was created.
                Ok(None) => continue,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = opened {
                tracing::warn!("sale {sale} could not be read: {fault}");
            }
        }
    }

    /// Looks whether the ledger still has the sales that this node serves and that it does not list
    /// any more.
    async fn find_lost(&self) {
        // A lost one that was created again is to be healed by every node that serves it, also one
        // that nobody asks.
        let mut sales = self.0.names.lost_sales();
        sales.truncate(LOST_RECHECKS_MAX);
        let unlisted: Vec<SaleId> = {
            let handles = self.0.handles.read().unwrap_or_else(PoisonError::into_inner);
            let unlisted = handles.keys().filter(|sale| !self.0.names.lists(sale));
            unlisted.take(LOST_RECHECKS_MAX).cloned().collect()
        };
        sales.extend(unlisted);
        for sale in sales {
            // Whatever it answers is noted on the way.
            let _ = self.snapshot_now(&sale).await;
        }
    }

    /// Places one order, whose id comes from `key`: takes it from the node budget, then to the
    /// ledger. Once it waits in the queue it is carried out whether or not the caller still waits.
    ///
    /// # Errors
    /// See [`Fault`]. `Unknown` also when the answer takes longer than [`ORIGIN_DEADLINE_MS`].
    pub async fn place(
        &self,
        sale: &SaleId,
        order: Reserve,
        key: KeySource,
    ) -> Result<Placed, Fault> {
        count(&self.0.counters.orders_received);
        if self.0.draining.load(Ordering::Relaxed) {
            return Err(Fault::NotSent("this node is stopping".into()));
        }
        self.takes_changes()?;
        let Some(handle) = self.sale_handle(sale).await? else {
            return Ok(Placed {
                verdict: Verdict::Refused(Refusal::UnknownSale),
                by: Tier::Ledger,
            });
        };
        let now = self.0.ledger.now();
        handle.counts().received(now);
        if let Some(refusal) = handle.refuse_from_memory(&order.id, key, now) {
            self.count_refused(&handle);
            return Ok(Placed { verdict: Verdict::Refused(refusal), by: Tier::Origin });
        }
        let Some(answer) = handle.queue(order, key) else {
            self.count_refused(&handle);
            let busy = Verdict::Refused(Refusal::Busy(handle.retry_after_ms()));
            return Ok(Placed { verdict: busy, by: Tier::Origin });
        };
        let deadline = Duration::from_millis(ORIGIN_DEADLINE_MS);
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(placed)) => placed,
            Ok(Err(_)) => Err(Fault::Unknown("the committer stopped".into())),
            Err(_) => Err(Fault::Unknown("the ledger is slow".into())),
        }
    }

    /// How a sale stands: what the ledger says now or said at most 100 ms ago, and which of the
    /// two.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn snapshot(&self, sale: &SaleId) -> Result<Option<(Snapshot, Tier)>, Fault> {
        let Some(handle) = self.sale_handle(sale).await? else {
            return Ok(None);
        };
        handle.recent_snapshot().await.map(Some)
    }

    /// The same with the terms that the buyer page shows.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn for_page(
        &self,
        sale: &SaleId,
    ) -> Result<Option<(Snapshot, PageTerms, Tier)>, Fault> {
        let Some(handle) = self.sale_handle(sale).await? else {
            return Ok(None);
        };
        let (snapshot, tier) = handle.recent_snapshot().await?;
        let page = handle.page_terms(snapshot.version).await?;
        Ok(Some((snapshot, page, tier)))
    }

    /// How a sale stands, straight from the ledger.
    ///
    /// # Errors
    /// See [`Fault`]; `NotSent` also when the ledger has lost the sale.
    pub async fn snapshot_now(&self, sale: &SaleId) -> Result<Option<Snapshot>, Fault> {
        let snapshot = self.0.ledger.snapshot(sale).await?;
        self.there(sale, snapshot)
    }

    /// `found`, which the ledger said of `sale`. That it has no such sale is no answer where this
    /// node serves the sale: then it was lost with all its orders, and no client is told that
    /// nothing was sold.
    ///
    /// # Errors
    /// The ledger has lost the sale.
    pub fn there<T>(&self, sale: &SaleId, found: Option<T>) -> Result<Option<T>, Fault> {
        if found.is_some() {
            self.is_back(sale);
        } else if self.knows(sale) {
            self.0.names.is_gone(sale);
            return Err(shared::admission::batcher::gone(sale));
        }
        Ok(found)
    }

    /// The ledger has `sale`. One that it had lost lacks what this node acknowledged, also where
    /// other nodes have healed it meanwhile without this one.
    fn is_back(&self, sale: &SaleId) {
        if self.0.names.is_back(sale) {
            self.0.ledger.recovering().want(sale);
        }
    }

    /// Whether the ledger had `sale` once, as far as this node can see: it serves it, or its
    /// journal names it.
    fn knows(&self, sale: &SaleId) -> bool {
        self.open_sale_handle(sale).is_some() || self.0.ledger.ack_journal().last(sale).is_some()
    }

    /// How the Redis servers of the ledger are set, and which sales they have lost.
    pub(crate) fn write_metrics(&self, page: &mut Page) {
        self.0.redis.write(page);
        page.gauge(
            "sales_gone",
            "Sales that this node serves and that the ledger has lost.",
            self.0.names.gone(),
        );
        page.gauge(
            "order_calls_waiting",
            "Reads and changes of orders that wait for a place at the ledger.",
            self.0.calls.waiting(),
        );
        let mut refused = page.begin(
            "order_calls_refused_total",
            "counter",
            "Reads and changes of orders that this node refused with busy, by reason.",
        );
        for (reason, count) in self.0.calls.refused() {
            refused.add(&[("reason", reason)], count);
        }
    }

    /// Names of sales that exist, for an edge that asked for one that this node does not serve.
    pub(crate) fn names_for_edges(&self) -> Option<HeaderValue> {
        self.0.names.header()
    }

    /// Whether this node may place and change orders.
    fn takes_changes(&self) -> Result<(), Fault> {
        self.0.redis.fit()?;
        self.has_its_number()
    }

    /// Changes a sale's capacity.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn restock(&self, sale: &SaleId, wanted: Restock) -> Reply<SaleChange> {
        self.changed(sale, sale_changes::restock(&self.0.ledger, sale, wanted).await).await
    }

    /// Opens, pauses or closes a sale.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn set_state(&self, sale: &SaleId, state: SaleState) -> Reply<SaleChange> {
        self.changed(sale, self.0.ledger.set_state(sale, state).await).await
    }

    /// Changes a sale's terms.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn set_terms(&self, sale: &SaleId, change: &TermsChange) -> Reply<SaleChange> {
        self.changed(sale, self.0.ledger.set_terms(sale, change).await).await
    }

    /// Acknowledges the log of a sale up to `to`, so that it may be forgotten.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn ack(&self, sale: &SaleId, to: u64) -> Reply<SaleChange> {
        self.changed(sale, self.0.ledger.ack(sale, to).await).await
    }

    /// The ledger itself, for what needs no sale handle.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The grant for the edge that asked for `sale` and reports its counts; `None` before
    /// the first ledger reply on the sale.
    #[must_use]
    pub fn grant(
        &self,
        sale: &SaleId,
        edge: &EdgeId,
        reported: Option<&EdgeCounts>,
    ) -> Option<Grant> {
        let handle = self.open_sale_handle(sale);
        match handle {
            Some(handle) => {
                if let Some(reported) = reported {
                    handle.counts().observe_edge(reported);
                }
                Some(handle.grant(edge, fastrand::f64()))
            }
            None => Some(Grant::of_unknown_sale(self.0.ledger.now())),
        }
    }

    /// Whether orders can be taken.
    ///
    /// # Errors
    /// What is failing, for `/readyz`.
    pub fn ready(&self) -> Result<(), String> {
        if self.0.draining.load(Ordering::Relaxed) {
            return Err("this node is stopping".into());
        }
        // Names the cause where the heartbeat fails by it, too.
        self.0.redis.ready()?;
        self.0.nodes.ready()?;
        self.0.counters.ledger_trouble().map_or(Ok(()), Err)
    }

    /// A node whose number another one has acknowledges nothing: after a loss of the ledger only
    /// one of the two would be waited for.
    fn has_its_number(&self) -> Result<(), Fault> {
        self.0.nodes.clash().map_or(Ok(()), |clash| Err(Fault::NotSent(clash)))
    }

    /// Whether another process has the number of this node.
    #[must_use]
    pub fn number_clashes(&self) -> bool {
        self.0.nodes.clash().is_some()
    }

    /// From now on new orders are refused, nothing happened here, so that an edge asks another
    /// node.
    pub fn take_no_more(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// What is known of each sale that this node serves, without asking the ledger.
    #[must_use]
    pub fn views(&self) -> Vec<SaleHandleView> {
        let handles = self.0.handles.read().unwrap_or_else(PoisonError::into_inner);
        let mut views: Vec<SaleHandleView> = handles.values().map(|handle| handle.view()).collect();
        drop(handles);
        views.sort_by(|a, b| {
            let asked = |view: &SaleHandleView| view.counts.asked_at();
            asked(b).cmp(&asked(a)).then_with(|| a.sale.cmp(&b.sale))
        });
        views
    }

    /// Updates the last seen snapshot of `sale`. This node serves it from now on, if there is room.
    pub fn observe(&self, sale: &SaleId, snapshot: &Snapshot) {
        self.0.names.add(sale);
        self.is_back(sale);
        let known = self.open_sale_handle(sale);
        if let Some(handle) = known.or_else(|| self.open(sale, snapshot).ok()) {
            handle.observe(snapshot);
        }
    }

    /// What has happened to the sales of this node, and to the other nodes.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.0.timeline
    }

    /// Takes no more orders, finishes those that wait, and leaves the list of live nodes.
    pub async fn drain(&self) {
        self.take_no_more();
        let handles: Vec<_> = {
            let handles = self.0.handles.read().unwrap_or_else(PoisonError::into_inner);
            handles.values().cloned().collect()
        };
        for handle in handles {
            handle.finish().await;
        }
        self.0.nodes.leave().await;
    }

    async fn changed<T>(&self, sale: &SaleId, reply: Reply<T>) -> Reply<T> {
        let reply = reply.and_then(|found| self.there(sale, found));
        if let Ok(Some((snapshot, _))) = &reply {
            self.observe(sale, snapshot);
        }
        reply
    }

    fn count_refused(&self, handle: &SaleHandle) {
        count(&self.0.counters.refused_by_origin);
        count(&handle.counts().refused_by_origin);
    }

    fn open_sale_handle(&self, sale: &SaleId) -> Option<Arc<SaleHandle>> {
        self.0.open_sale_handle(sale)
    }

    /// The sale handle of a sale; opened when the ledger has the sale, `None` when it has not.
    async fn sale_handle(&self, sale: &SaleId) -> Result<Option<Arc<SaleHandle>>, Fault> {
        if let Some(handle) = self.open_sale_handle(sale) {
            return Ok(Some(handle));
        }
        let names = &self.0.names;
        let _permit = if names.lists(sale) || self.0.ledger.ack_journal().last(sale).is_some() {
            let permit = self.0.listed_lookups.acquire().await;
            // Whoever waited before may have opened it.
            if let Some(handle) = self.open_sale_handle(sale) {
                return Ok(Some(handle));
            }
            permit.map_err(|_| Fault::NotSent("this node is stopping".into()))?
        } else if let Ok(permit) = self.0.lookups.try_acquire()
            && names.may_lookup()
        {
            permit
        } else if names.was_unknown(sale) {
            return Ok(None);
        } else {
            let many = "too many unknown sales are asked for";
            return Err(Fault::NotSent(many.into()));
        };
        let found = self.0.ledger.snapshot(sale).await?;
        let Some(snapshot) = self.there(sale, found)? else {
            names.is_unknown(sale);
            return Ok(None);
        };
        names.add(sale);
        self.note_moment(sale, &snapshot).await;
        self.open(sale, &snapshot).map(Some)
    }

    /// Notes when a sale opens or closes by itself: a node of an earlier version, which may have
    /// created it, does not.
    async fn note_moment(&self, sale: &SaleId, snapshot: &Snapshot) {
        if snapshot.next_moment().is_some()
            && let Err(fault) = self.0.ledger.note_moment(sale, snapshot, UnixMillis(0)).await
        {
            tracing::debug!("the next moment of sale {sale} could not be noted: {fault}");
        }
    }

    /// Lets sales open or close whose moment has come; says for how long none has.
    async fn poll_due(&self) -> Duration {
        let ledger = &self.0.ledger;
        let mut coming = ComingMoments::read(ledger).await;
        let due = std::mem::take(&mut coming.due);
        let polls = due.into_iter().map(|sale| async move {
            let found = self.snapshot_now(&sale).await;
            if let (Ok(Some(snapshot)), Some(handle)) = (&found, self.open_sale_handle(&sale)) {
                handle.observe(snapshot);
            }
            moments::note(ledger, &sale, found).await;
        });
        stream::iter(polls).buffer_unordered(POLLS_MAX).collect::<()>().await;
        coming.pause(ledger.now())
    }

    /// Opens the handle of a sale that stands as `snapshot` says, unless it is open already.
    fn open(&self, sale: &SaleId, snapshot: &Snapshot) -> Result<Arc<SaleHandle>, Fault> {
        let mut handles = self.0.handles.write().unwrap_or_else(PoisonError::into_inner);
        if handles.len() >= SALES_MAX && !handles.contains_key(sale) {
            self.close_idle(&mut handles);
        }
        if handles.len() >= SALES_MAX && !handles.contains_key(sale) {
            return Err(Fault::NotSent(format!("this node serves {SALES_MAX} sales already")));
        }
        let handle = handles.entry(sale.clone()).or_insert_with(|| {
            Committer::open(
                sale.clone(),
                self.0.ledger.clone(),
                Arc::clone(&self.0.nodes),
                Arc::clone(&self.0.counters),
                Arc::clone(&self.0.timeline),
                *snapshot,
            )
        });
        Ok(Arc::clone(handle))
    }

    /// Closes handles that nobody uses, those of closed sales first, then those that were asked for
    /// longest ago. Whoever asks again opens them again.
    fn close_idle(&self, handles: &mut HashMap<SaleId, Arc<SaleHandle>>) {
        let idle_ms = |handle: &SaleHandle| if handle.is_closed() { 0 } else { IDLE_MS };
        let idle = handles.iter().filter(|(_, handle)| handle.is_idle(idle_ms(handle)));
        let mut idle: Vec<(bool, u64, SaleId)> = idle
            .map(|(sale, handle)| (!handle.is_closed(), handle.counts().asked_at(), sale.clone()))
            .collect();
        idle.sort_unstable();
        for (sells, _, sale) in idle.into_iter().take(CLOSED_AT_ONCE) {
            handles.remove(&sale);
            if !sells {
                self.0.counters.forget_sale(&sale);
            }
        }
    }
}

impl Inner {
    fn open_sale_handle(&self, sale: &SaleId) -> Option<Arc<SaleHandle>> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).get(sale).cloned()
    }
}

/// Whether no order can come and no hold can end any more.
fn has_ended(snapshot: &Snapshot) -> bool {
    snapshot.state == SaleState::Closed && snapshot.held == 0
}
