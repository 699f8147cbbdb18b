//! Sale service: finds the handle of a sale and passes orders to it.

mod background_tasks;
mod ended_sales;
mod handles;
mod lookup_turns;
mod order_calls;
mod order_search;
mod seats;

use crate::api::sale_changes::{self, Restock};
use crate::healer::Healer;
use crate::membership::Nodes;
use crate::node_number::NodeNumber;
use crate::redis_watch::RedisWatch;
use crate::sale_handle::SaleHandle;
use crate::sale_names::SaleNames;
use crate::telemetry::metrics::{Counters, count};
use crate::timeline::{Timeline, TimelineEventKind};
use axum::http::HeaderValue;
use handles::{LISTED_LOOKUPS_MAX, LOOKUPS_MAX};
use lastseat_http::metrics::page::Page;
use lastseat_ledger::{Fault, Ledger, Reply, SaleChange, TermsChange};
use lookup_turns::LookupTurns;
use order_calls::OrderCalls;
use order_search::OrderSearches;
use shared::domain::order::KeySource;
use shared::domain::sale::PageTerms;
use shared::limits::{BATCHES_AT_LEDGER_MAX, ORIGIN_DEADLINE_MS};
use shared::{
    Actor, EdgeCounts, EdgeId, Grant, Placed, Refusal, Reserve, SaleId, SaleState, Snapshot, Tier,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;

pub use crate::membership::NodeIdentity;
pub use crate::sale_handle::SaleHandleView;
pub use lastseat_ledger::Verdict;
pub use order_calls::{CallPlace, CallRefused, Caller};
pub use order_search::SearchesBusy;

/// The sales of one node.
#[derive(Clone, Debug)]
pub struct Sales(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ledger: Ledger,
    calls: OrderCalls,
    searches: OrderSearches,
    nodes: Arc<Nodes>,
    /// Works for as long as it is here.
    _healer: Healer,
    counters: Arc<Counters>,
    handles: RwLock<HashMap<SaleId, Arc<SaleHandle>>>,
    lookup_turns: LookupTurns,
    lookups: Semaphore,
    listed_lookups: Semaphore,
    names: Arc<SaleNames>,
    redis: Arc<RedisWatch>,
    timeline: Arc<Timeline>,
    /// Batches that may be at the ledger at a time.
    turns: Arc<Semaphore>,
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
        // Of several servers one that is slow would hold up the sales of all.
        let turns =
            if ledger.has_one_server() { BATCHES_AT_LEDGER_MAX } else { Semaphore::MAX_PERMITS };
        let sales = Self(Arc::new(Inner {
            calls: OrderCalls::new(&ledger),
            searches: OrderSearches::new(&ledger),
            ledger,
            nodes,
            _healer: healer,
            counters,
            handles: RwLock::default(),
            lookup_turns: LookupTurns::default(),
            lookups: Semaphore::new(LOOKUPS_MAX),
            listed_lookups: Semaphore::new(LISTED_LOOKUPS_MAX),
            names,
            redis,
            timeline: Arc::default(),
            turns: Arc::new(Semaphore::new(turns)),
            draining: AtomicBool::new(false),
        }));
        sales.start_tasks();
        sales
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
        if let Some(verdict) = handle.refuse_from_memory(&order, key, now) {
            self.count_refused(&handle);
            return Ok(Placed { verdict, by: Tier::Origin });
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

    /// The terms that no node decides by, as they were read some seconds ago at the most.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn page_terms(&self, sale: &SaleId) -> Result<Option<PageTerms>, Fault> {
        let Some(handle) = self.sale_handle(sale).await? else {
            return Ok(None);
        };
        handle.page_terms(handle.version()).await.map(Some)
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
            self.note_found(sale);
        } else if self.has_had(sale) {
            self.0.names.note_lost(sale);
            return Err(shared::admission::batcher::gone(sale));
        }
        Ok(found)
    }

    /// The ledger has `sale`. One that it had lost lacks what this node acknowledged, also where
    /// other nodes have healed it meanwhile without this one.
    fn note_found(&self, sale: &SaleId) {
        if self.0.names.note_found(sale) {
            if let Some(handle) = self.open_sale_handle(sale) {
                handle.drop_plan();
            }
            self.0.ledger.recovering().want(sale);
        }
    }

    /// Whether the ledger had `sale` once, as far as this node can see: it serves it, or its
    /// journal names it.
    fn has_had(&self, sale: &SaleId) -> bool {
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

    /// What is seen of the Redis servers.
    pub(crate) fn redis(&self) -> &RedisWatch {
        &self.0.redis
    }

    /// Sales that this node has and that the ledger has lost.
    pub(crate) fn lost_sales(&self) -> Vec<SaleId> {
        self.0.names.lost_sales()
    }

    /// Whether `sale` exists, as far as this node has seen.
    pub(crate) fn lists(&self, sale: &SaleId) -> bool {
        self.0.names.lists(sale)
    }

    /// At most `most` sales that have not ended, by name, and how many there are.
    pub(crate) fn listed(&self, most: usize) -> (Vec<SaleId>, usize) {
        (self.0.names.listed_after(None, most), self.0.names.count())
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

    /// Changes a sale's capacity, for `actor`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn restock(
        &self,
        sale: &SaleId,
        wanted: Restock,
        actor: &Actor,
    ) -> Reply<SaleChange> {
        let ledger = self.0.ledger.acting_for(Some(actor));
        let reply = sale_changes::restock(&ledger, sale, wanted).await;
        self.changed_by(actor, TimelineEventKind::Restocked, sale, reply).await
    }

    /// Opens, pauses or closes a sale, for `actor`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn set_state(
        &self,
        sale: &SaleId,
        state: SaleState,
        actor: &Actor,
    ) -> Reply<SaleChange> {
        let reply = self.0.ledger.acting_for(Some(actor)).set_state(sale, state).await;
        let kind = match state {
            SaleState::Paused => TimelineEventKind::Paused,
            SaleState::Closed => TimelineEventKind::Closed,
            SaleState::Open | SaleState::Scheduled => TimelineEventKind::Opened,
        };
        self.changed_by(actor, kind, sale, reply).await
    }

    /// Changes a sale's terms, for `actor`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn set_terms(
        &self,
        sale: &SaleId,
        change: &TermsChange,
        actor: &Actor,
    ) -> Reply<SaleChange> {
        let ledger = self.0.ledger.acting_for(Some(actor));
        self.changed(sale, ledger.set_terms(sale, change).await).await
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

    /// The grant for the edge that made so many requests for `sale`, at least one, and reports its
    /// counts; `None` before the first ledger reply on the sale.
    #[must_use]
    pub fn grant(
        &self,
        sale: &SaleId,
        edge: &EdgeId,
        requests: u32,
        reported: Option<&EdgeCounts>,
    ) -> Option<Grant> {
        let handle = self.open_sale_handle(sale);
        match handle {
            Some(handle) => {
                if let Some(reported) = reported {
                    handle.counts().observe_edge(reported);
                }
                Some(handle.grant(edge, requests, fastrand::f64()))
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
        self.note_found(sale);
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

    /// As [`Sales::changed`], and the timeline says who made the change.
    async fn changed_by(
        &self,
        actor: &Actor,
        kind: TimelineEventKind,
        sale: &SaleId,
        reply: Reply<SaleChange>,
    ) -> Reply<SaleChange> {
        let reply = self.changed(sale, reply).await;
        if let Ok(Some((snapshot, SaleChange::Done))) = &reply {
            self.0.timeline.changed_by(actor, kind, sale, snapshot);
        }
        reply
    }

    fn count_refused(&self, handle: &SaleHandle) {
        count(&self.0.counters.refused_by_origin);
        count(&handle.counts().refused_by_origin);
    }
}
